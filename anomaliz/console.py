"""How every command ends: an error is one sentence on stderr, and the exit code says which kind."""

from typing import NoReturn

import typer

from anomaliz.core.errors import AnomalizError

FAILED = 1
ANOMALIES_FOUND = 3
INTERRUPTED = 130


def run(app: typer.Typer) -> NoReturn:
    """Run `app` and exit: 0, 1 for an error, 2 for misuse, 3 for anomalies when asked to fail on them."""
    try:
        app()
    except AnomalizError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(FAILED) from None
    except BrokenPipeError:
        # The reader of our output, `head` say, has seen enough.
        raise SystemExit(0) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {place}{error.strerror or error}", err=True)
        raise SystemExit(FAILED) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(0)
