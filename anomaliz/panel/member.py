"""The contract of a panel's members."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anomaliz.core.types import Floats
from anomaliz.panel.columns import Columns

Learnt = Mapping[str, Floats]
"""What a member learnt, `(..., c)` each."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What a member reads off the newest `n` rows of `c` columns."""

    errors: Sequence[Floats]
    """`(n, c)` for each time scale, >= 0, NaN where there is none."""
    expected: Floats | None = None
    """`(n, c)`, of a member that predicts."""


class Member(ABC):
    """Reads errors off all columns at once.

    An error depends on its row and at most `reach` rows of the columns before it, to the last bit. Missing
    values are left out of means.
    """

    name: str
    seasonal = False
    """Whether it needs to know how many rows a day has."""

    @property
    @abstractmethod
    def reach(self) -> int: ...

    def learn(self, columns: Columns) -> Learnt:  # noqa: ARG002  -- some learn nothing
        """Return what reading needs, from training `columns`, all of whose rows are the newest."""
        return {}

    @abstractmethod
    def read(self, columns: Columns, learnt: Learnt) -> Reading: ...
