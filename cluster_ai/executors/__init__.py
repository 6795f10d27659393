"""How one kind of work is done in a worker process."""
