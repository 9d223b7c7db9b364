"""How a benchmark's series is divided, and which measures it then gets."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

from anomaliz.data.nab import NabFile
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.measures import of_all_rows, of_detectors, of_test_rows
from anomaliz.metrics.nab import labels_of, probation_rows


class Protocol(StrEnum):
    """The rules of a run."""

    NAB = "nab"
    """NAB's own: members are fitted on the probation, all rows count."""
    SPLIT = "split"
    """60% training, 20% validation, which may tune a threshold, 20% test."""
    EVALUATE = "evaluate"
    """Training and test rows as a file or a ratio says."""


Measure: TypeAlias = Callable[[Scored], Mapping[str, Any]]

MEASURE: Mapping[Protocol, Measure] = {
    Protocol.NAB: of_all_rows,
    Protocol.SPLIT: of_detectors,
    Protocol.EVALUATE: of_test_rows,
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
    )
