"""A connection over HTTP: who we are to the other side, and how we know that it is who it should be."""

import ssl
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from anomaliz.config.duration import Seconds
from anomaliz.config.settings import Location, Secret, Section, Text
from anomaliz.core.errors import MissingExtraError, SourceError

if TYPE_CHECKING:
    import httpx

TENANT_HEADER = "X-Scope-OrgID"
USER_AGENT = "anomaliz"


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password: give them as basic_auth")
    if parts.query or parts.fragment:
        raise ValueError("must end with its path, without ? or #")
    return url.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class BasicAuth(Section):
    """A user and a password, given here or in a file that is read at each request."""

    username: Text = Field(description="User.")
    password: Secret | None = Field(None, description="Password.")
    password_file: Location | None = Field(None, description="File that holds the password.")

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("give one of password and password_file")
        return self


class Tls(Section):
    """What is trusted, and what we show."""

    ca_file: Location | None = Field(None, description="Certificates that are trusted, instead of the usual.")
    cert_file: Location | None = Field(None, description="Our certificate, for servers that ask for one.")
    key_file: Location | None = Field(None, description="Its key, where `cert_file` does not hold it.")
    insecure_skip_verify: bool = Field(False, description="Whether any certificate is trusted.")


class HttpSettings(Section):
    """How a system is reached over HTTP."""

    url: HttpUrl = Field(description="Where the system is.")
    basic_auth: BasicAuth | None = Field(None, description="User and password.")
    bearer_token: Secret | None = Field(None, description="Token, instead of a user.")
    bearer_token_file: Location | None = Field(None, description="File with the token, read at each request.")
    tls: Tls = Field(default_factory=Tls, description="Certificates.")
    headers: dict[Text, SecretStr] = Field(default_factory=dict, description="Headers of each request.")
    tenant: Text | None = Field(
        None, description=f"Value of {TENANT_HEADER}: whose data, in Mimir and Cortex."
    )
    timeout: Seconds = Field(30.0, description="Longest silence within one attempt.")
    deadline: Seconds = Field(120.0, description="Longest time for one request with all its attempts.")

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        given = [self.basic_auth, self.bearer_token, self.bearer_token_file]
        if sum(one is not None for one in given) > 1:
            raise ValueError("give one of basic_auth, bearer_token and bearer_token_file")
        return self

    def identity(self) -> tuple[str, ...]:
        """Return what decides whose data are seen, secrets included: for hashing, never for showing."""
        basic = self.basic_auth
        return (
            self.url,
            f"tenant:{self.tenant}",
            basic.username if basic else "",
            self.bearer_token.get_secret_value() if self.bearer_token else "",
            str(self.bearer_token_file or ""),
            *(f"{name.lower()}:{value.get_secret_value()}" for name, value in sorted(self.headers.items())),
        )


def connect(settings: HttpSettings, *, connections: int = 4) -> "httpx.Client":
    """Return a client for at most `connections` at once.

    It follows no redirect, since that could carry the secrets elsewhere. Raises SourceError where a file
    for TLS cannot be used; a file with a password or token is looked at with each request.
    """
    try:
        import httpx
    except ImportError:
        raise MissingExtraError.of("HTTP", "sources") from None

    headers = {"User-Agent": USER_AGENT}
    headers |= {name: value.get_secret_value() for name, value in settings.headers.items()}
    if settings.tenant is not None:
        headers[TENANT_HEADER] = settings.tenant
    return httpx.Client(
        headers=headers,
        auth=_auth(settings),
        verify=_trust(settings),
        timeout=settings.timeout,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
    )


def _auth(settings: HttpSettings) -> "httpx.Auth | None":
    import httpx

    class Credentials(httpx.Auth):
        """Reads a file anew at each request, since tokens are exchanged while we run."""

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            basic = settings.basic_auth
            if basic is not None:
                password = _secret(basic.password, basic.password_file, "password_file")
                yield from httpx.BasicAuth(basic.username, password).auth_flow(request)
                return
            token = _secret(settings.bearer_token, settings.bearer_token_file, "bearer_token_file")
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    given = (settings.basic_auth, settings.bearer_token, settings.bearer_token_file)
    return Credentials() if any(one is not None for one in given) else None


def _secret(value: SecretStr | None, file: Path | None, field: str) -> str:
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return ""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SourceError(f"{field} {file} cannot be read: check the path and who may read it") from None
    if not text or not text.isascii() or "\n" in text:
        raise SourceError(f"{field} {file} must hold one line of text, the secret")
    return text


def _trust(settings: HttpSettings) -> ssl.SSLContext | bool:
    tls = settings.tls
    if not settings.url.startswith("https:"):
        return False
    if tls.ca_file is None and tls.cert_file is None and not tls.insecure_skip_verify:
        return True
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file is not None:
            # A password, so that an encrypted key is an error and no question on the terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except OSError as error:
        files = ", ".join(str(file) for file in (tls.ca_file, tls.cert_file, tls.key_file) if file)
        raise SourceError(f"tls of {settings.url} cannot be used, check {files}: {error}") from None
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
