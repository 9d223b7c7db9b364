"""The daemon: runs pipelines when they are due, for as long as the process lives."""
