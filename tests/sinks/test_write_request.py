import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from anomaliz.sinks.sink import Samples
from anomaliz.sinks.write_request import decode_request, encode_batch, encode_request

numbers = arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats(allow_nan=False))


@given(st.lists(numbers, max_size=5), st.integers(-(2**40), 2**42), st.integers(1, 7))
def test_what_is_encoded_is_decoded(values: list[np.ndarray], first: int, most: int) -> None:
    batch = [
        Samples(
            {"__name__": "m", "i": str(i)}, (first + np.arange(len(found))).astype("datetime64[ms]"), found
        )
        for i, found in enumerate(values)
    ]
    series = decode_request(encode_request(encode_batch(batch, most)))
    assert all(0 < len(one) <= most for one in series)
    found = np.concatenate([one.samples["value"] for one in series] or [np.empty(0)])
    assert np.array_equal(found, np.concatenate(values or [np.empty(0)]))
    stamps = np.concatenate([one.stamps() for one in series] or [np.empty(0, np.uint64)]).view(np.int64)
    assert np.array_equal(
        stamps, np.concatenate([first + np.arange(len(one)) for one in values] or [np.empty(0)])
    )


def test_the_bytes_are_those_of_the_protocol() -> None:
    batch = [Samples({"b": "2", "__name__": "m"}, np.array([1], "datetime64[ms]"), np.array([1.0]))]
    labels = b"\x0a\x0d\x0a\x08__name__\x12\x01m" + b"\x0a\x06\x0a\x01b\x12\x012"
    stamp = b"\x81" + b"\x80" * 8 + b"\x00"
    sample = b"\x12\x14" + b"\x09\x00\x00\x00\x00\x00\x00\xf0\x3f" + b"\x10" + stamp
    series = labels + sample
    assert encode_request(encode_batch(batch, 10)) == b"\x0a" + bytes([len(series)]) + series
