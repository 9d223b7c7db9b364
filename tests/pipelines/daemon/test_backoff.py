from anomaliz.pipelines.daemon.backoff import FIRST, LONGEST, Backoff


def test_pauses_double_up_to_the_longest_and_end_with_a_success() -> None:
    now = [0.0]
    backoff = Backoff(lambda: now[0])
    assert backoff.ready("cpu")
    pauses = [backoff.failed("cpu") for _ in range(6)]
    assert pauses == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, LONGEST, LONGEST]
    assert not backoff.ready("cpu")
    assert backoff.ready("memory")
    now[0] = LONGEST
    assert backoff.ready("cpu")
    backoff.forget("cpu")
    assert backoff.failed("cpu") == FIRST
