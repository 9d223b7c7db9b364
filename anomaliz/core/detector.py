"""The detector contract: fit on normal behaviour, turn windows into errors."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from anomaliz.core.errors import AnomalizError, DataError
from anomaliz.core.types import Floats

if TYPE_CHECKING:
    from onnx import ModelProto


class NotFittedError(AnomalizError):
    """A detector was asked for errors before `fit` or `load`."""


class WindowDetector(ABC):
    """Judges one window alone, without memory.

    The public methods check their input and delegate to the private ones, so a new detector writes
    only those and its `name`. Constructors store parameters and nothing else; what `fit` learns
    has a trailing underscore. Windows are normalised float32 arrays `(n_windows, window_size,
    n_features)`; errors have the detector's own unit, and higher means stranger.
    """

    name: ClassVar[str]
    attributes: ClassVar[bool] = True
    """Whether `feature_errors` says which feature the error came from."""
    predicts: ClassVar[bool] = False
    """Whether `expected` forecasts the last row."""
    seeded: ClassVar[bool] = True
    """Whether the constructor takes a `seed`: whether fitting involves chance."""

    shape_: tuple[int, int]
    """(window_size, n_features) seen by `fit`."""

    def fit(self, windows: Floats) -> Self:
        """Learn what is normal from `windows (n, window_size, n_features)`."""
        windows = self._checked(windows)
        if not len(windows):
            raise DataError(f"{self.name} cannot be fitted on no windows")
        self._fit(windows)
        self.shape_ = (windows.shape[1], windows.shape[2])
        return self

    def errors(self, windows: Floats) -> Floats:
        """Return one error for each window, `(n,)`, higher = stranger."""
        return self._errors(self._fitted(windows))

    def feature_errors(self, windows: Floats) -> Floats:
        """Return each feature's part in the error, `(n, n_features)`, >= 0.

        A detector that cannot tell features apart (`attributes` is False) returns zeros.
        """
        windows = self._fitted(windows)
        if not self.attributes:
            return np.zeros((len(windows), windows.shape[2]))
        return self._feature_errors(windows)

    def expected(self, windows: Floats) -> Floats:
        """Return the forecast of each window's last row from its earlier rows, `(n, n_features)`."""
        if not self.predicts:
            raise NotImplementedError(f"{self.name} does not predict")
        return self._expected(self._fitted(windows))

    def to_onnx(self) -> "ModelProto":
        """Return the fitted detector as a graph.

        Its input is `windows` (float32, `(n, window_size, n_features)`); its outputs are `errors`
        and, where the detector has them, `feature_errors` and `expected`.
        """
        self._require_fit()
        return self._to_onnx()

    def save(self, directory: Path) -> None:
        """Write the fitted detector's files into `directory`, which is made."""
        self._require_fit()
        directory.mkdir(parents=True, exist_ok=True)
        self._save(directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        return cls._load(directory)

    def params(self) -> dict[str, Any]:
        """Return the constructor's parameters."""
        return {key: value for key, value in vars(self).items() if not key.endswith("_")}

    def _fitted(self, windows: Floats) -> Floats:
        self._require_fit()
        windows = self._checked(windows)
        if windows.shape[1:] != self.shape_:
            raise DataError(f"{self.name} was fitted on windows of {self.shape_}, got {windows.shape[1:]}")
        return windows

    def _require_fit(self) -> None:
        if not hasattr(self, "shape_"):
            raise NotFittedError(f"{self.name} is not fitted: call fit first")

    def _checked(self, windows: Floats) -> Floats:
        windows = np.asarray(windows)
        if windows.ndim != 3:
            raise DataError(
                f"{self.name} takes windows (n, window_size, n_features), got shape {windows.shape}"
            )
        if not np.issubdtype(windows.dtype, np.floating):
            raise DataError(f"{self.name} takes floating-point windows, got {windows.dtype}")
        if not np.isfinite(windows).all():
            raise DataError(f"{self.name} takes finite windows: fill or drop NaN and infinity first")
        return np.ascontiguousarray(windows, dtype=np.float32)

    @abstractmethod
    def _fit(self, windows: Floats) -> None: ...

    @abstractmethod
    def _errors(self, windows: Floats) -> Floats: ...

    def _feature_errors(self, windows: Floats) -> Floats:
        raise NotImplementedError

    def _expected(self, windows: Floats) -> Floats:
        raise NotImplementedError

    @abstractmethod
    def _to_onnx(self) -> "ModelProto": ...

    @abstractmethod
    def _save(self, directory: Path) -> None: ...

    @classmethod
    @abstractmethod
    def _load(cls, directory: Path) -> Self: ...
