"""The one door to what serves on a machine: mutual TLS, each request checked, then handed through byte by byte."""
