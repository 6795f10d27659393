"""DEPLOY: a set of files as a release that is switched to at once, and back when it is not healthy."""
