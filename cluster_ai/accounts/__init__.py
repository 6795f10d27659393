"""Who may sign in: users, sessions, signing keys."""
