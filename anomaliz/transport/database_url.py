"""Where a database is, as SQLAlchemy has it, and what may be said of it: its password is in no message."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from anomaliz.core.errors import AnomalizError, MissingExtraError

if TYPE_CHECKING:
    import sqlalchemy as sa

FILES = ("sqlite", "duckdb")
NO_FILES = (":memory:", "file:", "md:", "motherduck:")


class DatabaseUrl:
    """The URL of a database. What cannot be used is raised as the `fault` that its owner wants."""

    def __init__(self, text: str, fault: type[AnomalizError], *, feature: str, extra: str) -> None:
        """Raise `fault` for a text that is no URL; MissingExtraError where SQLAlchemy is absent."""
        try:
            import sqlalchemy as sa
        except ImportError:
            raise MissingExtraError.of(feature, extra) from None
        try:
            self._url = sa.make_url(text)
        except sa.exc.ArgumentError:
            raise fault(
                "the database URL cannot be read: give dialect://user:password@host/database", field="url"
            ) from None
        self._fault = fault
        self.backend = self._url.get_backend_name()
        self.database = self._url.database or ""
        self.name = f"{self.backend}://{self._url.host or ''}/{self.database}"

    @property
    def is_file(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.backend in FILES and bool(self.database) and not self.database.startswith(NO_FILES)

    @property
    def driver(self) -> str:
        """Name of the package that speaks to the database; raises `fault` where there is none."""
        with self._driver_sought():
            return self._url.get_driver_name()

    def engine(self, **options: Any) -> "sa.Engine":
        """Return an engine, which connects to nothing yet; raises `fault` where there is no driver."""
        import sqlalchemy as sa

        with self._driver_sought():
            return sa.create_engine(self._url, **options)

    @contextmanager
    def _driver_sought(self) -> Iterator[None]:
        from sqlalchemy.exc import NoSuchModuleError

        try:
            yield
        except NoSuchModuleError:
            raise self._fault(
                f"there is no driver for {self.backend}:// here: install its SQLAlchemy dialect", field="url"
            ) from None
        except ModuleNotFoundError as error:
            raise self._fault(
                f"{self.name} needs the package {error.name}: pip install {error.name}", field="url"
            ) from None

    def reason(self, error: BaseException) -> str:
        """Return what an error says, in one line."""
        cause = getattr(error, "orig", None) or error
        reason = str(cause).strip().partition("\n")[0].rstrip(".") or type(cause).__name__
        return reason.replace(self._url.password, "***") if self._url.password else reason
