"""What the kinds of state that are a server's database share: settings, the pool of connections, and what errors mean."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, field_validator
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from gwanje import config

CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 30
"""How long a statement waits for what another process holds."""


@dataclass(frozen=True, slots=True)
class Server:
    """One sort of database server: how it is spoken to, and which of its error codes mean what."""

    name: str
    driver: str
    full: Collection[int | str]
    """Codes that say that nothing can be written: the disk is full, or the server takes no writes."""
    code: Callable[[BaseException], int | str | None]


class ServerSettings(config.Settings):
    """A database on a server: for several processes that take over from each other."""

    schemes: ClassVar[tuple[str, ...]] = ()

    url: config.Secret | None = None
    """The address in one piece, `SCHEME://USER:PASSWORD@HOST:PORT/DATABASE`, instead of the five settings below."""
    host: str = "localhost"
    """Where the server is."""
    port: int = Field(default=0, ge=0, le=65535)
    """Its port; 0 for the usual one."""
    user: str = "gwanje"
    """Who signs in. It needs every right on its database: it makes the tables."""
    password: config.Secret = config.Secret("")
    """Its password."""
    database: str = "gwanje"
    """The database. It must exist, and nothing else should be in it."""
    connections: int = Field(default=10, ge=2, le=200)
    """How many connections this process holds at most."""
    tls: Literal["off", "required", "verified"] = "off"
    """`required` encrypts, `verified` also checks that the server is the one it says it is."""
    tls_ca: Path | None = None
    """The certificates to verify with; those of the system where it is left out."""

    @field_validator("url")
    @classmethod
    def _url(cls, url: config.Secret | None) -> config.Secret | None:
        if url is None:
            return None
        try:
            scheme = make_url(url.get_secret_value()).drivername
        except (ArgumentError, ValueError):
            scheme = ""
        if scheme not in cls.schemes:
            raise ValueError(f"must look like {cls.schemes[0]}://USER:PASSWORD@HOST:PORT/DATABASE")
        return url


def address(settings: ServerSettings, driver: str, port: int) -> URL:
    """Where the database is, for SQLAlchemy."""
    if settings.url is not None:
        written = make_url(settings.url.get_secret_value())
        return written.set(drivername=driver, port=written.port or port)
    return URL.create(
        driver,
        username=settings.user,
        password=settings.password.get_secret_value() or None,
        host=settings.host,
        port=settings.port or port,
        database=settings.database,
    )


def open_engine(settings: ServerSettings, url: URL, arguments: Mapping[str, Any]) -> Engine:
    """A pool of connections. One that broke is noticed and replaced before it is used."""
    return create_engine(
        url,
        connect_args={"connect_timeout": CONNECT_SECONDS, **arguments},
        pool_size=settings.connections,
        max_overflow=0,
        pool_timeout=LOCK_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,  # messages and passwords' hashes stand in them
    )


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """How to encrypt; None where nothing is encrypted."""
    if settings.tls == "off":
        return None
    context = ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)
    if settings.tls == "required":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def place(url: URL) -> str:
    """The database as people name it, without what is secret: `HOST:PORT/DATABASE`."""
    return f"{url.host}:{url.port}/{url.database}"


def said(error: DBAPIError) -> str:
    """What the driver said, on one line, without the statement."""
    return " ".join(str(error.orig).split())
