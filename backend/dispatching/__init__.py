"""How tickets get done, as the API opens it: the dispatcher's loop, the worker's door, incidents and telemetry."""
