"""Routes of the management API, one file per noun."""
