import time

from anomaliz.pipelines.daemon.first_trainings import FirstTrainings
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Report, RunStatus


def pipeline(name: str, **keys: object) -> Pipeline:
    return Pipeline.model_validate({"name": name, "query": "up", "schedule": "* * * * *", **keys})


def report(name: str, status: RunStatus) -> Report:
    return Report(name, "train", status, "", ended=time.time(), seconds=0.0)


def names(trainings: FirstTrainings) -> list[str]:
    return [one.name for one in trainings.due()]


class Models:
    """Which fingerprints have a model."""

    def __init__(self) -> None:
        self.of: set[str] = set()

    def lacks(self, one: Pipeline) -> bool:
        return one.fingerprint not in self.of


def test_who_lacks_a_model_waits_until_a_training_succeeds() -> None:
    models, new, old = Models(), pipeline("new"), pipeline("old", query="old")
    models.of.add(old.fingerprint)
    trainings = FirstTrainings(models.lacks)
    trainings.follow([new, old])
    assert names(trainings) == ["new"]
    assert not trainings.ended(report("old", "ok"))
    assert not trainings.ended(report("new", "failed"))
    assert names(trainings) == []  # for a minute
    models.of.add(new.fingerprint)
    assert trainings.ended(report("new", "ok"))
    assert not trainings.ended(report("new", "ok"))


def test_a_training_of_an_older_definition_is_not_the_first_of_the_new_one() -> None:
    models, now = Models(), pipeline("cpu", query="down")
    trainings = FirstTrainings(models.lacks)
    trainings.follow([now])
    models.of.add(pipeline("cpu").fingerprint)
    assert not trainings.ended(report("cpu", "ok"))
    assert names(trainings) == ["cpu"]
    models.of.add(now.fingerprint)
    assert trainings.ended(report("cpu", "ok"))
    trainings.follow([])
    assert names(trainings) == []


def test_a_reload_has_what_failed_tried_at_once() -> None:
    trainings = FirstTrainings(lambda _: True)
    trainings.follow([pipeline("cpu")])
    trainings.ended(report("cpu", "failed"))
    trainings.follow([pipeline("cpu")])
    assert names(trainings) == ["cpu"]
