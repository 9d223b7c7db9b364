"""Policies: what of a verdict counts, when it counts, and which of it becomes an event."""
