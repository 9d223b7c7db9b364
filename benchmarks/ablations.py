"""What each choice of the series profile is worth: `python -m benchmarks.ablations`.

Every series' reading errors are computed once and carried on under one recipe after the other.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from anomaliz.evaluation.labelled import Labelled
from benchmarks.choices import ALERTS, ALONE, AT_THRESHOLD, RANKING, SHIPPED, Table, tables
from benchmarks.members_figure import plot_members
from benchmarks.quotient import EVEN, ODD, Quotient, mean_of, nab_best, nab_confirmed, nab_shipped
from benchmarks.readings import NAB, SERVERS, by_series, nab_series, server_series
from benchmarks.recipe import Kitchen, Outcome, Recipe

MEASURES: Mapping[str, Callable[[Sequence[Outcome]], Quotient]] = {
    **dict(zip(ALERTS, (nab_best, nab_confirmed, nab_shipped), strict=True)),
    "VUS-PR": partial(mean_of, measure="vus_pr"),
    **{measure: partial(mean_of, measure=measure.lower()) for measure in AT_THRESHOLD},
}
DECISIVE = (ALERTS[0], ALERTS[2], *RANKING)
"""Measures that a choice would be made by."""
HALVES = (("even", "odd"), ("odd", "even"))

Rows: TypeAlias = dict[str, dict[str, dict[str, Any]]]
"""Numbers by variant and measure."""


def outcomes_of(series: Labelled, recipes: Sequence[Recipe]) -> dict[Recipe, Outcome]:
    """Return what each of `recipes` is worth on one series."""
    kitchen = Kitchen(series)
    return {recipe: kitchen.outcome(recipe) for recipe in recipes}


def measured(table: Table, outcomes: Sequence[Mapping[Recipe, Outcome]]) -> Rows:
    """Return the measures of every variant in `table`."""
    shipped = {m: MEASURES[m]([one[Recipe()] for one in outcomes]) for m in table.measures}
    return {
        name: {
            m: _numbers(MEASURES[m]([one[recipe] for one in outcomes]), shipped[m]) for m in table.measures
        }
        for name, recipe in table.variants.items()
    }


def _numbers(quotient: Quotient, shipped: Quotient) -> dict[str, Any]:
    return {
        "value": quotient.value(),
        "interval": quotient.interval(),
        "even": quotient.value(EVEN),
        "odd": quotient.value(ODD),
        "difference": quotient.value() - shipped.value(),
        "difference_interval": quotient.difference_interval(shipped),
    }


def markdown(table: Table, rows: Rows) -> str:
    """Return a table: value [interval] (even half, odd half); and the difference from what is shipped."""
    heads = [title for measure in table.measures for title in (measure, f"minus {SHIPPED}")]
    lines = [_line([table.title, *heads]), "|---" * (1 + len(heads)) + "|"]
    for name, row in rows.items():
        lines.append(_line([name, *(cell for m, found in row.items() for cell in _cells(m, found))]))
    return f"### {table.name}\n\n" + "\n".join(lines) + "\n"


def confirmation(rows_of: Mapping[Table, Rows]) -> str:
    """Return a table of what either half of the series would have chosen, and what the other half says."""
    heads = [
        "choice",
        "measure",
        "best on even",
        "on odd: it, shipped",
        "best on odd",
        "on even: it, shipped",
    ]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for table, rows in rows_of.items():
        for m in (measure for measure in table.measures if measure in DECISIVE):
            halves = [cell for pair in HALVES for cell in _confirmed(rows, m, *pair)]
            lines.append(_line([f"{table.title}, {table.data}", m, *halves]))
    return "### confirmation\n\n" + "\n".join(lines) + "\n"


def _confirmed(rows: Rows, measure: str, here: str, there: str) -> tuple[str, str]:
    """Return the variant that is best `here`, and its value and the shipped one's `there`."""
    best = max(rows, key=lambda name: rows[name][measure][here])
    shipped = next(name for name in rows if SHIPPED in name)
    digits = _digits(measure)
    return best, ", ".join(f"{rows[name][measure][there]:.{digits}f}" for name in (best, shipped))


def _cells(measure: str, found: Mapping[str, Any]) -> tuple[str, str]:
    digits = _digits(measure)
    value, even, odd = (f"{found[key]:.{digits}f}" for key in ("value", "even", "odd"))
    lower, upper = (f"{bound:.{digits}f}" for bound in found["interval"])
    least, most = (f"{bound:+z.{digits}f}" for bound in found["difference_interval"])
    difference = f"{found['difference']:+z.{digits}f} [{least}, {most}]" if most != least else "-"
    return f"{value} [{lower}, {upper}] ({even}, {odd})", difference


def _digits(measure: str) -> int:
    return 1 if measure.startswith("NAB") else 3


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(
    shared: Annotated[Path, typer.Option(help="Folder with nab/ and asd/.")] = Path("../shared"),
    jobs: Annotated[int, typer.Option(min=1, help="Series at the same time.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="JSON file for every number.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for the figure of members alone.")] = None,
) -> None:
    """Print every ablation as a table."""
    series = {NAB: nab_series(shared), SERVERS: server_series(shared)}
    found: dict[Table, Rows] = {}
    for data, members in series.items():
        wanted = [table for table in tables() if table.data == data]
        recipes = list(dict.fromkeys([Recipe(), *(r for table in wanted for r in table.variants.values())]))
        outcomes = by_series(partial(outcomes_of, recipes=recipes), members, jobs)
        found |= {table: measured(table, outcomes) for table in wanted}
    for table, rows in found.items():
        print(markdown(table, rows))
    print(confirmation(found))
    if figures:
        plot_members(_members_alone(found), figures / "members.png")
    if json_file:
        json_file.write_text(json.dumps({t.name: rows for t, rows in found.items()}, indent=2) + "\n")


def _members_alone(found: Mapping[Table, Rows]) -> dict[tuple[str, str], Rows]:
    """Return the rows that show members alone, by data set and the first measure of each table."""
    return {(t.data, t.measures[0]): rows for t, rows in found.items() if t.title.endswith(ALONE)}


if __name__ == "__main__":
    typer.run(main)
