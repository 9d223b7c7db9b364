"""Names for the arrays that everything passes around."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating]
"""Floating-point array; the docstring says which shape."""
Flags: TypeAlias = NDArray[np.bool_]
Stamps: TypeAlias = NDArray[np.datetime64]
"""UTC instants, `datetime64[ns]`."""
