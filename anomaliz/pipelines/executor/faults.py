"""How a job ends that gave no outcome, each in one sentence."""

from anomaliz.core.errors import AnomalizError


class JobTimeoutError(AnomalizError):
    """A job that took longer than it may."""


class JobLostError(AnomalizError):
    """A job whose process, worker or cluster is gone; the next run does its work."""


class JobFaultError(AnomalizError):
    """A job that raised what nobody foresaw."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.trace = trace
        """The traceback, for the log."""
