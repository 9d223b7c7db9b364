"""Builds a detector's ONNX graph node by node.

Writing the handful of nodes by hand keeps a converter out of the dependencies and gives a faster graph
than the generic exports; the agreement test holds the two to 1e-5.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

OPSET = 17
ML_OPSET = 3
IR_VERSION = 9
ELEMENT = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float64): TensorProto.DOUBLE}


class GraphBuilder:
    """Collects nodes and constants; every method returns the name of the value it made.

    `prefix` keeps the names of one graph apart from those of another that it will be joined to.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def constant(self, value: Any) -> str:
        name = f"{self._prefix}constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(
        self, op: str, *inputs: str, output: str | None = None, domain: str = "", **attributes: Any
    ) -> str:
        return self.nodes(op, *inputs, outputs=[output or self._fresh()], domain=domain, **attributes)[0]

    def nodes(
        self, op: str, *inputs: str, outputs: list[str], domain: str = "", **attributes: Any
    ) -> list[str]:
        self._nodes.append(helper.make_node(op, list(inputs), outputs, domain=domain, **attributes))
        return outputs

    def lstm(self, rows: str, weights: Sequence[NDArray[Any]], *, sequence: bool) -> str:
        """Add one Keras LSTM layer over time-major `rows (window_size, n, n_in)`.

        `weights` are Keras's kernel `(n_in, 4u)`, recurrent kernel `(u, 4u)` and bias `(4u,)` in the gate
        order i f c o; ONNX wants i o f c. Gives `(window_size, n, u)`, or `(1, n, u)` of the last step.
        """
        kernel, recurrent, bias = (_onnx_gates(np.asarray(part, np.float32)) for part in weights)
        units = recurrent.shape[0]
        every, last = self._fresh(), f"{self._fresh()}_last"
        self.nodes(
            "LSTM",
            rows,
            self.constant(kernel.T[np.newaxis]),
            self.constant(recurrent.T[np.newaxis]),
            self.constant(np.concatenate([bias, np.zeros_like(bias)])[np.newaxis]),
            outputs=[every, last],
            hidden_size=units,
        )
        return self.node("Squeeze", every, self.constant(np.array([1]))) if sequence else last

    def dense(self, rows: str, weights: Sequence[NDArray[Any]]) -> str:
        """Add one Keras Dense layer: `rows @ kernel + bias` over the last axis."""
        kernel, bias = (np.asarray(part, np.float32) for part in weights)
        return self.node("Add", self.node("MatMul", rows, self.constant(kernel)), self.constant(bias))

    def model(
        self, inputs: dict[str, tuple[Any, list[int | str]]], outputs: dict[str, tuple[Any, list[int | str]]]
    ) -> ModelProto:
        """Return the checked model; `inputs` and `outputs` map a name to (dtype, shape)."""
        graph = helper.make_graph(
            self._nodes,
            "detector",
            [_value(name, *spec) for name, spec in inputs.items()],
            [_value(name, *spec) for name, spec in outputs.items()],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="anomaliz"
        )
        checker.check_model(model)
        return model

    def _fresh(self) -> str:
        return f"{self._prefix}value_{len(self._nodes)}"


def _onnx_gates(weights: NDArray[Any]) -> NDArray[Any]:
    i, f, c, o = np.split(weights, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)


def _value(name: str, dtype: Any, shape: list[int | str]) -> Any:
    return helper.make_tensor_value_info(name, ELEMENT[np.dtype(dtype)], shape)
