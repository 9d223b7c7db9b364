"""Makes definitions of what files, variables and requests give."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from anomaliz.config.env_file import env_file_variables
from anomaliz.config.environment import PIPELINE, SINKS, SOURCES
from anomaliz.config.loading import ENV_FILE
from anomaliz.core.errors import ConfigError
from anomaliz.core.suggestion import nearest
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.loading.document import Document, Named
from anomaliz.pipelines.loading.files import definition_files
from anomaliz.pipelines.loading.part import Part, Steps
from anomaliz.pipelines.loading.references import FORM, BrokenReferenceError, expanded
from anomaliz.pipelines.loading.refusal import Subject, dotted, plain, shown
from anomaliz.pipelines.loading.secrets import literal_secrets
from anomaliz.pipelines.loading.variables import Override, overrides, with_override
from anomaliz.pipelines.systems import SINK_TYPES, SOURCE_TYPES, SinkSettings, SourceSettings
from anomaliz.sinks.remote_write import PATH
from anomaliz.sources.prometheus import PrometheusSettings
from anomaliz.transport.connection import HttpSettings

M = TypeVar("M", bound=BaseModel)

PROMETHEUS, REMOTE_WRITE = "prometheus", "remote_write"
"""Names, and types, of the source and the sink that there are where no file names any."""


def load_definitions(paths: Sequence[Path], environ: Mapping[str, str] | None = None) -> Definitions:
    """Return what the files and folders of `paths` define together.

    `environ` has the variables that override definitions and that references name; None is the process's,
    over those of the working directory's `.env`.

    Raises ConfigError, in one sentence with file, line, key and fix.
    """
    environ = {**env_file_variables(ENV_FILE), **os.environ} if environ is None else environ
    documents = [Document.of_file(file) for file in definition_files(paths)]
    sources = _sources([named for document in documents for named in document.sources], environ)
    sinks = _sinks([named for document in documents for named in document.sinks], sources, environ)
    systems = Definitions((), sources, sinks)
    raws = _pipelines(documents, environ)
    pipelines = tuple(raw.pipeline(systems, environ) for raw in raws)
    return Definitions(pipelines, sources, sinks, {raw.name: raw.parts[0].place for raw in raws})


def read_pipeline(tree: object, definitions: Definitions) -> Pipeline:
    """Return the pipeline that a request describes, which reads and writes systems of `definitions`.

    References in it mean nothing: whoever may define a pipeline need not know the secrets of this process.

    Raises ConfigError in one sentence with key and fix.
    """
    if not isinstance(tree, Mapping):
        raise ConfigError("a pipeline must be a mapping with a name")
    raw = Raw("pipeline", plain(str(tree.get("name", "without a name"))), ())
    pipeline = raw.validated(Pipeline, tree)
    raw.require_systems(pipeline, definitions)
    return pipeline


@dataclass(frozen=True, eq=False)
class Raw:
    """A definition before it is checked."""

    noun: str
    name: str
    parts: tuple[Part, ...]
    """Where it is given, strongest first: its own part of a file, then defaults."""
    base: Mapping[str, Any] = field(default_factory=dict)
    """What it has without being given anything."""
    variables: Sequence[Override] = ()

    @cached_property
    def tree(self) -> dict[str, Any]:
        """What the files say, defaults included."""
        tree = dict(self.base)
        for part in reversed(self.parts):
            tree = _merged(tree, part.value)
        return tree

    def pipeline(self, systems: Definitions, environ: Mapping[str, str]) -> Pipeline:
        """Return the pipeline, which reads and writes `systems`."""
        pipeline = self.read(Pipeline, environ)
        self.require_systems(pipeline, systems)
        return pipeline

    def require_systems(self, pipeline: Pipeline, systems: Definitions) -> None:
        """Raise ConfigError where a system of the pipeline does not exist."""
        for steps, look_up in ((("source",), systems.source_of), (("sinks",), systems.sinks_of)):
            try:
                look_up(pipeline)
            except ConfigError as error:
                raise self._subject(Pipeline, {}, {}).refused(steps, str(error)) from None

    def read(self, model: type[M], environ: Mapping[str, str]) -> M:
        """Return the definition, its variables laid over it and its references followed."""
        tree, given = self._overridden(model)
        subject = self._subject(model, tree, given)
        _refuse_literal_secrets(subject, self.tree, given)
        try:
            # A variable's text is taken as it is.
            followed = expanded(tree, environ, given)
        except BrokenReferenceError as error:
            raise subject.refused(error.steps, f"{subject.whole(error.steps)}: {error}") from None
        return self.validated(model, followed, given)

    def _overridden(self, model: type[BaseModel]) -> tuple[dict[str, Any], dict[Steps, Override]]:
        """Return what files and variables say, and the way to each value that a variable gave."""
        tree: Any = self.tree
        given: dict[Steps, Override] = {}
        for variable in self.variables:
            tree, steps = with_override(tree, model, variable)
            given[steps] = variable
        return tree, given

    def validated(
        self, model: type[M], tree: Mapping[str, Any], given: Mapping[Steps, Override] | None = None
    ) -> M:
        """Return the definition that `tree` is, some of it `given` by variables."""
        try:
            return model.model_validate(tree)
        except ValidationError as error:
            raise self._subject(model, self.tree or tree, given or {}).refusal(error) from None

    def _subject(
        self, model: type[BaseModel], tree: Mapping[str, Any], given: Mapping[Steps, Override]
    ) -> Subject:
        kind = f"a {self.noun}"
        if kind_of_system := tree.get("type"):
            kind = f"{kind} of type {kind_of_system}"
        return Subject(
            f"{self.noun} {self.name}",
            kind,
            model,
            lambda steps: self._place(steps, given),
            lambda steps: found.text if (found := _variable(steps, given)) else _at(tree, steps),
        )

    def _place(self, steps: Steps, given: Mapping[Steps, Override]) -> str:
        """Return where a value stands, or else the nearest that holds it."""
        if variable := _variable(steps, given):
            return variable.variable
        for end in range(len(steps), 0, -1):
            for part in self.parts:
                if found := part.find(steps[:end]):
                    return found.place
        return self.parts[0].place if self.parts else ""


def _pipelines(documents: Sequence[Document], environ: Mapping[str, str]) -> list[Raw]:
    # A file of nothing but defaults is for all the others.
    shared = [document.defaults for document in documents if document.defaults and not document.pipelines]
    entries = [(entry, document) for document in documents for entry in document.pipelines]
    _require_distinct("pipeline", [entry for entry, _ in entries])
    variables = overrides(PIPELINE, [entry.name for entry, _ in entries], environ)
    raws = []
    for entry, document in entries:
        defaults = [document.defaults, *shared] if document.defaults else shared
        _refuse_name(defaults)
        parts = (entry.part, *defaults)
        raws.append(Raw("pipeline", entry.name, parts, variables=variables.get(entry.name, ())))
    return raws


def _sources(entries: Sequence[Named], environ: Mapping[str, str]) -> dict[str, SourceSettings]:
    raws = _raws("source", SOURCES, entries, {PROMETHEUS: {"type": PROMETHEUS}}, environ)
    return {raw.name: cast(SourceSettings, _system(raw, SOURCE_TYPES, environ)) for raw in raws}


def _sinks(
    entries: Sequence[Named], sources: Mapping[str, SourceSettings], environ: Mapping[str, str]
) -> dict[str, SinkSettings]:
    raws = _raws("sink", SINKS, entries, {REMOTE_WRITE: _same_server(sources)}, environ)
    return {raw.name: cast(SinkSettings, _system(raw, SINK_TYPES, environ)) for raw in raws}


def _same_server(sources: Mapping[str, SourceSettings]) -> dict[str, Any]:
    """Return remote write to the server of the first Prometheus source, as whom that is read."""
    servers = (source for source in sources.values() if isinstance(source, PrometheusSettings))
    source = next(servers, None)
    if source is None:
        return {"type": REMOTE_WRITE}
    reached = source.model_dump(include=set(HttpSettings.model_fields), exclude_unset=True)
    return {"type": REMOTE_WRITE, **reached, "url": source.url + PATH}


def _raws(
    noun: str,
    prefix: str,
    entries: Sequence[Named],
    without: Mapping[str, Mapping[str, Any]],
    environ: Mapping[str, str],
) -> list[Raw]:
    """Return the systems that files name, or those that there are `without` any."""
    _require_distinct(noun, entries)
    raws = [Raw(noun, entry.name, (entry.part,)) for entry in entries]
    raws = raws or [Raw(noun, name, (), base) for name, base in without.items()]
    variables = overrides(prefix, [raw.name for raw in raws], environ)
    return [Raw(noun, raw.name, raw.parts, raw.base, variables.get(raw.name, ())) for raw in raws]


def _system(raw: Raw, types: Mapping[str, type[BaseModel]], environ: Mapping[str, str]) -> BaseModel:
    kind: Any = raw.tree.get("type")
    if isinstance(kind, str) and kind in types:
        return raw.read(types[kind], environ)
    place = (raw.parts[0].child("type") or raw.parts[0]).place
    known = ", ".join(types)
    if kind is None:
        raise ConfigError(f"{place}: {raw.noun} {raw.name} has no type: give one of {known}", field="type")
    near = nearest(str(kind), types)
    advice = f"did you mean {near}?" if near else f"give one of {known}"
    raise ConfigError(f"{place}: {shown(kind)} is no type of a {raw.noun}: {advice}", field="type")


def _require_distinct(noun: str, entries: Iterable[Named]) -> None:
    seen: dict[str, Part] = {}
    for entry in entries:
        if first := seen.get(entry.name):
            both = f"{first.place} and in {entry.part.place}"
            raise ConfigError(f"{noun} {entry.name} is defined in {both}: rename one", field=entry.name)
        seen[entry.name] = entry.part


def _refuse_name(defaults: Sequence[Part]) -> None:
    for part in defaults:
        if name := part.child("name"):
            raise ConfigError(f"{name.place}: defaults have no name: each pipeline has its own", field="name")


def _refuse_literal_secrets(
    subject: Subject, tree: Mapping[str, Any], given: Mapping[Steps, Override]
) -> None:
    for steps in literal_secrets(subject.model, tree):
        if steps not in given and isinstance(_at(tree, steps), str | int | float):
            what = "holds a password" if steps[-1] == "url" else "is a secret"
            raise subject.refused(steps, f"{dotted(steps)} of {subject.name} {what}: give {FORM}")


def _variable(steps: Steps, given: Mapping[Steps, Override]) -> Override | None:
    """Return the variable that gave what lies at the end of `steps`, or what is around or inside it."""
    around = (given[steps[:end]] for end in range(len(steps), 0, -1) if steps[:end] in given)
    inside = (override for way, override in given.items() if steps and way[: len(steps)] == steps)
    return next(around, None) or next(inside, None)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `over` laid upon `under`: mappings deeply, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        beneath = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(beneath, Mapping)
        merged[key] = _merged(cast(Mapping[str, Any], beneath), value) if both else value
    return merged


def _at(tree: Any, steps: Steps) -> Any:
    for step in steps:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree
