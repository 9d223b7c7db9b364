"""Anomaliz finds anomalies in metrics and says why."""

__version__ = "0.1.0"
