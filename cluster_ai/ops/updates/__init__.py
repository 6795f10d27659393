"""The head's own program: found in a newer version, tried behind a gate, kept, or taken back by itself."""
