import numpy as np
import pytest

from anomaliz.core.verdict import CRITICAL_SURPRISE
from anomaliz.detection.fusion import fuse, window_weights

THREE = ("isolation_forest", "lstm_autoencoder", "lstm_forecaster")


def test_lstms_share_their_weight_and_the_others_the_rest() -> None:
    np.testing.assert_allclose(window_weights(THREE, 0.7), [0.3, 0.35, 0.35])


@pytest.mark.parametrize("members", [THREE[1:], THREE[:1]])
def test_one_kind_alone_takes_all(members: tuple[str, ...]) -> None:
    np.testing.assert_allclose(window_weights(members, 0.7), 1 / len(members))


def test_fused_is_the_weighted_mean() -> None:
    assert fuse(np.array([[1.0, 2.0, 4.0]]), np.array([0.5, 0.25, 0.25]))[0] == 2.0


def test_one_runaway_member_does_not_drown_the_others() -> None:
    weights = np.array([0.5, 0.5])
    assert (
        fuse(np.array([[0.0, 300.0]]), weights)[0] == fuse(np.array([[0.0, CRITICAL_SURPRISE]]), weights)[0]
    )
