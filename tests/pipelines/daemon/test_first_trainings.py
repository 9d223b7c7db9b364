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
    trainings = FirstTrainings(lambda one: one.name == "new")
    trainings.follow([pipeline("new"), pipeline("old")])
    assert names(trainings) == ["new"]
    assert not trainings.ended(report("old", "ok"))
    assert not trainings.ended(report("new", "failed"))
    assert names(trainings) == []  # for a minute
    assert trainings.ended(report("new", "ok"))
    assert not trainings.ended(report("new", "ok"))


def test_another_query_is_learnt_anew_and_waits_through_further_reloads() -> None:
    trainings = FirstTrainings(lambda _: False)
    before, now = [pipeline("cpu")], [pipeline("cpu", query="down")]
    trainings.follow(now, before)
    assert names(trainings) == ["cpu"]
    trainings.follow(now, now)
    assert names(trainings) == ["cpu"]
    trainings.follow([], now)
    assert names(trainings) == []


def test_another_schedule_or_policy_needs_no_training() -> None:
    trainings = FirstTrainings(lambda _: False)
    trainings.follow(
        [pipeline("cpu", schedule="0 * * * *", direction="above", step=60)], [pipeline("cpu", step=60)]
    )
    assert names(trainings) == []


def test_a_schedule_that_changes_the_step_needs_one() -> None:
    trainings = FirstTrainings(lambda _: False)
    trainings.follow([pipeline("cpu", schedule="*/5 * * * *")], [pipeline("cpu")])
    assert names(trainings) == ["cpu"]


def test_a_reload_has_what_failed_tried_at_once() -> None:
    trainings = FirstTrainings(lambda _: True)
    trainings.follow([pipeline("cpu")])
    trainings.ended(report("cpu", "failed"))
    trainings.follow([pipeline("cpu")], [pipeline("cpu")])
    assert names(trainings) == ["cpu"]
