"""Who outside is told what happened here: webhooks, and messages to people."""
