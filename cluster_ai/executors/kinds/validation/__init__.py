"""VALIDATE: what is wrong with files, and one score for it."""
