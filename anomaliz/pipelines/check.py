"""The dry run: systems are asked, queries run once, bundles judge what they give; nothing is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError
from anomaliz.core.labels import series_name
from anomaliz.core.panel import Panel
from anomaliz.pipelines.bundle_model import BundleModel
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.reading import read_panel
from anomaliz.pipelines.systems import open_sink, open_source
from anomaliz.pipelines.times import floor, ns, utc_now
from anomaliz.pipelines.writing import Writer

SHOWN_ROWS = 5
SHOWN_SERIES = 4
LEAST_STAMPS = 12
"""That are read where `context_window` asks for fewer."""


@dataclass(frozen=True)
class Checked:
    """What the dry run of one pipeline found."""

    pipeline: Pipeline
    faults: Sequence[str]
    panel: Panel | None
    """What its queries gave; None where they could not be asked."""

    def text(self) -> str:
        """Return it for people."""
        return "\n".join([f"pipeline {self.pipeline.name}", *(f"  {line}" for line in self._lines())])

    def _lines(self) -> Iterator[str]:
        for fault in self.faults:
            yield f"error: {fault}"
        if self.panel is None:
            return
        panel = self.panel
        if not panel.labels:
            yield "no data: nothing would be written, and the run would say no_data"
            return
        missing = np.isnan(panel.values)
        yield f"{len(panel.labels)} series, {len(panel)} stamps, {1 - missing.mean():.0%} of the points there"
        for i, feature in enumerate(panel.features):
            if missing[:, :, i].all():
                yield f"no data from the query of {feature}: check it, or leave it out"
        yield from _frame(panel).splitlines()
        yield "would write, for each series:"
        yield from _written(self.pipeline, panel)


def check(definitions: Definitions, settings: Settings) -> Iterator[Checked]:
    """Yield what each pipeline's dry run finds."""
    sinks = {name: _fault_of_sink(definitions, name, settings.pipelines.folder) for name in definitions.sinks}
    for pipeline in definitions.pipelines:
        yield _checked(definitions, pipeline, sinks, settings)


def _checked(
    definitions: Definitions, pipeline: Pipeline, sinks: dict[str, str | None], settings: Settings
) -> Checked:
    faults = [fault for name in definitions.sinks_of(pipeline) if (fault := sinks[name])]
    panel = None
    try:
        source = open_source(definitions.source_of(pipeline))
        try:
            source.check()
            end = floor(utc_now(), pipeline.step_ns)
            stamps = max(int(ns(pipeline.context_window or 0) // pipeline.step_ns), LEAST_STAMPS)
            panel = read_panel(source, pipeline, end - stamps * pipeline.step_ns, end)
        finally:
            source.close()
        if pipeline.bundle is not None:
            BundleModel.load(pipeline.bundle, settings).score(panel, 1, None)
    except AnomalizError as error:
        faults.insert(0, str(error))
    return Checked(pipeline, faults, panel)


def _fault_of_sink(definitions: Definitions, name: str, folder: Path) -> str | None:
    try:
        sink = open_sink(name, definitions.sinks[name], folder)
        try:
            sink.check()
        finally:
            sink.close()
    except AnomalizError as error:
        return f"sink {name}: {error}"
    return None


def _frame(panel: Panel) -> str:
    import pandas as pd

    names = [
        series_name(labels) if len(panel.features) == 1 else f"{series_name(labels)} {feature}"
        for labels in panel.labels[:SHOWN_SERIES]
        for feature in panel.features
    ]
    shown = panel.values[-SHOWN_ROWS:, :SHOWN_SERIES].reshape(min(SHOWN_ROWS, len(panel)), -1)
    frame = pd.DataFrame(shown, index=pd.DatetimeIndex(panel.times[-SHOWN_ROWS:]), columns=names)
    more = len(panel.labels) - SHOWN_SERIES
    return frame.to_string(na_rep="-") + (f"\n... and {more} more series" if more > 0 else "")


def _written(pipeline: Pipeline, panel: Panel) -> Iterator[str]:
    writer = Writer(pipeline)
    for name in writer.written:
        yield series_name(writer.example(name, panel.labels[0]))
