"""Plans and tickets: work that is never lost."""
