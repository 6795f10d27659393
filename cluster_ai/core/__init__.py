"""Plumbing that every room stands on. No word of a feature belongs here."""
