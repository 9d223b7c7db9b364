"""How far values are from a linear forecast of them."""

from collections.abc import Sequence

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.panel.columns import LONGEST_MEAN, RECENT, STANDS_FOR, Columns
from anomaliz.panel.member import Learnt, Member, Reading


class Autoregression(Member):
    """Ridge regression of a value on those of the rows before it and on the daily median, in closed form.

    With `across` on those of all features of the series, else on its own alone. `horizon` rows lie between
    the newest regressor and the row; the oldest regressor is at most RECENT rows before it. After Hoerl and
    Kennard, "Ridge regression" (Technometrics 1970).
    """

    def __init__(
        self, name: str, *, horizon: int = 1, across: bool = False, lags: int = 5, penalty: float = 10.0
    ) -> None:
        self.name = name
        self.horizon = horizon
        self.across = across
        self.lags = lags
        self.penalty = penalty

    @property
    def reach(self) -> int:
        return RECENT + STANDS_FOR

    def learn(self, columns: Columns) -> Learnt:
        width = columns.n_features if self.across else 1
        regressors = _by_model(self._regressors(columns), width)
        targets = columns.newest.reshape(columns.n, -1, width).transpose(1, 0, 2)
        missing = np.isnan(np.concatenate([regressors, targets], axis=2)).any(axis=2)
        usable = np.logical_not(missing)[..., np.newaxis]
        regressors, targets = np.where(usable, regressors, 0), np.where(usable, targets, 0)
        normal = regressors.transpose(0, 2, 1) @ regressors
        normal += self.penalty * np.eye(normal.shape[1])
        solved = np.linalg.solve(normal, regressors.transpose(0, 2, 1) @ targets)
        return {"coefficients": solved.transpose(1, 0, 2).reshape(normal.shape[1], -1)}

    def read(self, columns: Columns, learnt: Learnt) -> Reading:
        width = columns.n_features if self.across else 1
        terms = _by_model(self._regressors(columns), width).transpose(2, 1, 0)
        expected = np.zeros(columns.newest.shape)
        # Term by term: a product of matrices may sum in another order for another number of rows.
        for term, coefficient in zip(terms, learnt["coefficients"], strict=True):
            expected += np.repeat(term, width, axis=1) * coefficient
        return Reading([np.abs(columns.newest - expected)], expected)

    def _regressors(self, columns: Columns) -> Sequence[Floats]:
        """Return what a value is regressed on, the constant aside, `(n, c)` each."""
        past = [columns.before(self.horizon + lag) for lag in range(self.lags)]
        if columns.daily is None:
            return past
        there = columns.daily[LONGEST_MEAN:], columns.daily[LONGEST_MEAN - 1 : -1]
        return [*past, *(np.where(np.isnan(daily), past[0], daily) for daily in there)]


def _by_model(regressors: Sequence[Floats], width: int) -> Floats:
    """Return what each model, of `width` columns, regresses on, a constant last, `(models, n, terms)`."""
    n = len(regressors[0])
    stacked = np.stack([term.reshape(n, -1, width) for term in regressors], axis=2)
    models = stacked.reshape(n, stacked.shape[1], -1).transpose(1, 0, 2)
    return np.concatenate([models, np.ones((*models.shape[:2], 1))], axis=2)
