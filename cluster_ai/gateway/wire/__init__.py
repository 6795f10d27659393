"""The gateway's own HTTP client to its nodes."""
