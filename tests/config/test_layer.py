"""Layers of entries by dotted key."""

from anomaliz.config.layer import Entry, entry_of_text, layer_of_mapping, tree_of_layer


def test_a_tree_is_flattened_and_nested_again() -> None:
    tree = {"artifact_dir": "here", "detection": {"members": ["a"], "fusion": {"weight_lstm": 0.5}}}
    layer = layer_of_mapping(tree, "my.yaml")
    assert layer["detection.fusion.weight_lstm"] == Entry(0.5, "my.yaml")
    assert tree_of_layer(layer) == tree


def test_only_a_list_is_read_from_its_text() -> None:
    assert entry_of_text("api.host", "a,b", "environment: X").value == "a,b"
    assert entry_of_text("api.api_keys", "a,b", "environment: X").value == ["a", "b"]
