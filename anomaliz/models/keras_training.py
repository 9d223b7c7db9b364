"""How both LSTM networks are trained: seeded, early-stopped, repeatable on one machine."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anomaliz.core.errors import DataError, MissingExtraError
from anomaliz.core.types import Floats

OnEpoch: TypeAlias = Callable[[int, float], None]
"""Called after each epoch with its number (from 1) and the held-back loss."""

HELD_BACK = 0.1
"""The last part of the training windows, on which early stopping watches the loss."""


@dataclass(frozen=True)
class Schedule:
    """How long and in which steps a network is trained."""

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 3e-3
    patience: int = 4
    """Epochs without a better held-back loss after which training stops."""


DEFAULT_SCHEDULE = Schedule()


def keras(seed: int | None = None) -> Any:
    """Import Keras on TensorFlow, on the processor, and seed it when asked."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # oneDNN picks kernels by the load of the machine, which costs repeatability in the last bits.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        import keras
        import tensorflow as tf
    except ImportError as error:
        raise MissingExtraError.of("Training an LSTM", "train") from error
    if seed is not None:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
    return keras


def train(
    network: Any, inputs: Floats, targets: Floats, schedule: Schedule, on_epoch: OnEpoch | None
) -> list[float]:
    """Fit `network` by mean squared error; return the held-back loss of each epoch."""
    library = keras()
    kept = len(inputs) - max(1, int(len(inputs) * HELD_BACK)) if len(inputs) > 1 else 1
    network.compile(optimizer=library.optimizers.Adam(schedule.learning_rate), loss="mse")
    stop = library.callbacks.EarlyStopping(patience=schedule.patience, restore_best_weights=True)
    report = library.callbacks.LambdaCallback(on_epoch_end=_reporter(on_epoch))
    history = network.fit(
        inputs[:kept],
        targets[:kept],
        validation_data=(inputs[kept:], targets[kept:]) if kept < len(inputs) else (inputs, targets),
        epochs=schedule.epochs,
        batch_size=schedule.batch_size,
        callbacks=[stop, report],
        verbose=0,
    )
    losses = [float(loss) for loss in history.history["val_loss"]]
    if not np.isfinite(losses).all():
        raise DataError("training has diverged: lower training.learning_rate", field="training.learning_rate")
    return losses


def predict(network: Any, inputs: Floats, batch_size: int = 1024) -> Floats:
    """Run `network` over `inputs` in batches."""
    parts = [
        np.asarray(network.predict_on_batch(inputs[start : start + batch_size]))
        for start in range(0, len(inputs), batch_size)
    ]
    return np.concatenate(parts) if parts else np.empty((0, *network.output_shape[1:]), np.float32)


def _reporter(on_epoch: OnEpoch | None) -> Callable[[int, dict[str, float]], None]:
    def report(epoch: int, logs: dict[str, float]) -> None:
        if on_epoch:
            on_epoch(epoch + 1, logs["val_loss"])

    return report
