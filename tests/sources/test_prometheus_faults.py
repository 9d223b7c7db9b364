"""Faults at the socket, refusals, and who we say that we are."""

import base64
import logging
import ssl
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from pydantic import ValidationError
from scripted_server import Reply, ScriptedServer, drip, half, reset, serving, stall, status

from anomaliz.core.errors import SourceError
from anomaliz.sources.prometheus import PrometheusSettings, PrometheusSource
from anomaliz.sources.readings import Readings, joined

START, STEP = np.datetime64("2026-01-05", "ns"), np.timedelta64(60, "s")
EPOCH_SECONDS = 1767571200


def answer(*series: dict[str, object], **extra: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}} | extra


GOOD = answer({"metric": {"i": "a"}, "values": [[EPOCH_SECONDS, "1"], [EPOCH_SECONDS + 60, "2"]]})
good = status(200, GOOD)
SECRET = "s3cret"


def opened(server: ScriptedServer, **settings: object) -> closing[PrometheusSource]:
    quick: dict[str, object] = {"url": server.url, "timeout": 0.3, "deadline": 3}
    return closing(PrometheusSource(PrometheusSettings.model_validate(quick | settings)))


def read(server: ScriptedServer, **settings: object) -> Readings:
    with opened(server, **settings) as source:
        return joined(source.read("up", START, START + 2 * STEP, STEP))


@pytest.mark.parametrize(
    "fault",
    [
        reset,
        stall,
        half(GOOD),
        status(200, "<html>login</html>"),
        *map(status, (408, 429, 500, 502, 503, 504)),
    ],
)
def test_a_passing_fault_is_tried_again(fault: Reply) -> None:
    with serving(fault, good) as server:
        assert read(server).values.tolist() == [[1], [2]]
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (reset, "reset"),
        (stall, r"no answer within 0\.\d+ s"),
        (drip, "did not end in time"),
        (half(GOOD), "without sending complete message body"),
        (status(503, {"error": "query timed out"}), r"HTTP 503 .*query timed out"),
        (status(200, "<html>login</html>"), "without Prometheus' JSON, but '<html>"),
    ],
)
def test_a_fault_that_stays_is_one_sentence_by_the_deadline(fault: Reply, said: str) -> None:
    with serving(fault) as server:
        begin = time.monotonic()
        with pytest.raises(SourceError, match=said) as raised:
            read(server, deadline=0.8)
        assert time.monotonic() - begin < 2
    assert "\n" not in str(raised.value)
    assert "does not answer 'up'" in str(raised.value)


def test_nobody_there_is_said_with_the_fix(free_port: int) -> None:
    settings = PrometheusSettings(url=f"http://127.0.0.1:{free_port}", deadline=0.5, timeout=0.3)
    refusal = pytest.raises(
        SourceError, match=r"cannot be used as a source: .*refused.*check that the system is up"
    )
    with closing(PrometheusSource(settings)) as source, refusal:
        source.check()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_is_left_alone_as_long_as_it_asks(form: str) -> None:
    at = datetime.now(UTC) + timedelta(seconds=2)
    wish = "1" if form == "seconds" else format_datetime(at.replace(microsecond=0), usegmt=True)
    with serving(status(429, "slow down", Retry_After=wish), good) as server:
        begin = time.monotonic()
        read(server)
        assert time.monotonic() - begin >= 0.9


def test_a_server_that_asks_for_more_rest_than_there_is_time_is_given_up_at_once() -> None:
    begin = time.monotonic()
    with (
        serving(status(429, "slow down", Retry_After="600")) as server,
        pytest.raises(
            SourceError, match=r"HTTP 429 \(slow down\) after one attempt, and it asks for 600 s of rest"
        ),
    ):
        read(server)
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize(
    ("reply", "fix"),
    [
        (
            status(400, {"errorType": "bad_data", "error": "parse error"}),
            r"\(bad_data: parse error\); mend the query",
        ),
        (status(401, "who are you"), "give basic_auth, bearer_token"),
        (status(403), "give basic_auth, bearer_token"),
        (status(404, "404 page not found"), "the url that stands before /api/v1"),
        (status(302, "", Location="http://elsewhere/"), "the url that it points to, http://elsewhere/"),
        (
            status(422, {"errorType": "execution", "error": "too many samples"}),
            "fewer series, or lower max_points",
        ),
        (status(200, {"data": 7}), "not of Prometheus' form"),
        (status(200, answer({"metric": {}, "values": [[0, "one"]]})), "not of Prometheus' form"),
        (status(200, answer({"metric": {}, "values": [[0]]})), "not of Prometheus' form"),
        (status(200, answer({"values": []})), "not of Prometheus' form"),
        (status(200, answer() | {"data": {"resultType": "vector", "result": []}}), "gives a vector"),
        (status(200, answer({"metric": {}, "histograms": []})), "take histogram_quantile"),
    ],
)
def test_a_refusal_is_not_tried_again_and_says_what_to_do(reply: Reply, fix: str) -> None:
    with serving(reply, good) as server:
        with pytest.raises(SourceError, match=fix):
            read(server)
        assert len(server.asked) == 1


