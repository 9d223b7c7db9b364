import pickle

from anomaliz.core.errors import DataError, MissingExtraError


def test_errors_survive_the_way_from_a_worker_process() -> None:
    error = MissingExtraError.of("Training", "train")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, MissingExtraError)
    assert str(again) == "Training needs the 'train' extra: pip install 'anomaliz[train]'"
    assert str(pickle.loads(pickle.dumps(DataError("bad", field="cpu")))) == "bad"
