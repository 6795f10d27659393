"""SQL of the plans room; nowhere else. Every function takes the connection of a unit of work."""
