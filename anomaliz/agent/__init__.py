"""The explanation agent: evidence in, a verdict that a person can act on out."""
