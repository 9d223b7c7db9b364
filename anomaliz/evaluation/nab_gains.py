"""What each series of a run adds to NAB's scores, as the run's JSON holds it.

The score of some series together is 100 times the sum of what they gain by the sum of the most that there is,
so runs can be compared on any series that both scored. The thresholds are the run's own.
"""

from anomaliz.metrics.nab import PROFILES

NAB_GAINS = "nab_gains"
"""Key, beside a series' measures, of its gains by profile."""
MOST, GAINED, GAINED_AT_DEFAULT = "most", "gained", "gained_at_default_threshold"
"""Keys below the profile: what there is to gain, and what is gained at the best threshold and the default."""

NAB_MEASURES = {
    **{f"nab_{profile}": (profile, GAINED) for profile in PROFILES},
    **{f"nab_{profile}_at_default_threshold": (profile, GAINED_AT_DEFAULT) for profile in PROFILES},
}
"""Profile and key of each NAB score."""
