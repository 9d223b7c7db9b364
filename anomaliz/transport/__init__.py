"""HTTP to other systems: how to connect, and how long to try."""
