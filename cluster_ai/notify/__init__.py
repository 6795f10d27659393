"""Who outside is told: webhooks."""
