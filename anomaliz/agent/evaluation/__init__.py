"""How good explanations are: incidents whose cause is known, because it was put there."""
