"""What the parts have logged, kept and searched."""
