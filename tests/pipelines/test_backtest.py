"""What would have alerted, and the threshold that is suggested for a number of alerts."""

import numpy as np
from pipeline_site import TRAINED, Site

from anomaliz.pipelines.backtest import Backtest
from anomaliz.pipelines.backtest_report import report, result_of

DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")


def backtest(site: Site) -> Backtest:
    return Backtest.run(site.books.backfill_task(site.pipeline, TRAINED, TRAINED + DAY))


def test_more_alerts_a_day_take_a_lower_threshold_until_alerts_grow_together(site: Site) -> None:
    found = backtest(site)
    wanted = [0, 1, 3, 8, 1000]
    suggestions = [found.suggestion(one) for one in wanted]
    alerts = [one.alerts for one in suggestions]
    thresholds = [one.threshold for one in suggestions]
    assert alerts == sorted(alerts)
    assert thresholds == sorted(thresholds, reverse=True)
    assert all(one.kept and one.alerts <= limit for one, limit in zip(suggestions, wanted, strict=True))
    # At the lowest threshold all points are one alert.
    assert alerts[-1] > 8


def test_alerts_that_no_threshold_keeps_away_are_said_to_be(site: Site) -> None:
    site.define(data_range=[None, 50])
    found = backtest(site)
    suggested = found.suggestion(0)
    assert (suggested.threshold, suggested.kept) == (1.0, False)
    assert suggested.alerts > 0
    said = report(result_of(found, suggested)).splitlines()[-1]
    assert said.startswith("no threshold gives at most 0 alerts a day, score.threshold: 1.0000 (")
