"""Every setting: its place, type, limits and meaning. Defaults are in `defaults.yaml` alone."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from anomaliz.core.errors import ConfigError
from anomaliz.core.place import Place, RegistryUri, place_of


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _not_empty(value: object) -> object:
    # Path("") is the working directory, which an empty variable never means.
    if isinstance(value, str) and not value.strip():
        raise ValueError("an empty path names nothing")
    return value


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def _executor(text: str) -> str:
    if text != "processes" and not text.startswith(("dask://", "tcp://", "tls://")):
        raise ValueError("must be processes or dask://host:port")
    return text


def _empty_as_unset(value: object) -> object:
    # Compose files pass `${OPENAI_API_KEY:-}` on, which is empty where there is no key.
    return None if isinstance(value, str) and not value.strip() else value


def _place(text: object) -> Place:
    if not isinstance(text, str | Path):
        raise ValueError("neither a path nor a URI")
    try:
        return place_of(str(text))
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _url(text: str) -> str:
    address = urlsplit(text)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise ValueError("not a URL")
    return text


def _price(text: str) -> str:
    model, _, prices = text.rpartition("=")
    of_input, _, of_output = prices.partition("/")
    if not model or not all(0 <= float(price) < float("inf") for price in (of_input, of_output)):
        raise ValueError("not a price")
    return text


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice")
    return names


Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9._-]+$")]
Secret = Annotated[SecretStr, Field(min_length=1)]
Location = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_expanded)]
BundlePlace = Annotated[
    Path | RegistryUri,
    PlainValidator(_place, json_schema_input_type=str),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "format": "place"}),
]
Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "format": "url"})]
Executor = Annotated[str, AfterValidator(_executor), WithJsonSchema({"type": "string", "format": "executor"})]
Price = Annotated[str, AfterValidator(_price), WithJsonSchema({"type": "string", "format": "price"})]
AnyNames = Annotated[
    tuple[Text, ...], Field(json_schema_extra={"uniqueItems": True}), AfterValidator(_unique)
]
Names = Annotated[
    tuple[Text, ...], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_unique)
]


class Section(BaseModel):
    """A group of settings, immutable."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_boolean(cls, value: object, info: ValidationInfo) -> object:
        # YAML reads `yes` as True, which would go on to count as 1.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("a boolean is not a number")
        return value


class Data(Section):
    """The series that training makes when it is given none, and the window."""

    profile: Literal["basic", "realistic"] = Field(
        description="Synthetic series: `basic` has independent Gaussian features, `realistic` a daily shape, "
        "correlated features and more kinds of anomaly."
    )
    n_points: Annotated[int, Field(ge=500)] = Field(description="Length of the synthetic series.")
    window_size: Annotated[int, Field(ge=2, le=60)] = Field(description="Rows in a window.")


class IsolationForestModel(Section):
    n_estimators: Count = Field(description="Trees in the isolation forest.")


class LstmAutoencoderModel(Section):
    units_1: Count = Field(description="Units of the autoencoder's outer LSTM layers.")
    units_2: Count = Field(description="Units of the autoencoder's inner LSTM layers, its code.")


class LstmForecasterModel(Section):
    units: Count = Field(description="Units of the forecaster's LSTM layer.")


class NearestNeighboursModel(Section):
    n_reference: Count = Field(description="Training rows, sampled, that a row's distance is measured to.")
    k: Count = Field(description="Which nearest of these rows the distance is measured to.")


class RidgeForecasterModel(Section):
    penalty: Annotated[float, Field(gt=0)] = Field(
        description="Ridge penalty, which shrinks the linear forecaster's coefficients."
    )


class Models(Section):
    """Each detector's size."""

    isolation_forest: IsolationForestModel
    lstm_autoencoder: LstmAutoencoderModel
    lstm_forecaster: LstmForecasterModel
    nearest_neighbours: NearestNeighboursModel
    ridge_forecaster: RidgeForecasterModel


