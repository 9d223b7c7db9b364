from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pipeline_site import START, STEP, Site, daily

from anomaliz.config import load_settings


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An installation with eight days of one metric, the last of them after its training."""
    settings = load_settings(
        overrides={
            "pipelines.store": f"sqlite:///{tmp_path / 'state.db'}",
            "pipelines.folder": str(tmp_path / "pipelines"),
        },
        environ={},
        env_file=None,
    )
    site = Site(tmp_path, settings)
    n = 8 * 288
    site.insert(START + np.arange(n) * STEP, daily(n, seed=1))
    site.define()
    yield site
    site.close()
