"""Day-2 operations: backups, each proven by restoring it, and their restoring."""
