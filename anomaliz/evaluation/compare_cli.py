"""The comparing command: `anomaliz evaluate compare A.json B.json`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from anomaliz.evaluation.comparison import Comparison


def compare(
    first: Annotated[Path, typer.Argument(help="JSON of run A, as --json wrote it.")],
    second: Annotated[Path, typer.Argument(help="JSON of run B.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare two runs on the series that both scored."""
    from anomaliz.evaluation import comparison
    from anomaliz.evaluation.progress import warnings_said

    a, b = comparison.read_run(first), comparison.read_run(second)
    with warnings_said():
        found = comparison.compare(a, b)
    if as_json:
        typer.echo(json.dumps(_answer(first, second, found), indent=2))
    else:
        typer.echo(f"A {first}\nB {second}\n\n{comparison.table(found)}")


def _answer(first: Path, second: Path, found: Sequence["Comparison"]) -> dict[str, Any]:
    return {"a": str(first), "b": str(second), "measures": [asdict(comparison) for comparison in found]}
