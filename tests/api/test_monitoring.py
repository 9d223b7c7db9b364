import numpy as np
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from anomaliz.api.monitoring import Monitoring
from anomaliz.bundle.bundle import Bundle


def samples(monitoring: Monitoring) -> dict[str, float]:
    found = parse(generate_latest(monitoring.registry).decode())
    return {
        sample.name + sample.labels.get("le", "") + sample.labels.get("method", ""): sample.value
        for family in found
        for sample in family.samples
    }


def test_scores_are_counted_however_many_come_at_once(bundle: Bundle) -> None:
    one_by_one, at_once = Monitoring(), Monitoring()
    verdicts = bundle.score(np.tile(bundle.canary, (20, 1)))
    at_once.scored(verdicts)
    windows = np.lib.stride_tricks.sliding_window_view(np.tile(bundle.canary, (20, 1)), 10, axis=0)
    for window in windows.transpose(0, 2, 1):
        one_by_one.scored(bundle.score_windows(window[np.newaxis]))
    first, second = samples(one_by_one), samples(at_once)
    for name in ("anomaliz_points_scored_total", "anomaliz_anomalies_total", "anomaliz_score_count"):
        assert first[name] == second[name]
    assert second["anomaliz_points_scored_total"] == 191
    assert np.isclose(first["anomaliz_score_sum"], second["anomaliz_score_sum"], rtol=1e-4)


def test_buckets_are_cumulative_and_hold_their_bound(bundle: Bundle) -> None:
    monitoring = Monitoring()
    verdicts = bundle.score(bundle.canary)
    monitoring.scored(verdicts)
    found = samples(monitoring)
    score = verdicts.score[-1]
    bounds = [round(i / 10, 1) for i in range(1, 11)]
    assert [found[f"anomaliz_score_bucket{bound}"] for bound in bounds] == [
        score <= bound for bound in bounds
    ]
    assert found["anomaliz_score_bucket+Inf"] == 1


def test_methods_that_clients_invent_make_no_new_label() -> None:
    monitoring = Monitoring()
    for method in ("GET", "BREW", "FROB"):
        monitoring.answered("/x", method, 405, 0.001)
    found = samples(monitoring)
    assert found["anomaliz_requests_totalother"] == 2
    assert found["anomaliz_requests_totalGET"] == 1
