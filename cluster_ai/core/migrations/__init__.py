"""Alembic's home: ``versions/`` holds every change of the tables, oldest first, for both databases."""
