"""The terminal interface: a thin App, one file per screen and widget."""
