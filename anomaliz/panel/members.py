"""Which members a panel gets: one set for one metric a series and one for several, the same for all data."""

from collections.abc import Sequence

from anomaliz.panel.autoregression import Autoregression
from anomaliz.panel.member import Member
from anomaliz.panel.seasonal_residual import SeasonalResidual
from anomaliz.panel.shifts import LevelShift, VarianceShift


def members_of(n_features: int, period: int) -> Sequence[Member]:
    """Return the members for series of `n_features` with `period` rows a day (0 = unknown)."""
    members = _single() if n_features == 1 else _several()
    return [member for member in members if period or not member.seasonal]


def _single() -> Sequence[Member]:
    """One metric: different kinds of error, since there is no other metric to compare with."""
    return [SeasonalResidual(), LevelShift(), VarianceShift(), Autoregression("autoregression")]


def _several() -> Sequence[Member]:
    """Several metrics of one thing: forecasts of each from its own past."""
    return [Autoregression("autoregression"), Autoregression("autoregression_two_steps", horizon=2)]
