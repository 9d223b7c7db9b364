"""Joins the normaliser and every window detector into ONE scoring graph. Training only: it needs onnx."""

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, TensorProto, compose

from anomaliz.core.detector import WindowDetector
from anomaliz.models.onnx_builder import GraphBuilder
from anomaliz.preprocessing.normalizer import CLIP_HIGH, CLIP_LOW, RangeNormalizer

NORMALISED = "normalised"


def scoring_graph(normalizer: RangeNormalizer, detectors: Sequence[WindowDetector]) -> ModelProto:
    """Return the graph from raw `windows` (float64, `(n, window_size, n_features)`) to all readings.

    Outputs are `<detector>/errors`, `<detector>/feature_errors` and `<detector>/expected_value`, the last in
    the data's unit. The input is double so that large offsets survive until the normaliser subtracts them.
    """
    graph = _normaliser(normalizer, detectors[0].shape_)
    for detector in detectors:
        windows = f"{detector.name}/windows"
        graph = _joined(
            graph, compose.add_prefix(detector.to_onnx(), f"{detector.name}/"), NORMALISED, windows
        )
        if detector.predicts:
            expected = f"{detector.name}/expected"
            graph = _joined(graph, _denormaliser(normalizer, f"{expected}_value"), expected, "ranges")
            _drop_output(graph, expected)
    _drop_output(graph, NORMALISED)
    return graph


def _joined(graph: ModelProto, part: ModelProto, output: str, into: str) -> ModelProto:
    """Feed `output` of `graph` to the input `into` of `part`; keep the outputs of both."""
    outputs = [value.name for value in (*graph.graph.output, *part.graph.output)]
    return compose.merge_models(graph, part, io_map=[(output, into)], outputs=outputs)


def _drop_output(graph: ModelProto, name: str) -> None:
    outputs = graph.graph.output
    outputs.remove(next(value for value in outputs if value.name == name))


def _normaliser(normalizer: RangeNormalizer, shape: tuple[int, int]) -> ModelProto:
    graph = GraphBuilder("normaliser/")
    centred = graph.node("Sub", "windows", graph.constant(normalizer.low))
    ranges = graph.node("Div", centred, graph.constant(normalizer.span))
    bounds = [graph.constant(np.float64(bound)) for bound in (CLIP_LOW, CLIP_HIGH)]
    graph.node("Cast", graph.node("Clip", ranges, *bounds), to=TensorProto.FLOAT, output=NORMALISED)
    return graph.model({"windows": (np.float64, ["n", *shape])}, {NORMALISED: (np.float32, ["n", *shape])})


def _denormaliser(normalizer: RangeNormalizer, output: str) -> ModelProto:
    graph = GraphBuilder(f"{output}/")
    ranges = graph.node("Cast", "ranges", to=TensorProto.DOUBLE)
    spanned = graph.node("Mul", ranges, graph.constant(normalizer.span))
    graph.node("Add", spanned, graph.constant(normalizer.low), output=output)
    shape: list[int | str] = ["n", len(normalizer.low)]
    return graph.model({"ranges": (np.float32, shape)}, {output: (np.float64, shape)})