class Training(Section):
    """How detectors are fitted."""

    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        description="First seed; the detectors fitted with it are the ones that ship."
    )
    n_seeds: Annotated[Count, Field(le=1000)] = Field(
        description="Consecutive seeds trained; those after the first are for reporting the spread."
    )
    epochs: Count = Field(description="Most passes over the windows when an LSTM is fitted.")
    batch_size: Count = Field(description="Windows in a gradient step.")
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(description="Step size of the optimiser.")
    patience: Count = Field(
        description="Epochs without a better validation loss after which fitting stops early."
    )
    max_windows: Count = Field(description="Most windows that an LSTM is fitted on.")
    workers: Count = Field(description="Processes that train at the same time.")


class Fusion(Section):
    weight_lstm: Annotated[float, Field(ge=0, le=1)] = Field(
        description="Share of the LSTM detectors in the fused surprise of the `window` profile; the other "
        "detectors share the rest."
    )


class Calibration(Section):
    tail_quantile: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        description="Quantile of the errors from which on a generalised Pareto tail is fitted."
    )


class Threshold(Section):
    alert_budget: Annotated[float, Field(gt=1)] = Field(
        description="Normal points to one false alarm; sets the threshold where there are no labels."
    )


class Detection(Section):
    """How errors become surprise, score and verdict."""

    members: Names = Field(
        description="Detectors that are trained and fused, of `isolation_forest`, `lstm_autoencoder`, "
        "`lstm_forecaster`, `nearest_neighbours` and `ridge_forecaster`."
    )
    fusion: Fusion
    calibration: Calibration
    threshold: Threshold


class Api(Section):
    """The HTTP service."""

    host: Text = Field(description="Address that the service listens on; `0.0.0.0` is every one.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        description="Port that the service listens on; 0 takes a free one."
    )
    api_keys: tuple[Secret, ...] = Field(
        description="Keys, one of which each request must carry, save to `/health`, `/livez` and `/readyz`; "
        "with none, the service is open."
    )
    max_body_bytes: Count = Field(description="Largest request body; a larger one is answered with 413.")
    max_batch: Count = Field(description="Most windows in a batch request.")
    max_rows: Count = Field(description="Most rows of a series in a request.")
    reload_seconds: Annotated[float, Field(ge=0)] = Field(
        description="Seconds between looks for a new bundle in `artifact_dir`, a folder or a registry; "
        "0 never looks."
    )
    challenger: Annotated[BundlePlace | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Bundle that scores the same requests beside the one that is served, to be compared; "
        "null is none."
    )


class AgentOpinion(Section):
    """The LLM's own look at a series."""

    models: AnyNames = Field(
        description="Models of the backend, one of which, at random, gives a second opinion; with none it is "
        "the backend's model."
    )
    detect_prompt: Annotated[Location | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Text file with the prompt for finding anomalies; null is the packaged one."
    )
    verify_prompt: Annotated[Location | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Text file with the prompt for checking what was found; null is the packaged one."
    )
    max_values: Annotated[int, Field(ge=2)] = Field(
        description="Most values that are sent of a series, one for each feature of a row; the newest rows."
    )
    image: bool = Field(description="Whether a plot is sent too, to a model that reads images.")
    deadline_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        description="Most seconds that a second opinion takes; then it has failed."
    )


