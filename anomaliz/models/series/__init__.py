"""Detectors that judge a row by the rows before it, one a file, and which of them a series gets."""
