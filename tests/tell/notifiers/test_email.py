"""E-mail, told to a real SMTP server in this process."""

import asyncio
import email
import email.policy
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from gwanje.errors import Rejected, RetryLater
from gwanje.tell.notifiers.email import Email, Settings, message
from gwanje.testing.notifiers import FIRING_ALERT, MESSAGES, RESOLVED_ALERT, SECRET, notification

# The library does not see that TLS began before it, and warns of passwords without it.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
PEOPLE = ("kim@example.org", "lee@example.org")


@dataclass
class Office:
    """Takes mail, and answers as it is told."""

    mails: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    answer: str = "250 OK"
    refuses: dict[str, str] = field(default_factory=dict)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        if self.answer.startswith("250"):
            mail = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)  # type: ignore[arg-type]
            self.mails.append(mail)
            self.to.append(list(envelope.rcpt_tos))
            self.encrypted.append(server.transport is not None and server.transport.get_extra_info("ssl_object") is not None)
        return self.answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine with its key, for one hour."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


def _authenticated(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ops@example.org", SECRET.encode())
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def running(office: Office, certificate: Path, security: str) -> AsyncIterator[dict[str, Any]]:
    """A running server; the settings by which it is reached."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    how: dict[str, Any] = {"auth_require_tls": False} if security == "tls" else {}
    if security == "starttls":
        how = {"tls_context": tls, "require_starttls": True}
    if security != "none":
        how |= {"authenticator": _authenticated, "auth_required": True}

    def made() -> SMTP:
        return SMTP(office, hostname="localhost", **how)

    encrypted = tls if security == "tls" else None
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=encrypted)
    try:
        port = server.sockets[0].getsockname()[1]
        who = {} if security == "none" else {"username": "ops@example.org", "password": SECRET}
        yield {"server": f"localhost:{port}", "security": security, "from": "ops@example.org", "to": PEOPLE, **who}
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def server(office: Office, certificate: Path) -> AsyncIterator[dict[str, Any]]:
    async with running(office, certificate, "none") as settings:
        yield settings


def _made(settings: dict[str, Any], certificate: Path | None = None) -> Email:
    tls = ssl.create_default_context(cafile=str(certificate)) if certificate else None
    return Email(Settings.model_validate(settings), tls)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_encrypted_and_signed_in(office: Office, certificate: Path, security: str) -> None:
    async with running(office, certificate, security) as settings:
        await _made(settings, certificate).send(notification())
    assert office.encrypted == [True]
    assert office.to == [list(PEOPLE)]


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(office: Office, certificate: Path) -> None:
    async with running(office, certificate, "starttls") as settings:
        with pytest.raises(RetryLater):
            await _made(settings).send(notification())
    assert office.mails == []


async def test_a_wrong_password_is_final_and_not_told(office: Office, certificate: Path) -> None:
    async with running(office, certificate, "tls") as settings:
        with pytest.raises(Rejected, match="535") as caught:
            await _made({**settings, "password": f"{SECRET}!"}, certificate).send(notification())
    assert SECRET not in str(caught.value)


async def test_all_mails_of_a_group_stand_in_one_thread(office: Office, server: dict[str, Any]) -> None:
    mailer = _made(server)
    await mailer.send(notification())
    await mailer.send(replace(notification(RESOLVED_ALERT, reason="resolved"), key="k2"))
    first, last = office.mails
    assert first["References"] == last["References"] == last["In-Reply-To"]
    assert first["Message-ID"] != last["Message-ID"]


def test_d2_the_same_message_has_the_same_message_id() -> None:
    settings = Settings.model_validate({"server": "x", "username": "ops@example.org"})
    assert message(notification(), settings)["Message-ID"] == message(notification(), settings)["Message-ID"]


async def test_a_mail_is_text_and_html_in_which_no_mark_is_read(office: Office, server: dict[str, Any]) -> None:
    alert = replace(FIRING_ALERT, summary={"ko": "<script>x</script>\r\nBcc: a@b"}, acknowledge_link="https://g.example/?a=1&b=2")
    await _made(server).send(notification(alert))
    (mail,) = office.mails
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[심각] fail rate high · web-1: <script>x</script> Bcc: a@b"
    assert "위치: host=web-1, source=shop" in plain.get_content()
    assert "<script>" not in html.get_content()
    assert "https://g.example/?a=1&amp;b=2" in html.get_content()


@pytest.mark.parametrize("told", [pytest.param(told, id=name) for name, told in MESSAGES])
async def test_the_server_takes_every_sort_of_message(office: Office, server: dict[str, Any], told: Any) -> None:
    assert (await _made(server).send(told)).status == 250
    assert len(office.mails) == 1


@pytest.mark.parametrize(
    ("answer", "raised"),
    [("451 later", RetryLater), ("421 busy", RetryLater), ("552 too large", Rejected), ("554 no", Rejected)],
)
async def test_d3_replies_for_now_and_for_good(
    office: Office, server: dict[str, Any], answer: str, raised: type[Exception]
) -> None:
    office.answer = answer
    with pytest.raises(raised) as caught:
        await _made(server).send(notification())
    assert caught.value.status == int(answer[:3])  # type: ignore[attr-defined]


async def test_an_address_that_has_the_mail_does_not_get_it_again(office: Office, server: dict[str, Any]) -> None:
    mailer = _made(server)
    office.refuses = {PEOPLE[1]: "450 greylisted"}
    with pytest.raises(RetryLater):
        await mailer.send(notification())
    office.refuses = {}
    await mailer.send(notification())
    assert office.to == [[PEOPLE[0]], [PEOPLE[1]]]


async def test_d3_an_address_that_is_refused_for_good_keeps_nobody_else_from_it(office: Office, server: dict[str, Any]) -> None:
    """And it is not only logged: the message failed, so that another receiver tells of it, with the address."""
    mailer = _made(server)
    office.refuses = {PEOPLE[0]: "450 greylisted", PEOPLE[1]: "550 unknown"}
    with pytest.raises(RetryLater):
        await mailer.send(notification())
    office.refuses = {PEOPLE[1]: "550 unknown"}
    with pytest.raises(Rejected, match=rf"refused {re.escape(PEOPLE[1])} \(550\) for good"):
        await mailer.send(notification())
    assert office.to == [[PEOPLE[0]]]
    office.refuses = {PEOPLE[0]: "550 unknown", PEOPLE[1]: "450 greylisted"}
    with pytest.raises(RetryLater):
        await _made(server).send(notification())
    office.refuses = dict.fromkeys(PEOPLE, "550 unknown")
    with pytest.raises(Rejected):
        await _made(server).send(notification())


async def test_nobody_listening_is_tried_again(office: Office, certificate: Path) -> None:
    async with running(office, certificate, "none") as settings:
        mailer = _made(settings)
    with pytest.raises(RetryLater):
        await mailer.send(notification())


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"server": "mail:x", "from": "a@b.c"}, "not a server"),
        ({"server": "mail", "from": "nobody"}, "not an e-mail address"),
        ({"server": "mail"}, "not an e-mail address"),
        ({"server": "mail", "username": "a@b.c", "security": "none"}, "without encryption"),
    ],
)
def test_a_mistake_in_the_settings_is_named(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Settings.model_validate(settings)


def test_the_environments_list_of_addresses_is_read() -> None:
    settings = Settings.model_validate({"server": "mail", "from": "a@b.c", "to": "d@e.f, g@h.i"})
    assert settings.addressees == ("d@e.f", "g@h.i")
    assert Settings.model_validate({"server": "mail", "username": "a@b.c"}).addressees == ("a@b.c",)