class Agent(Section):
    """The LLM that explains anomalies."""

    backend: Literal["openai", "ollama", "disabled"] = Field(description="Where the LLM runs.")
    openai_model: Text = Field(description="Model asked when the backend is `openai`.")
    openai_api_key: Annotated[Secret | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Key for the `openai` backend; empty is the same as unset."
    )
    openai_base_url: Annotated[Url | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Any server that speaks OpenAI's protocol, `http://127.0.0.1:8080/v1` for one; null is "
        "OpenAI's own."
    )
    ollama_model: Text = Field(description="Model asked when the backend is `ollama`.")
    ollama_base_url: Annotated[Url | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Ollama's server; null is that of `OLLAMA_HOST`, or port 11434 of this machine."
    )
    structured_output: Literal["json_schema", "function_calling"] = Field(
        description="How the LLM is held to a form of answer; older servers know only `function_calling`."
    )
    deadline_s: Annotated[float, Field(gt=0, le=300)] = Field(
        description="Most seconds that an explanation takes; then its request is answered without it."
    )
    max_concurrent: Count = Field(
        description="Most explanations under way; a further one is not waited for, its status is `busy`."
    )
    cool_down_s: Annotated[float, Field(ge=0)] = Field(
        description="Seconds for which an anomaly of the same facts gets the same explanation again."
    )
    breaker_failures: Count = Field(
        description="Failures in a row after which the LLM is left alone, status `circuit_open`."
    )
    breaker_open_s: Annotated[float, Field(gt=0)] = Field(
        description="Seconds that it is left alone; then one call tries whether it answers again."
    )
    daily_tokens: Annotated[Count | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Most tokens in a day (UTC) and process, then the status is `budget`; null is any number."
    )
    daily_cost: Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_empty_as_unset)] = Field(
        description="Most money in a day (UTC) and process, in the prices' currency; null is any amount."
    )
    prices: tuple[Price, ...] = Field(
        description="What a million tokens of each model cost; a model of backend `ollama` costs nothing."
    )
    opinion: AgentOpinion


class Tracking(Section):
    """Where MLflow records training and keeps bundles."""

    logger: Literal["none", "mlflow"] = Field(description="What `anomaliz train` records its runs with.")
    experiment_name: Text = Field(description="MLflow experiment that training runs are recorded in.")
    tracking_uri: Text = Field(
        description="MLflow store of runs and of the registry: a server's URL, or a database's."
    )
    artifact_folder: Location = Field(
        description="Folder for the files of runs where the store is a database; a server has its own."
    )
    model_name: Name = Field(description="Registered model whose versions are the trained bundles.")
    spool_dir: Location = Field(
        description="Folder that keeps runs until they are uploaded; `anomaliz tracking sync` uploads "
        "what is left."
    )
    cache_dir: Location = Field(description="Folder for bundles that were downloaded from the registry.")


class Pipelines(Section):
    """Scheduled pipelines: where their jobs run and what they keep."""

    executor: Executor = Field(
        description="Where jobs run: `processes` of this machine, or a Dask cluster, `dask://scheduler:8786`."
    )
    workers: Count = Field(description="Most jobs at once.")
    store: Secret = Field(
        description="SQLAlchemy URL of the database with the state of pipelines, SQLite or PostgreSQL."
    )
    folder: Location = Field(description="Folder for queues of sinks, and for what was read before.")
    watch_seconds: Annotated[float, Field(ge=0)] = Field(
        description="Seconds between looks at the files of definitions; 0 reads them again on SIGHUP alone."
    )
    shutdown_seconds: Annotated[float, Field(ge=0)] = Field(
        description="How long jobs in flight may take to end after a signal to stop."
    )
    metrics_prefix: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")] = Field(
        description="How the names begin of the metrics that describe the newest run."
    )


class Logging(Section):
    """The log on standard error."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)] = (
        Field(description="Least severe messages that are logged.")
    )
    format: Literal["json", "text"] = Field(description="One JSON object a line, or plain text.")


class Settings(BaseSettings):
    """The effective settings, immutable. `load_settings` makes them; this class reads no source itself."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True
    )

    artifact_dir: BundlePlace = Field(
        description="Bundle that is served, and that `analyze` and `detect` use."
    )
    data: Data
    models: Models
    training: Training
    detection: Detection
    api: Api
    agent: Agent
    tracking: Tracking
    pipelines: Pipelines
    logging: Logging

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values as given: the layers are merged before, where each value's origin is known."""
        return (init_settings,)
