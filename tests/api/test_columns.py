import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.api.columns import ColumnReader
from anomaliz.core.errors import DataError

READER = ColumnReader(("a", "b"), window_size=2, max_rows=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "timestamps", "c"]), inner)
    ),
    max_leaves=12,
)


def test_rows_are_in_the_order_of_the_features() -> None:
    values, times = READER.read({"b": [3, 4], "a": [1, 2.5]})
    assert values.tolist() == [[1, 3], [2.5, 4]]
    assert values.dtype == np.float64
    assert values.flags.c_contiguous
    assert times is None


@given(ANYTHING | st.fixed_dictionaries({"a": ANYTHING, "b": ANYTHING}, optional={"timestamps": ANYTHING}))
def test_whatever_is_sent_is_a_finite_series_or_refused(body: object) -> None:
    try:
        values, times = READER.read(body)
    except DataError:
        return
    assert np.isfinite(values).all()
    assert 2 <= len(values) <= 5
    assert times is None or len(times) == len(values)


def test_a_number_beyond_64_bits_is_refused_where_it_stands() -> None:
    with pytest.raises(DataError, match=r"^b\[1\] is infinite or beyond"):
        READER.read({"a": [1, 2], "b": [1, 10**400]})
