"""How far a row is from a linear forecast of it."""

from collections.abc import Sequence

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.models.series.detector import Scale
from anomaliz.models.series.featurewise import FeaturewiseDetector
from anomaliz.models.series.rolling import delayed
from anomaliz.models.series.rows import Rows, daily_reach

MOST_ROWS = 20_000
"""Training rows that the regression is solved on, the newest."""


class Autoregression(FeaturewiseDetector):
    """Ridge regression of a row on the rows before it and on its daily median, in closed form.

    With `across` every feature is regressed on all of them (a vector autoregression), else on its own past.
    `horizon` rows lie between the newest regressor and the row; a longer one lets an anomaly explain less of
    itself. After Hoerl and Kennard, "Ridge regression" (Technometrics 1970).
    """

    def __init__(
        self,
        name: str = "autoregression",
        *,
        lags: int = 5,
        horizon: int = 1,
        across: bool = False,
        penalty: float = 10.0,
        scale: Scale = "range",
    ) -> None:
        self.name = name  # type: ignore[misc]  # several of them stand side by side
        self.lags = lags
        self.horizon = horizon
        self.across = across
        self.penalty = penalty
        self.scale = scale

    coefficients_: Floats
    """`(n_models, n_regressors, n_targets)`: one model for all features, or one for each."""

    @property
    def reach(self) -> int:
        past = self.lags + self.horizon - 1
        return max(past, daily_reach(self.period_) + 1 if self.period_ else 0)

    @property
    def min_history(self) -> int:
        return max(self.lags + self.horizon - 1, self.period_ + 1 if self.period_ else 0)

    def _learn(self, rows: Rows) -> None:
        part = rows.normal_for(self.lags + self.horizon)
        part[: max(min(self.min_history, len(rows) // 2), len(rows) - MOST_ROWS)] = False
        self.coefficients_ = np.array(
            [
                _ridge(regressors[part], targets[part], self.penalty)
                for regressors, targets in self._models(rows)
            ]
        )

    def _feature_readings(self, rows: Rows) -> tuple[list[Floats], Floats | None]:
        forecasts = [
            regressors @ coefficients
            for (regressors, _), coefficients in zip(self._models(rows), self.coefficients_, strict=True)
        ]
        expected = np.concatenate(forecasts, axis=1)
        return [np.abs(rows.values - expected)], expected

    def _models(self, rows: Rows) -> Sequence[tuple[Floats, Floats]]:
        """Return the regressors and the targets of each model."""
        values = rows.values
        past = [delayed(values, self.horizon + lag) for lag in range(self.lags)]
        if self.period_:
            past += [rows.daily_median, delayed(rows.daily_median, 1)]
        if self.across:
            return [(_with_constant(past), values)]
        features = range(values.shape[1])
        return [(_with_constant([lag[:, [c]] for lag in past]), values[:, [c]]) for c in features]


def _with_constant(parts: Sequence[Floats]) -> Floats:
    return np.concatenate([*parts, np.ones((len(parts[0]), 1))], axis=1)


def _ridge(regressors: Floats, targets: Floats, penalty: float) -> Floats:
    normal = regressors.T @ regressors
    normal[np.diag_indices_from(normal)] += penalty
    coefficients: Floats = np.linalg.solve(normal, regressors.T @ targets)
    return coefficients
