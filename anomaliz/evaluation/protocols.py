"""How a benchmark's series is divided, and which measures it then gets."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

from anomaliz.data.nab import NabFile
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.measures import (
    of_all_rows,
    of_detectors,
    of_test_rows,
    ranking_of_all_rows,
    ranking_of_test_rows,
)
from anomaliz.metrics.nab import labels_of, probation_rows


class Protocol(StrEnum):
    """The rules of a run."""

    NAB = "nab"
    """NAB's own: members are fitted on the probation, all rows count."""
    SPLIT = "split"
    """60% training, 20% validation, which may tune a threshold, 20% test."""
    EVALUATE = "evaluate"
    """Training and test rows as a file or a ratio says."""


DETECTORS = "detectors"
"""Key of the measures of each detector beside those of the whole."""

Measure: TypeAlias = Callable[[Scored], Mapping[str, Any]]


def _of_nab(scored: Scored) -> Mapping[str, Any]:
    return {**of_all_rows(scored), DETECTORS: ranking_of_all_rows(scored)}


def _of_evaluate(scored: Scored) -> Mapping[str, Any]:
    return {**of_test_rows(scored), DETECTORS: ranking_of_test_rows(scored)}


MEASURE: Mapping[Protocol, Measure] = {
    Protocol.NAB: _of_nab,
    Protocol.SPLIT: of_detectors,
    Protocol.EVALUATE: _of_evaluate,
}


def labelled(file: NabFile, protocol: Protocol) -> Labelled:
    """Return NAB's `file` divided as `protocol` says."""
    n = len(file.values)
    n_train, n_validation = probation_rows(n), 0
    if protocol is Protocol.SPLIT:
        n_train = n * 3 // 5
        n_validation = n * 4 // 5 - n_train
    return Labelled(
        name=file.path,
        values=file.values,
        times=file.times,
        labels=labels_of(n, file.windows),
        features=("value",),
        n_train=n_train,
        n_validation=n_validation,
        windows=file.windows,
        sources=file.sources,
    )
