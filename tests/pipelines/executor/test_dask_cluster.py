from pathlib import Path

import jobs
import pytest
from dask_cluster import running_scheduler, running_workers
from real_servers import port

from anomaliz.pipelines.executor.dask_cluster import DaskCluster
from anomaliz.pipelines.executor.faults import JobLostError

PATIENT = 60.0


def test_a_scheduler_that_is_absent_is_one_sentence() -> None:
    cluster = DaskCluster(f"dask://127.0.0.1:{port()}")
    errors = [cluster.submit(jobs.double, 1, PATIENT).exception(PATIENT) for _ in range(20)]
    cluster.close()
    for error in errors:
        assert isinstance(error, JobLostError)
        assert "cannot be reached" in str(error)
        assert "\n" not in str(error)


def test_a_scheduler_that_is_lost_is_found_again_by_the_next_job(tmp_path: Path) -> None:
    on = port()
    cluster = DaskCluster(f"dask://127.0.0.1:{on}")
    with running_scheduler(tmp_path, on) as scheduler, running_workers(tmp_path, on, 1):
        assert cluster.submit(jobs.double, 1, PATIENT).result(PATIENT) == 2
        running = cluster.submit(jobs.wait_for, tmp_path / "never", PATIENT)
        scheduler.kill()
        with pytest.raises(JobLostError, match="next run"):
            running.result(PATIENT)
    with running_scheduler(tmp_path, on), running_workers(tmp_path, on, 1):
        assert cluster.submit(jobs.double, 2, PATIENT).result(PATIENT) == 4
    cluster.close()


def test_a_cluster_without_workers_gives_up_in_time(tmp_path: Path) -> None:
    on = port()
    cluster = DaskCluster(f"dask://127.0.0.1:{on}")
    with running_scheduler(tmp_path, on):
        with pytest.raises(JobLostError, match="no worker of it was free"):
            cluster.submit(jobs.double, 1, 0.5).result(PATIENT)
        cluster.close()
