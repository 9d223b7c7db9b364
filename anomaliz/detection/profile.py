"""A profile: the members that score together, with their calibration, fusion and threshold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from anomaliz.core.score import MAX_SURPRISE
from anomaliz.core.types import Flags, Floats
from anomaliz.core.verdict import CRITICAL_SURPRISE
from anomaliz.detection.attribution import contributions, residual_scale
from anomaliz.detection.calibration import Tail, Tails
from anomaliz.detection.fusion import fuse
from anomaliz.detection.thresholds import Decision, decide

WINDOW_PROFILE = "window"
"""The profile of the detectors that judge one window alone."""
BAND = (0.005, 0.995)
"""Residual quantiles between which 99% of normal points lie."""


@dataclass(frozen=True)
class Readings:
    """What the members read off `n` windows; maps are by detector name."""

    errors: Mapping[str, Floats]
    """`(n,)` each."""
    feature_errors: Mapping[str, Floats]
    """`(n, n_features)` each, of the members that can tell features apart."""
    expected: Mapping[str, Floats]
    """`(n, n_features)` each, in the data's unit, of the members that predict."""


@dataclass(frozen=True)
class Member:
    """One detector's part in a profile."""

    name: str
    weight: float
    tail: Tail
    residual_scale: Floats | None
    """`(n_features,)`, or None for a member that cannot tell features apart."""

    def to_json(self) -> dict[str, Any]:
        scale = None if self.residual_scale is None else self.residual_scale.tolist()
        return {
            "name": self.name,
            "weight": self.weight,
            "tail": self.tail.to_json(),
            "residual_scale": scale,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        scale = state["residual_scale"]
        return cls(
            state["name"],
            state["weight"],
            Tail.from_json(state["tail"]),
            None if scale is None else np.array(scale, np.float64),
        )


@dataclass(frozen=True)
class Expectation:
    """Which member speaks for the expected value, and the band around it."""

    detector: str
    lower: Floats
    """Residual quantiles `(n_features,)` to add to the expected value."""
    upper: Floats

    @classmethod
    def choose(cls, expected: Mapping[str, Floats], observed: Floats) -> Self | None:
        """Take the member with the smallest median absolute residual, feature by feature scaled."""
        if not expected:
            return None
        scale = np.maximum(np.ptp(observed, axis=0), 1e-12)
        best = min(expected, key=lambda name: np.median(np.abs(observed - expected[name]) / scale))
        lower, upper = np.quantile(observed - expected[best], BAND, axis=0)
        return cls(best, lower, upper)

    def to_json(self) -> dict[str, Any]:
        return {"detector": self.detector, "lower": self.lower.tolist(), "upper": self.upper.tolist()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        return cls(state["detector"], np.array(state["lower"]), np.array(state["upper"]))


@dataclass(frozen=True)
class Judgement:
    """What a profile makes of `n` windows' readings."""

    surprise: Floats
    detector_surprise: Floats
    contributions: Floats
    expected: Floats
    expected_lower: Floats
    expected_upper: Floats


@dataclass(frozen=True)
class Profile:
    """Everything between readings and verdicts."""

    name: str
    members: tuple[Member, ...]
    fused: Tail
    decision: Decision
    expectation: Expectation | None

    @classmethod
    def calibrate(
        cls,
        name: str,
        weights: Mapping[str, float],
        training: Readings,
        validation: Readings,
        observed: Floats,
        normal: Flags,
        labels: Flags | None,
        *,
        tail_quantile: float,
        alert_budget: float,
    ) -> Self:
        """Fit tails on the `normal (n,)` part of validation, and choose the threshold on all of it.

        `observed (n, n_features)` and `labels (n,)` are those of the validation windows' last rows;
        `training` holds the readings of normal training windows.
        """
        members = tuple(
            Member(
                member,
                weight,
                Tail.fit(validation.errors[member][normal], tail_quantile),
                _scale_of(training.feature_errors.get(member)),
            )
            for member, weight in weights.items()
        )
        surprise = Tails([member.tail for member in members]).surprise(_errors(validation, weights))
        shares = np.array(list(weights.values()))
        fused = fuse(surprise, shares)
        tail = Tail.fit(fused[normal], tail_quantile)
        # What comes out when every member is as surprised as it can be.
        most = float(tail.surprise(fuse(np.full((1, len(members)), CRITICAL_SURPRISE), shares))[0])
        decision = decide(tail, tail.surprise(fused), labels, alert_budget, min(most, MAX_SURPRISE))
        expected = {member: values[normal] for member, values in validation.expected.items()}
        return cls(name, members, tail, decision, Expectation.choose(expected, observed[normal]))

    @cached_property
    def detectors(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members)

    @cached_property
    def weights(self) -> Floats:
        return np.array([member.weight for member in self.members])

    @cached_property
    def _tails(self) -> Tails:
        return Tails([member.tail for member in self.members])

    @cached_property
    def _fused_tail(self) -> Tails:
        return Tails([self.fused])

    @cached_property
    def _attributing(self) -> tuple[Sequence[str], Sequence[Floats]]:
        found = [(m.name, m.residual_scale) for m in self.members if m.residual_scale is not None]
        return [name for name, _ in found], [scale for _, scale in found]

    def judge(self, readings: Readings, n_features: int) -> Judgement:
        """Calibrate, fuse and attribute the readings of `n` windows."""
        surprise = self._tails.surprise(_errors(readings, self.detectors))
        n = len(surprise)
        names, scales = self._attributing
        shares = contributions([readings.feature_errors[name] for name in names], scales, n, n_features)
        expected, lower, upper = self._band(readings, n, n_features)
        fused = self._fused_tail.surprise(fuse(surprise, self.weights)[:, np.newaxis])
        return Judgement(fused[:, 0], surprise, shares, expected, lower, upper)

    def to_json(self) -> dict[str, Any]:
        return {
            "members": [member.to_json() for member in self.members],
            "fusion": {"method": "weighted mean of surprises", "tail": self.fused.to_json()},
            "decision": self.decision.to_json(),
            "expectation": self.expectation.to_json() if self.expectation else None,
        }

    @classmethod
    def from_json(cls, name: str, state: Mapping[str, Any]) -> Self:
        return cls(
            name,
            tuple(Member.from_json(member) for member in state["members"]),
            Tail.from_json(state["fusion"]["tail"]),
            Decision.from_json(state["decision"]),
            Expectation.from_json(state["expectation"]) if state["expectation"] else None,
        )

    def _band(self, readings: Readings, n: int, n_features: int) -> tuple[Floats, Floats, Floats]:
        if not self.expectation:
            unknown = np.full((n, n_features), np.nan)
            return unknown, unknown, unknown
        expected = readings.expected[self.expectation.detector]
        return expected, expected + self.expectation.lower, expected + self.expectation.upper


def _scale_of(feature_errors: Floats | None) -> Floats | None:
    return None if feature_errors is None else residual_scale(feature_errors)


def _errors(readings: Readings, members: Iterable[str]) -> Floats:
    """Return the members' errors side by side, `(n, n_members)`."""
    return np.array([readings.errors[member] for member in members]).T