def test_a_redirect_gets_no_secret() -> None:
    with serving(good) as other, serving(status(307, "", Location=other.url)) as server:
        with pytest.raises(SourceError, match="points to"):
            read(server, bearer_token=SECRET)
        assert other.asked == []


def test_warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving(status(200, GOOD | {"warnings": ["a store is out of reach"]})) as server:
        with caplog.at_level(logging.WARNING):
            assert read(server).has_data
        assert "a store is out of reach" in caplog.text


def test_closing_ends_a_read_that_waits() -> None:
    with serving(status(503)) as server, opened(server, deadline=60) as source:
        faults: list[Exception] = []

        def read_on() -> None:
            try:
                joined(source.read("up", START, START + 2 * STEP, STEP))
            except Exception as fault:
                faults.append(fault)

        thread = Thread(target=read_on)
        thread.start()
        while not server.asked:
            time.sleep(0.01)
        source.close()
        thread.join(5)
        assert not thread.is_alive()
        assert isinstance(faults[0], SourceError)


def test_no_more_requests_at_once_than_allowed() -> None:
    running, most = [0], [0]

    def slow(handler: object) -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.05)
        running[0] -= 1
        good(handler)  # type: ignore[arg-type]

    with serving(slow) as server, opened(server, parallel=3, max_points=10, timeout=5) as source:
        list(source.read("up", START, START + 200 * STEP, STEP))
        assert len(server.asked) == 20
        assert most[0] == 3


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({"basic_auth": {"username": "u", "password": SECRET}}, "Authorization", basic("u", SECRET)),
        ({"bearer_token": SECRET}, "Authorization", f"Bearer {SECRET}"),
        ({"tenant": "team-a"}, "X-Scope-OrgID", "team-a"),
        ({"headers": {"X-Key": SECRET}}, "X-Key", SECRET),
    ],
)
def test_who_we_are_goes_with_each_request(settings: dict[str, object], header: str, value: str) -> None:
    with serving(status(503), good) as server:
        read(server, **settings)
        assert [asked.headers[header] for asked in server.asked] == [value, value]


def test_files_with_secrets_are_read_anew(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    with serving(good) as server, opened(server, bearer_token_file=token) as source:
        source.check()
        token.write_text("two\n")
        source.check()
        password = tmp_path / "password"
        password.write_text(f"{SECRET}\n")
        read(server, basic_auth={"username": "u", "password_file": password})
        sent = [asked.headers["Authorization"] for asked in server.asked]
        assert sent == ["Bearer one", "Bearer two", basic("u", SECRET)]


@pytest.mark.parametrize("content", [None, "", "two\nlines"])
def test_a_file_without_a_secret_is_named(tmp_path: Path, content: str | None) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    with serving(good) as server, pytest.raises(SourceError, match=f"bearer_token_file {token} "):
        read(server, bearer_token_file=token)


def test_secrets_are_in_no_error_and_no_text() -> None:
    given = {"bearer_token": SECRET, "headers": {"X-Key": SECRET}}
    with serving(status(401)) as server:
        with pytest.raises(SourceError) as raised:
            read(server, **given)
        assert SECRET not in str(raised.value)
        assert SECRET not in repr(PrometheusSettings.model_validate({"url": server.url} | given))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "localhost:9090"}, "must begin with http"),
        ({"url": f"http://me:{SECRET}@host"}, "give them as basic_auth"),
        ({"url": "http://host/?a=b"}, r"without \? or #"),
        ({"bearer_token": "a", "bearer_token_file": "b"}, "one of basic_auth"),
        ({"basic_auth": {"username": "u"}}, "one of password and password_file"),
        ({"timeout": "soon"}, "a duration such as 30s"),
        ({"max_points": 0}, "greater than or equal to 1"),
        ({"cach": "x"}, "not permitted"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as raised:
        PrometheusSettings.model_validate(settings)
    assert SECRET not in str(raised.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return cert, key


def test_certificates_are_checked_and_shown(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(cert)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = {"cert_file": cert, "key_file": key}
    with serving(good, context=context) as server:
        assert read(server, tls={"ca_file": cert} | ours).has_data
        assert read(server, tls={"insecure_skip_verify": True} | ours).has_data
        with pytest.raises(SourceError, match=r"not trusted: give tls\.ca_file"):
            read(server, tls=ours)
        with pytest.raises(SourceError, match="after"):
            read(server, tls={"ca_file": cert}, deadline=0.5)
        with pytest.raises(SourceError, match=f"tls of {server.url} cannot be used, check .*nowhere"):
            read(server, tls={"ca_file": "/nowhere"})
