"""A challenger beside the bundle in service."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from starlette.testclient import TestClient

from anomaliz.api import challenger as module
from anomaliz.api.challenger import Challenger
from anomaliz.api.challenger_monitoring import ChallengerMonitoring
from anomaliz.api.monitoring import Monitoring
from anomaliz.api.place import FolderPlace
from anomaliz.api.reload import BundleHolder
from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import MANIFEST_FILE

Window = dict[str, Any]
StartClient = Callable[..., TestClient]


def samples(client: TestClient) -> dict[str, float]:
    text = client.get("/metrics", headers={"Accept": "text/plain"}).text
    return {
        sample.name.removeprefix("anomaliz_challenger_") + "".join(sample.labels.values()): sample.value
        for family in parse(text)
        for sample in family.samples
        if "challenger" in sample.name
    }


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.025)
    pytest.fail("what was waited for did not happen in 10 s")


@pytest.fixture
def duel(start_client: StartClient, bundle_dir: Path, other_dir: Path) -> TestClient:
    """The other bundle differs by a threshold of 0.123."""
    return start_client(bundle_dir, api__challenger=str(other_dir))


def between(bundle: Bundle, window: Window) -> Window:
    """Return a window whose score lies between the two thresholds."""
    for cpu in np.linspace(window["cpu"][-1], 1.5, 200).tolist():
        values = np.array([*zip(*window.values(), strict=True)])
        values[-1, 0] = cpu
        score = float(bundle.score_windows(values[np.newaxis]).score[0])
        if 0.15 < score < bundle.profile.decision.threshold - 0.02:
            return window | {"cpu": [*window["cpu"][:-1], cpu]}
    raise AssertionError("no such window")


def test_agreement_is_counted_and_the_answer_is_the_champions(
    duel: TestClient, client: TestClient, bundle: Bundle, window: Window, strange_window: Window
) -> None:
    asked = [window, window, strange_window, between(bundle, window)]
    for body in asked:
        assert duel.post("/analyze", json=body).content == client.post("/analyze", json=body).content
    wait_for(lambda: samples(duel)["score_difference_count"] == len(asked))
    found = samples(duel)
    counted = {who: found[f"points_total{who}"] for who in ("both", "champion", "challenger", "neither")}
    assert counted == {"both": 1, "champion": 0, "challenger": 1, "neither": 2}
    # The scores of the two are the same.
    assert found["score_difference_bucket-0.001"] == 0
    assert found["score_difference_bucket0.001"] == len(asked)
    assert found["dropped_total"] == found["failed_total"] == found["unscored_total"] == 0


def test_a_batch_is_compared_window_by_window(
    duel: TestClient, window: Window, strange_window: Window
) -> None:
    body = {"windows": [window, {"cpu": []}, strange_window]}
    duel.post("/analyze/batch", json=body)
    wait_for(lambda: samples(duel)["score_difference_count"] == 2)
    assert samples(duel)["points_totalboth"] == samples(duel)["points_totalneither"] == 1


def test_a_long_history_is_judged_by_the_series_profile_of_both(
    duel: TestClient, bundle: Bundle, window: Window
) -> None:
    assert bundle.series is not None
    rows = bundle.series.enough // 10 + 1
    answer = duel.post("/analyze", json={name: column * rows for name, column in window.items()}).json()
    assert answer["profile"] == "series"
    wait_for(lambda: samples(duel)["score_difference_count"] == 1)


def test_readiness_names_the_challenger(duel: TestClient, other_dir: Path) -> None:
    named = duel.get("/readyz").json()
    assert named["challenger"]["bundle"]["sha256"] == Bundle.load(other_dir).sha256
    assert named["challenger"]["reason"] is None
    assert named["registry"] is None


def test_a_service_without_one_has_no_such_metrics(client: TestClient, window: Window) -> None:
    client.post("/analyze", json=window)
    assert samples(client) == {}
    assert client.get("/readyz").json()["challenger"] is None


def test_a_challenger_that_is_not_there_yet_may_come(
    start_client: StartClient, bundle_dir: Path, served_dir: Path, window: Window, tmp_path: Path
) -> None:
    client = start_client(bundle_dir, api__challenger=str(tmp_path / "later"))
    assert client.get("/readyz").status_code == 200
    assert "is not a complete bundle" in client.get("/readyz").json()["challenger"]["reason"]
    assert client.post("/analyze", json=window).status_code == 200
    served_dir.rename(tmp_path / "later")
    client.post("/reload")
    client.post("/analyze", json=window)
    wait_for(lambda: samples(client)["points_totalneither"] == 1)


def test_a_challenger_of_other_features_is_refused_and_the_service_is_ready(
    start_client: StartClient,
    bundle_dir: Path,
    other_dir: Path,
    window: Window,
    resigned: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    rename(other_dir, "latency", "delay", resigned)
    client = start_client(bundle_dir, api__challenger=str(other_dir))
    ready = client.get("/readyz")
    assert ready.status_code == 200
    reason = ready.json()["challenger"]["reason"]
    assert "takes cpu, memory, delay, and the bundle in service cpu, memory, latency" in reason
    assert [vars(record)["reason"] for record in caplog.records if record.levelname == "ERROR"] == [reason]
    assert client.post("/analyze", json=window).status_code == 200
    assert samples(client)["score_difference_count"] == samples(client)["failed_total"] == 0


@pytest.fixture
def challenger(bundle_dir: Path, other_dir: Path) -> Challenger:
    """One whose thread does not run."""
    champion = BundleHolder(FolderPlace(bundle_dir), Monitoring())
    measures = ChallengerMonitoring(Monitoring().registry)
    challenger = Challenger(BundleHolder(FolderPlace(other_dir), measures), champion, measures)
    champion.load()
    challenger.holder.load()
    return challenger


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(
    challenger: Challenger, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"score": 0.1, "anomaly": False}
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for _ in range(5):
        challenger.offer(bundle, bundle.canary, None, answer)
    assert value(challenger, "dropped_total") == 2
    monkeypatch.setattr(module, "MOST_WAITING", 100)
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 4 * bundle.canary.nbytes)
    for _ in range(2):
        challenger.offer(bundle, bundle.canary, None, answer)
    assert value(challenger, "dropped_total") == 3
    with challenger.running():
        wait_for(lambda: value(challenger, "score_difference_count") == 4)
        challenger.offer(bundle, bundle.canary, None, answer)
        wait_for(lambda: value(challenger, "score_difference_count") == 5)


def test_a_failure_is_counted_and_ends_nothing(challenger: Challenger, bundle: Bundle) -> None:
    answer = {"score": 0.1, "anomaly": False}
    closer = np.datetime64("2024-01-01", "ns") + np.arange(10) * np.timedelta64(1, "s")
    with challenger.running():
        challenger.offer(bundle, bundle.canary, closer, answer)  # of another step than the bundle's
        challenger.offer(bundle, bundle.canary[:4], None, answer)  # too short
        challenger.offer(bundle, bundle.canary, None, answer)
        wait_for(lambda: value(challenger, "score_difference_count") == 1)
    assert value(challenger, "failed_total") == 1
    assert value(challenger, "unscored_total") == 1


def test_features_go_by_name(challenger: Challenger, bundle: Bundle) -> None:
    class Turned:
        features = bundle.features[::-1]

    score = float(bundle.score_windows(bundle.canary[np.newaxis]).score[0])
    with challenger.running():
        challenger.offer(
            Turned(),  # type: ignore[arg-type]
            bundle.canary[:, ::-1],
            None,
            {"score": score, "anomaly": False},
        )
        wait_for(lambda: value(challenger, "score_difference_count") == 1)
    assert value(challenger, "score_difference_bucket", le="0.001") == 1
    assert value(challenger, "score_difference_bucket", le="-0.001") == 0


def test_its_thread_ends_with_the_service(challenger: Challenger) -> None:
    with challenger.running():
        assert "challenger" in {thread.name for thread in threading.enumerate()}
    assert "challenger" not in {thread.name for thread in threading.enumerate()}


def value(challenger: Challenger, name: str, **labels: str) -> float | None:
    registry = challenger._monitoring.registry
    return registry.get_sample_value(f"anomaliz_challenger_{name}", labels)


def rename(directory: Path, old: str, new: str, resigned: Callable[[Path], None]) -> None:
    manifest = json.loads((directory / MANIFEST_FILE).read_text())
    manifest["features"] = [new if name == old else name for name in manifest["features"]]
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest))
    resigned(directory)
