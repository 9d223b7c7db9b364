"""The body of /detect: a series as JSON records or CSV."""

from collections.abc import Sequence
from io import BytesIO

from anomaliz.api.body import parse_json
from anomaliz.api.columns import check_rows, refuse_unknown
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats, Stamps
from anomaliz.data.dataset import Dataset
from anomaliz.data.tabular import read_dataset, rows_from_records

RECORDS = "records"


def series_from_json(raw: bytes, bundle: Bundle, max_rows: int) -> tuple[Floats, Stamps | None]:
    """Return the values `(n, n_features)`, NaN = missing, and the stamps `(n,)` if given, of JSON records.

    Raises ProblemError 400 for a body that is not JSON, DataError with the field for one that is no series.
    """
    records = _records(parse_json(raw))
    check_rows(len(records), bundle.window_size, max_rows, RECORDS)
    return rows_from_records(records, bundle.features)


def series_from_csv(raw: bytes, bundle: Bundle, max_rows: int) -> tuple[Floats, Stamps | None]:
    """Return the same of CSV with a `timestamp` column and one column per feature, in any order."""
    dataset = read_dataset(BytesIO(raw), format="csv", max_rows=max_rows, to_score=True)
    check_rows(len(dataset), bundle.window_size, max_rows)
    return in_order(dataset, bundle.features), dataset.times


def in_order(dataset: Dataset, features: Sequence[str]) -> Floats:
    """Return the values `(n, n_features)` of these features; DataError where the dataset has others."""
    for name in dataset.features:
        if name not in features:
            refuse_unknown(name, features)
    for feature in features:
        if feature not in dataset.features:
            raise DataError(f"{feature} is missing: add a column of that name", field=feature)
    return dataset.values[:, [dataset.features.index(feature) for feature in features]]


def _records(body: object) -> list[dict[str, object]]:
    if isinstance(body, dict) and set(body) == {RECORDS}:
        body = body[RECORDS]
    if not isinstance(body, list):
        raise DataError(
            f'the body must be an array of records, or an object with "{RECORDS}" and nothing else',
            field=RECORDS,
        )
    return body
