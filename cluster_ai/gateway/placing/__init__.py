"""Which node a call goes to, and who waits for it how long."""
