"""E-mail, by SMTP. All messages about a group stand in one thread."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import ClassVar, Final, Literal

import aiosmtplib
from pydantic import Field, field_validator, model_validator

from gwanje import config, kinds
from gwanje.because import Because
from gwanje.config import Secret
from gwanje.errors import Rejected, RetryLater
from gwanje.reach import ForbiddenError, Reach
from gwanje.tell.notifiers.base import Accepted, Notification
from gwanje.tell.once import Once
from gwanje.tell.post import without
from gwanje.tell.texts import COLOURS, Part, Speech, Text, cut, write

_TIMEOUT: Final = 15
_SHOWN: Final = 50
_LONGEST_SUBJECT: Final = 200
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class Settings(Speech):
    """Addresses that get e-mail, by an SMTP server."""

    server: str
    """The SMTP server, with or without a port: `smtp.example.org`, `smtp.example.org:587`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted: `starttls` (port 587), `tls` from the beginning (465), or `none` (25)."""
    username: str = ""
    """Who signs in; empty: nobody."""
    password: config.Secret = Secret("")
    """The password, or a password for programs."""
    sender: str = Field(default="", alias="from")
    """The address that messages come from. Empty: `username`."""
    to: tuple[str, ...] = ()
    """The addresses that get messages. Empty: the sender's own."""

    needs: ClassVar = ("server",)
    elsewhere: ClassVar = ("from", "to")

    @field_validator("to", mode="before", json_schema_input_type=str | tuple[str, ...])
    @classmethod
    def _listed(cls, to: object) -> object:
        """One text may name several, by commas, as the environment does."""
        return [one.strip() for one in to.split(",") if one.strip()] if isinstance(to, str) else to

    @field_validator("server")
    @classmethod
    def _server(cls, server: str) -> str:
        _, _, port = server.partition(":")
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(Because("is not a server; write smtp.example.org or smtp.example.org:587", "no_mail_server"))
        return server

    @model_validator(mode="after")
    def _addressed(self) -> Settings:
        if not self.server:
            return self
        for one in (self.from_, *self.addressees):
            try:
                Address(addr_spec=one)
            except (ValueError, IndexError) as error:
                raise ValueError(
                    Because(f"{one!r} is not an e-mail address; set `from` and `to`", "no_mail_address", text=one)
                ) from error
        if self.username and self.security == "none" and self.host not in {"127.0.0.1", "localhost", "::1"}:
            sentence = "a password is not sent without encryption; set `security` to starttls or tls"
            raise ValueError(Because(sentence, "password_in_clear"))
        return self

    @property
    def host(self) -> str:
        return self.server.partition(":")[0]

    @property
    def port(self) -> int:
        return int(self.server.partition(":")[2] or _PORTS[self.security])

    @property
    def from_(self) -> str:
        return self.sender or self.username

    @property
    def addressees(self) -> tuple[str, ...]:
        return self.to or (self.from_,)


def create(settings: Settings, world: kinds.World) -> Email:
    return Email(settings, once=Once(world.state), reach=world.reach)


class Email:
    def __init__(
        self, settings: Settings, tls: ssl.SSLContext | None = None, *, once: Once | None = None, reach: Reach | None = None
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._once = once or Once()
        self._reach = reach

    async def send(self, notification: Notification) -> Accepted:
        settings = self._settings
        password = settings.password.get_secret_value()
        left = await self._once.left(notification.key, settings.addressees)
        try:
            connection = await self._reach.connected(settings.host, settings.port) if self._reach else None
            refused, _ = await aiosmtplib.send(
                message(notification, settings),
                sender=settings.from_,
                recipients=list(left),
                hostname=settings.host,
                port=None if connection else settings.port,
                sock=connection,
                use_tls=settings.security == "tls",
                start_tls=settings.security == "starttls",
                username=settings.username or None,
                password=password if settings.username else None,
                timeout=_TIMEOUT,
                tls_context=self._tls,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused({one.recipient: one.code for one in error.recipients}) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error.code, without([password] if password else [], str(error.message))) from None
        except ForbiddenError as error:
            raise Rejected(f"the mail server is not spoken to: {error}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise RetryLater(
                f"the mail server did not take the message ({type(error).__name__}); see `server` and `security`"
            ) from None
        await self._took(left, {address: answer.code for address, answer in refused.items()})
        return Accepted(250)

    async def _took(self, asked: Sequence[str], refused: Mapping[str, int]) -> None:
        """Some addresses have the message. Raises RetryLater where others may have it later, Rejected where some never will."""
        await self._once.has(*(address for address in asked if address not in refused))
        if refused:
            raise _refused(refused)


def _refused(codes: Mapping[str, int]) -> RetryLater | Rejected:
    """What is raised because of addresses that were refused: as long as one of them may have the mail later, it is tried."""
    worst = max(codes.values())
    told = "the mail server refused " + ", ".join(f"{address} ({code})" for address, code in codes.items())
    if min(codes.values()) < 500:
        return RetryLater(f"{told} for now", status=min(codes.values()))
    return Rejected(f"{told} for good; every other address has the mail", status=worst)


def _judged(code: int, said: str) -> RetryLater | Rejected:
    """SMTP's replies: 4xx is for now, 5xx for good."""
    told = f"the mail server answered {code}: {said}"
    return Rejected(told, status=code) if code >= 500 else RetryLater(told, status=code)


def message(notification: Notification, settings: Settings) -> EmailMessage:
    """The mail as plain text and HTML. Its Message-ID is the notification's key, so that the same message sent twice is one."""
    text = write(notification, settings, most=_SHOWN)
    domain = settings.from_.rpartition("@")[2]
    mail = EmailMessage()
    mail["Subject"] = " ".join(cut(text.title, _LONGEST_SUBJECT).split())
    mail["From"] = Address("gwanje", addr_spec=settings.from_)
    mail["To"] = ", ".join(settings.addressees)
    mail["Date"] = format_datetime(notification.decided)
    mail["Message-ID"] = f"<{_token(notification.key)}@{domain}>"
    # Nobody has the message that begins the thread; mail programs put together what refers to the same one.
    mail["In-Reply-To"] = mail["References"] = f"<{_token(notification.group_key)}.group@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Gwanje-Reason"] = notification.reason
    if text.tone == "critical":
        mail["Importance"] = "high"
    mail.set_content(f"{text.title}\n\n{text.plain}\n")
    mail.add_alternative(_html(text), subtype="html")
    return mail


def _token(key: str) -> str:
    """A key as it may stand in a Message-ID."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _html(text: Text) -> str:
    body = f"<p>{_lines(text.body)}</p>" if text.body else ""
    more = f"<p>{escape(text.more)}</p>" if text.more else ""
    return f"<html><body><h3>{escape(text.title)}</h3>{body}{''.join(map(_table, text.parts))}{more}</body></html>"


def _table(part: Part) -> str:
    rows = "".join(
        f"<tr><td style='padding:2px 12px 2px 0;color:#666'>{escape(line.name)}</td><td>{_lines(line.text)}</td></tr>"
        for line in part.lines
    )
    links = " · ".join(f"<a href='{escape(link.url)}'>{escape(link.name)}</a>" for link in part.links)
    edge = f"border-left:4px solid {COLOURS[part.tone]};padding-left:12px;margin:12px 0"
    return f"<div style='{edge}'><b>{escape(part.title)}</b><table>{rows}</table>{links}</div>"


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")
