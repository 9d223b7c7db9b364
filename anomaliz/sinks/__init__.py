"""Where scores go: one system a file, one protocol."""
