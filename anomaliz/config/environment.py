"""Settings from variables: of the environment, and of the `.env` file."""

import re
from collections.abc import Mapping

from anomaliz.config.keys import PREFIX, SECTIONS, VARIABLES, section_as_key, unknown_variable
from anomaliz.config.layer import Entry, Layer, entry_of_text

NOT_SETTINGS = frozenset({"ANOMALIZ_SHARED", "ANOMALIZ_NAB_DIR", "ANOMALIZ_NAB_URL", "ANOMALIZ_TEST_BIN"})
"""Variables that begin like settings and are read by tests and evaluation."""

PIPELINE, SOURCES, SINKS = "ANOMALIZ__PIPELINE__", "ANOMALIZ__SOURCES__", "ANOMALIZ__SINKS__"
"""How variables begin that override definitions of pipelines; their files say which are known."""

# Kubernetes gives every container the addresses of the services beside it, of one named `anomaliz` too.
_SERVICE_ADDRESS = re.compile(
    PREFIX
    + r"([A-Z0-9]+_)*(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.+")


def read_variables(variables: Mapping[str, str], *, origin: str, where: str = "") -> Layer:
    """Return the settings among variables; each one's origin is `origin: NAME`.

    Variables of other programs are passed over. `where` is said of a variable in a refusal, as in " in .env".

    Raises `ConfigError` on a variable that begins with `ANOMALIZ_` and is no setting.
    """
    for name, text in variables.items():
        if _is_ours(name, text):
            _refuse_unknown(name, where)
    layer: dict[str, Entry] = {}
    for name, key in VARIABLES.items():
        if name in variables:
            layer[key.dotted] = entry_of_text(key.dotted, variables[name], f"{origin}: {name}")
    return layer


def is_of_definitions(name: str) -> bool:
    """Return whether a variable overrides a definition of pipelines, sources or sinks."""
    return name.startswith((PIPELINE, SOURCES, SINKS))


def _is_ours(name: str, text: str) -> bool:
    if not name.upper().startswith(PREFIX) or name in NOT_SETTINGS or is_of_definitions(name):
        return False
    return not (_SERVICE_ADDRESS.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_URL.fullmatch(text)))


def _refuse_unknown(name: str, where: str) -> None:
    if name in VARIABLES:
        return
    dotted = name.removeprefix(f"{PREFIX}_").replace("__", ".").lower()
    if dotted in SECTIONS:
        raise section_as_key(dotted, name=name, where=where)
    raise unknown_variable(name, where=where)
