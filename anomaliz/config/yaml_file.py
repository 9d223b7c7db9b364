"""YAML files: the packaged defaults, the file of `--config`, and definitions of pipelines."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from anomaliz.config.layer import Layer, layer_of_mapping
from anomaliz.core.errors import ConfigError

DEFAULTS = Path(__file__).with_name("defaults.yaml")


def read_yaml_file(path: Path) -> Layer:
    """Return the settings in a YAML file; their origin is the file's name.

    Raises `ConfigError` when the file cannot be read, is not YAML, holds no mapping, or names no setting.
    """
    _, tree = parse_yaml_file(path, "settings")
    if not isinstance(tree, Mapping):
        raise ConfigError(
            f"{path} is not a mapping of settings: write lines such as 'data: {{n_points: 9000}}'"
        )
    return layer_of_mapping(tree, path.name)


def parse_yaml_file(path: Path, holds: str) -> tuple[yaml.Node | None, Any]:
    """Return what a file holds as a node, which knows its lines, and as a value; None twice of an empty one.

    Raises `ConfigError` when the file, which should be of what it `holds`, cannot be read or is not YAML.
    """
    try:
        return _parsed(_text(path, holds))
    except yaml.MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        hint = ": quote a text that begins with *" if error.context == "while scanning an alias" else ""
        raise ConfigError(f"{path} is not YAML{line}: {error.problem}{hint}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is not YAML: {reason}") from None


def _text(path: Path, holds: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: give the path of a YAML file of {holds}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text: save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): give the path of a YAML file of {holds}"
        ) from None


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    # A SafeLoader, so as safe as yaml.safe_load.
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would quietly keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        # A wrong `!!map` tag brings other nodes here, which the parent refuses.
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        seen = set()
        for key in (key for key, _ in pairs if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} is given twice, keep one", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)
