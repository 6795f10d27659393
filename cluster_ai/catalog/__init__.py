"""Models: who has what, what would fit where, and how they get there."""
