import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.models.series.registry import series_detectors
from anomaliz.models.series.rows import Rows

DAY = 24


@pytest.mark.parametrize("period", [0, 1])
def test_without_the_rows_of_a_day_seasonal_detectors_are_left_out(period: int) -> None:
    seasonal = [one for one in series_detectors(1, DAY) if one.seasonal]
    assert [one.name for one in seasonal] == ["seasonal_residual"]
    assert not any(one.seasonal for one in series_detectors(1, period))
    with pytest.raises(DataError, match="needs the rows of a day: give the series stamps"):
        seasonal[0].fit(Rows(np.zeros((50, 1)), period))


@pytest.mark.parametrize("period", [0, 1, 2, DAY])
@pytest.mark.parametrize("n_features", [1, 2, 3, 50])
def test_names_tell_a_series_detectors_apart(n_features: int, period: int) -> None:
    names = [detector.name for detector in series_detectors(n_features, period)]
    assert len(set(names)) == len(names) > 1
