"""How far values are from a linear forecast of them."""

from collections.abc import Sequence

import numpy as np

from anomaliz.core.types import Floats
from anomaliz.panel.columns import LONGEST_MEAN, RECENT, STANDS_FOR, Columns
from anomaliz.panel.member import Learnt, Member, Reading


class Autoregression(Member):
    """Ridge regression of each column on its rows before and on its daily median, in closed form.

    `horizon` rows lie between the newest regressor and the row; the oldest is at most RECENT rows before it.
    After Hoerl and Kennard, "Ridge regression" (Technometrics 1970).
    """

    def __init__(self, name: str, *, horizon: int = 1, lags: int = 5, penalty: float = 10.0) -> None:
        self.name = name
        self.horizon = horizon
        self.lags = lags
        self.penalty = penalty

    @property
    def reach(self) -> int:
        return RECENT + STANDS_FOR

    def learn(self, columns: Columns) -> Learnt:
        terms = np.stack([*self._terms(columns), columns.newest], axis=-1).transpose(1, 0, 2)
        missing = np.isnan(terms).any(axis=2, keepdims=True)
        terms = np.where(missing, 0.0, terms)
        regressors, targets = terms[..., :-1], terms[..., -1:]
        products = regressors.transpose(0, 2, 1) @ regressors
        products += self.penalty * np.eye(products.shape[1])
        coefficients = np.linalg.solve(products, regressors.transpose(0, 2, 1) @ targets)
        return {"coefficients": coefficients[..., 0].T}

    def read(self, columns: Columns, learnt: Learnt) -> Reading:
        expected = np.zeros(columns.newest.shape)
        # Term by term: a product of matrices may sum in another order for another number of rows.
        for term, coefficient in zip(self._terms(columns), learnt["coefficients"], strict=True):
            expected += term * coefficient
        return Reading([np.abs(columns.newest - expected)], expected)

    def _terms(self, columns: Columns) -> Sequence[Floats]:
        """Return what a value is regressed on, `(n, c)` each, the constant last."""
        past = [columns.before(self.horizon + lag) for lag in range(self.lags)]
        constant = np.ones(columns.newest.shape)
        if columns.daily is None:
            return [*past, constant]
        daily = columns.daily[LONGEST_MEAN:], columns.daily[LONGEST_MEAN - 1 : -1]
        return [*past, *(np.where(np.isnan(one), past[0], one) for one in daily), constant]
