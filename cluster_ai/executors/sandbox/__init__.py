"""Runs a program that nobody vouches for: what it may see, use and reach, and how it is ended."""
