"""Pipelines: read metrics where they live, score them on a schedule, write the scores back."""
