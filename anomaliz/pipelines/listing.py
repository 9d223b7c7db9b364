"""The table that `anomaliz pipelines list` prints."""

import numpy as np

from anomaliz.config.settings import Settings
from anomaliz.pipelines.definition import Definitions
from anomaliz.pipelines.outcome import is_of
from anomaliz.store.database import Store

HEADER = ("name", "schedule", "source", "sinks", "model", "scored until")


def table(definitions: Definitions, settings: Settings) -> str:
    """Return a line for each pipeline: what it is and how far it has come; StoreError without a store."""
    store = Store(settings.pipelines.store.get_secret_value())
    try:
        rows = [HEADER]
        for pipeline in definitions.pipelines:
            state, _ = store.state(pipeline.name)
            models = store.models(pipeline.name)
            version = models[0].version if models and is_of(models[0].version, pipeline) else None
            rows.append(
                (
                    pipeline.name,
                    pipeline.schedule,
                    definitions.source_name(pipeline),
                    ", ".join(definitions.sinks_of(pipeline)),
                    str(pipeline.bundle or version or "not trained yet"),
                    "never" if state is None else f"{np.datetime_as_string(state.watermark, 's')}Z",
                )
            )
    finally:
        store.close()
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
