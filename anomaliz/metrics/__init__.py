"""How well scores find labelled anomalies: pure functions of arrays."""
