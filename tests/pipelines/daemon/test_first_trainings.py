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


def test_who_lacks_a_model_waits_until_a_training_succeeds() -> None:
    lacking = {"new"}
    trainings = FirstTrainings(lambda one: one.name in lacking)
    trainings.follow([pipeline("new"), pipeline("old")])
    assert names(trainings) == ["new"]
    assert not trainings.ended(report("old", "ok"))
    assert not trainings.ended(report("new", "failed"))
    assert names(trainings) == []  # for a minute
    assert not trainings.ended(report("new", "ok"))  # of an older definition
    lacking.clear()
    assert trainings.ended(report("new", "ok"))
    assert not trainings.ended(report("new", "ok"))


def test_who_lacks_a_model_for_what_it_reads_now_waits_through_further_reloads() -> None:
    trainings = FirstTrainings(lambda one: one.query == "down")
    now = [pipeline("cpu", query="down")]
    for definitions, waiting in (([pipeline("cpu")], []), (now, ["cpu"]), (now, ["cpu"]), ([], [])):
        trainings.follow(definitions)
        assert names(trainings) == waiting


def test_a_reload_has_what_failed_tried_at_once() -> None:
    trainings = FirstTrainings(lambda _: True)
    trainings.follow([pipeline("cpu")])
    trainings.ended(report("cpu", "failed"))
    trainings.follow([pipeline("cpu")])
    assert names(trainings) == ["cpu"]
