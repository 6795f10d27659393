"""What every HTTP listener of ours shares: receive deadlines, size caps, the Host allow-list, one way to serve."""
