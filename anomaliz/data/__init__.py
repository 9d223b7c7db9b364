"""Historical series with labels: synthetic and from files; how they are split."""
