"""The routes, a file for each noun that can be asked for."""
