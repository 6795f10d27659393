"""What runs on each machine: it tells the head about the machine, and is the one door to what serves there."""
