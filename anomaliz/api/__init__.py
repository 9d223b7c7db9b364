"""The HTTP service: a loaded bundle behind FastAPI."""
