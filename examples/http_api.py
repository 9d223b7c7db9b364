"""Lengths of queues, as an HTTP API gives them: `[{"time": "...", "queue": "mail", "length": 12}, ...]`."""

import json
import os
import urllib.parse
import urllib.request

import pandas as pd

URL = os.environ.get("QUEUES_URL", "http://localhost:8080/queues")
TOKEN = os.environ.get("QUEUES_TOKEN", "")


def fetch(start, end):
    query = urllib.parse.urlencode({"from": start.isoformat(), "to": end.isoformat()})
    request = urllib.request.Request(f"{URL}?{query}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def ingest(start, end):
    """Return the lengths in [start, end): a column of stamps, one of numbers, and what tells series apart."""
    rows = pd.DataFrame(fetch(start, end), columns=["time", "queue", "length"])
    return rows.rename(columns={"time": "timestamp"})
