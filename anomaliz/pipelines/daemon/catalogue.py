"""The definitions in force: those of the files, and those that were made over HTTP."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from anomaliz.core.errors import AnomalizError
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.loading import load_definitions, read_pipeline
from anomaliz.store.database import Store

logger = logging.getLogger(__name__)


class Catalogue:
    """Reads files and store anew at each call."""

    def __init__(self, paths: Sequence[Path], store: Store, environ: Mapping[str, str] | None) -> None:
        self.paths = tuple(paths)
        self._store = store
        self._environ = environ

    def of_files(self) -> Definitions:
        """Return what the files define; ConfigError where they cannot be used."""
        return load_definitions(self.paths, self._environ)

    def load(self) -> Definitions:
        """Return what files and store define; errors are those of `of_files`.

        A stored definition that cannot be used any more, or that a file defines too, is left out and logged.
        """
        files = self.of_files()
        known = {pipeline.name for pipeline in files.pipelines}
        stored = [
            pipeline
            for name, text in self._store.definitions().items()
            if (pipeline := _usable(name, text, files, known)) is not None
        ]
        return replace(files, pipelines=(*files.pipelines, *stored))


def _usable(name: str, text: str, files: Definitions, known: set[str]) -> Pipeline | None:
    try:
        pipeline = read_pipeline(json.loads(text), files)
    except (AnomalizError, ValueError) as error:
        reason = str(error)
    else:
        if name not in known:
            return pipeline
        reason = "a file defines it too"
    logger.error("a pipeline that was made over HTTP is left out", extra={"pipeline": name, "reason": reason})
    return None
