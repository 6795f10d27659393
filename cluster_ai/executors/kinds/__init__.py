"""The kinds of work, one module each."""
