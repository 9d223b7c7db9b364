"""The choices of the series profile, and what else could have been chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anomaliz.models.series.registry import series_detectors
from benchmarks.readings import NAB, SERVERS, candidates
from benchmarks.recipe import BUDGET, AlertRule, Recipe
from benchmarks.variants import (
    empirical_tail,
    forgetting_tail,
    frozen_tail,
    growing_tail,
    maximum,
    mean,
    median,
    min_max,
    root_mean_square,
    settling_tail,
)

SHIPPED = "shipped"
ALONE = " alone"
DAY = 288
ALERTS = ("NAB, best threshold", "NAB, the other half's threshold", "NAB, shipped threshold")
RANKING = ("VUS-PR", "F1")
AT_THRESHOLD = ("F1", "precision", "recall")

Recipes: TypeAlias = Mapping[str, Recipe]


@dataclass(frozen=True, eq=False)
class Table:
    """Measures of the variants of one choice, on one data set."""

    title: str
    data: str
    measures: Sequence[str]
    recipes: Recipes

    @property
    def name(self) -> str:
        return f"{self.title}, {self.data}: {', '.join(self.measures)}"

    @property
    def variants(self) -> Recipes:
        """The recipes, and what is shipped where it is not among them."""
        shipped = Recipe()
        if shipped not in self.recipes.values():
            return {SHIPPED: shipped, **self.recipes}
        return {
            f"{name} ({SHIPPED})" if recipe == shipped else name: recipe
            for name, recipe in self.recipes.items()
        }


def tables() -> list[Table]:
    """Return every ablation."""
    return [
        *_members(NAB, 1, ALERTS, RANKING),
        *_members(SERVERS, 2, RANKING),
        *_tables("members added", _added(1), (NAB, ALERTS), (NAB, RANKING)),
        *_tables("members added", _added(2), (SERVERS, RANKING)),
        *_tables("values", _transforms(), (NAB, ALERTS), (NAB, RANKING), (SERVERS, RANKING)),
        *_tables("calibration", _calibrations(), (NAB, ALERTS), (NAB, RANKING), (SERVERS, RANKING)),
        *_tables("fusion", _fusions(), (NAB, ALERTS), (NAB, RANKING), (SERVERS, RANKING)),
        *_tables("smoothing of the score", _half_lives(), (NAB, AT_THRESHOLD), (SERVERS, AT_THRESHOLD)),
        *_tables("power of the memories", _powers(), (NAB, RANKING), (SERVERS, RANKING)),
        *_tables("memory of the ranking", _rank_half_lives(), (NAB, ("VUS-PR",)), (SERVERS, ("VUS-PR",))),
        *_tables("alert rule", _alert_rules(), (NAB, ALERTS)),
        *_tables("alert budget", _budgets(), (NAB, AT_THRESHOLD), (SERVERS, AT_THRESHOLD)),
    ]


def _tables(choice: str, recipes: Recipes, *shown: tuple[str, Sequence[str]]) -> list[Table]:
    """Return a table of one choice for each data set and its measures."""
    return [Table(choice, data, measures, recipes) for data, measures in shown]


def _members(data: str, n_features: int, *shown: Sequence[str]) -> list[Table]:
    names = [detector.name for detector in series_detectors(n_features, DAY)]
    without = {f"without {name}": Recipe(without=name) for name in names}
    alone = {f"{name}{ALONE}": Recipe(members=(name,)) for name in names}
    wanted = [(data, measures) for measures in shown]
    return [*_tables("members left out", without, *wanted), *_tables(f"members{ALONE}", alone, *wanted)]


def _added(n_features: int) -> Recipes:
    return {f"with {name}": Recipe(added=name) for name in candidates(n_features)}


def _transforms() -> Recipes:
    return {"as they are": Recipe(), "inverse hyperbolic sine": Recipe(transform=np.arcsinh)}


def _calibrations() -> Recipes:
    ways = (min_max, empirical_tail, frozen_tail, growing_tail, settling_tail, forgetting_tail)
    return {_name(way): Recipe(calibration=way) for way in ways}


def _fusions() -> Recipes:
    recipes = {_name(way): Recipe(fusion=way) for way in (mean, maximum, median, root_mean_square)}
    # The alert budget is a surprise where the fused value is calibrated itself.
    own_tail = AlertRule(calibrated=True, surprise=float(np.log10(BUDGET)))
    return {**recipes, "mean, alerts by a tail of its own": Recipe(alert=own_tail)}


def _half_lives() -> Recipes:
    rows = {f"half-life {rows}": Recipe(score_half_life=rows) for rows in (0, 1, 2, 4, 8)}
    most = {f"at most {times} times the row's": Recipe(most_remembered=times) for times in (1.5, 2, 3, 1000)}
    return {**rows, **most}


def _powers() -> Recipes:
    return {f"power {power}": Recipe(power=power) for power in (1, 2, 3, 6)}


def _rank_half_lives() -> Recipes:
    ways: Sequence[tuple[float, ...]] = ((), (3,), (5,), (20,), (50,), (5, 50))
    return {f"half-lives {rows or 'none'}": Recipe(rank_half_lives=rows) for rows in ways}


def _alert_rules() -> Recipes:
    rules = {"no rule": AlertRule(step_up=None), "no second alert": AlertRule(step_up=20)}
    rules |= {f"step up {step}": AlertRule(step_up=step) for step in (0, 0.3, 0.5, 0.7)}
    quiets = {"a quarter of a day": 4, "half a day": 2, "a day": 1}
    rules |= {f"quiet for {time}": AlertRule(quiets_a_day=number) for time, number in quiets.items()}
    rules |= {f"threshold {least}": AlertRule(surprise=least) for least in (1.0, 1.1, 1.2, 1.3)}
    rules |= {"threshold 1.1 whatever the training part says": AlertRule(rarity=1e-9)}
    return {name: Recipe(alert=rule) for name, rule in rules.items()}


def _budgets() -> Recipes:
    return {f"budget {rows}": Recipe(alert_budget=rows) for rows in (100, 150, 200, 300, 500, 1000)}


def _name(way: Callable[..., Any]) -> str:
    return way.__name__.replace("_", " ")
