"""What changes models on nodes."""
