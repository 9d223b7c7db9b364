"""Whatever a file holds: it loads, or is refused in one sentence."""

import copy
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaliz.core.errors import AnomalizError
from anomaliz.pipelines.loading import load_definitions, read_pipeline

WHOLE = yaml.safe_load("""
defaults: {score: {delay: 5s}, train: {exclude: [{start: 2026-01-01, end: 2026-01-02}]}}
pipelines:
  - name: a
    queries: {x: up, y: down}
    schedule: "* * * * *"
    source: p
    sinks: [s]
    group_by: [host]
    calendar: {holidays: [DE], hours: ["08:00-09:00"], maintenance: [{cron: "* * * * *", duration: 1m}]}
    data_range: [0, 1]
    score: {write: [anomaly], names: "{series}"}
  - {name: b, query: up, schedule: "*/5 * * * *", bundle: x, source: q}
sources:
  p:
    type: prometheus
    url: http://x
    headers: {A: b}
    basic_auth: {username: a, password: "${P}"}
    tls: {ca_file: x}
  q: {type: sql, url: "sqlite:///x", dimensions: [a]}
  r: {type: redis_timeseries, url: "redis://:${P}@x"}
  f: {type: files, url: x, options: {a: b}, secrets: {k: "${P}"}}
  y: {type: python}
sinks:
  s: {type: json_lines, path: x}
  t: {type: remote_write, url: "http://x"}
  u: {type: sql, url: "sqlite:///x"}
""")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["${P}", "${Q}", "$${", "${", "x" * 500, "5m", "* * * * *", "http://[x", "a://b:c@[d"]),
    st.sampled_from([date(2026, 1, 1), datetime(2026, 1, 1), b"bytes", 10**400]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SCALARS, inner, max_size=2),
    max_leaves=3,
)


def ways(tree: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in entries:
        yield (*way, key)
        yield from ways(inner, (*way, key))


def changed(way: tuple[Any, ...], key: object, value: object) -> Any:
    """Return the whole with a value at the end of a way, or with one more key beside it."""
    tree = copy.deepcopy(WHOLE)
    branch = tree
    for step in way[:-1]:
        branch = branch[step]
    branch[way[-1] if isinstance(branch, list) or key is ... else key] = value
    return tree


def refusal(load: Callable[[], object]) -> str:
    """Return what is said against a definition, nothing where it loads."""
    try:
        load()
    except AnomalizError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "pipelines.yaml"


def test_the_whole_loads(file: Path) -> None:
    file.write_text(yaml.dump(WHOLE))
    assert len(load_definitions([file], {"P": "p"}).pipelines) == 2


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(ways(WHOLE))), st.just(...) | SCALARS, VALUES)
def test_any_change_loads_or_is_refused(file: Path, way: tuple[Any, ...], key: object, value: object) -> None:
    tree = changed(way, key, value)
    file.write_text(yaml.dump(tree, allow_unicode=True), encoding="utf-8")
    said = refusal(lambda: load_definitions([file], {"P": "p"}))
    assert "\n" not in said
    assert len(said) < 600


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(ways(WHOLE["pipelines"][0]))), VALUES)
def test_any_request_is_read_or_refused(way: tuple[Any, ...], value: object) -> None:
    tree = changed(("pipelines", 0, *way), ..., value)
    systems = load_definitions([], {})
    said = refusal(lambda: read_pipeline(tree["pipelines"][0], systems))
    assert "\n" not in said
