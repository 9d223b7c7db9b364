"""What detectors that are a few arrays share: their files."""

import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from anomaliz.core.detector import WindowDetector

MODEL_FILE = "model.npz"
PARAMS_FILE = "params.json"


class ClosedForm(WindowDetector):
    """A window detector whose `fit` computes arrays, without iterating; subclasses name them."""

    learnt: ClassVar[tuple[str, ...]]
    """The attributes that `fit` sets."""

    def _save(self, directory: Path) -> None:
        arrays = {name: getattr(self, name) for name in self.learnt}
        np.savez(directory / MODEL_FILE, allow_pickle=False, **arrays)
        state = {"params": self.params(), "shape": list(self.shape_)}
        (directory / PARAMS_FILE).write_text(json.dumps(state, indent=2) + "\n")

    @classmethod
    def _load(cls, directory: Path) -> Self:
        state = json.loads((directory / PARAMS_FILE).read_text())
        detector = cls(**state["params"])
        detector.shape_ = tuple(state["shape"])
        with np.load(directory / MODEL_FILE, allow_pickle=False) as arrays:
            for name in cls.learnt:
                setattr(detector, name, arrays[name])
        return detector
