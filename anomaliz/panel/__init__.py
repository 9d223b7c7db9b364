"""Many series scored in one array pass."""
