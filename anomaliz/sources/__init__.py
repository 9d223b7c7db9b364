"""Where series come from: one system a file, one protocol."""
