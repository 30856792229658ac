"""How a Kubernetes API is reached: where it is, how its certificate is checked, and who asks; as a kubeconfig says it, too.

The form: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import binascii
import ssl
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import yaml

from gwanje.errors import BadInput

_NOT_DONE: Final[Mapping[str, tuple[str, ...]]] = {
    "clusters": ("proxy-url",),
    "users": ("exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"),
}
"""What a kubeconfig may ask for and is refused by name, because without it somebody else would be asked, or would ask."""


@dataclass(frozen=True, slots=True)
class Pem:
    """A certificate or a key: the file that holds it, or its text."""

    file: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.file or self.text)

    @contextmanager
    def as_file(self) -> Iterator[str]:
        """A path that can be read meanwhile; a text lies in a file that only we may read."""
        if self.file:
            yield self.file
            return
        with NamedTemporaryFile("w", encoding="ascii") as file:
            file.write(self.text)
            file.flush()
            yield file.name


@dataclass(frozen=True, slots=True)
class Access:
    """The way to an API."""

    server: str
    """`https://host:port`."""
    token: str = ""
    token_file: str = ""
    """A file that holds the token, read again for each request; wins over `token`."""
    authority: Pem = Pem()
    """Whom to trust; the system's authorities where it is empty."""
    certificate: Pem = Pem()
    """Who asks, with `key`."""
    key: Pem = Pem()
    server_name: str = ""
    """The name that the API's certificate must be for; that of `server` where it is empty."""
    unchecked: bool = False
    """Whether any certificate is trusted."""

    def tls(self) -> ssl.SSLContext | bool:
        """How certificates are checked. Raises OSError or ValueError (ssl's own among them) for what cannot be used."""
        if not (self.authority or self.certificate or self.unchecked):
            return True
        context = ssl.create_default_context(cafile=self.authority.file or None, cadata=self.authority.text or None)
        if self.certificate:
            with self.certificate.as_file() as certificate, self.key.as_file() as key:
                context.load_cert_chain(certificate, key)
        if self.unchecked:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def of_kubeconfig(path: Path) -> Access:
    """What the current context of a kubeconfig says. Raises OSError, and BadInput for what cannot be used."""
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"is no YAML: {error}", where=str(path)) from error
    try:
        context = _named(config, "contexts", "context", config.get("current-context") or "")
        cluster = _named(config, "clusters", "cluster", context.get("cluster") or "")
        user = _named(config, "users", "user", context["user"]) if context.get("user") else {}
        return _access(cluster, user, path.parent)
    except BadInput as error:
        raise BadInput(str(error), where=str(path)) from error
    except (LookupError, TypeError, AttributeError) as error:
        raise BadInput(f"is no kubeconfig ({error!r})", where=str(path)) from error


def _named(config: Mapping[str, Any], many: str, one: str, name: str) -> Mapping[str, Any]:
    """An entry of one of the three lists. Raises BadInput."""
    found = next((entry[one] or {} for entry in config.get(many) or () if entry["name"] == name), None)
    if found is None:
        raise BadInput(f"has no {one} named {name!r} under `{many}`; name one that is there" if name else f"names no {one}")
    asked = [key for key in _NOT_DONE.get(many, ()) if found.get(key)]
    if asked:
        raise BadInput(f"the {one} {name!r} asks for `{asked[0]}`, which is not supported; use a token or a client certificate")
    entry: Mapping[str, Any] = found
    return entry


def _access(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> Access:
    server = str(cluster.get("server") or "").rstrip("/")
    if not server.startswith(("https://", "http://")):
        raise BadInput(f"the cluster's server {server!r} is not where an API is; write https://host:port")
    certificate, key = _pem(user, "client-certificate", folder), _pem(user, "client-key", folder)
    if bool(certificate) is not bool(key):
        raise BadInput("the user has one of `client-certificate` and `client-key`; give both")
    return Access(
        server=server,
        token=str(user.get("token") or ""),
        token_file=_beside(folder, user.get("tokenFile")),
        authority=_pem(cluster, "certificate-authority", folder),
        certificate=certificate,
        key=key,
        server_name=str(cluster.get("tls-server-name") or ""),
        unchecked=cluster.get("insecure-skip-tls-verify") is True,
    )


def _pem(of: Mapping[str, Any], name: str, folder: Path) -> Pem:
    """A file, or what `…-data` holds, which wins."""
    data = of.get(f"{name}-data")
    if not data:
        return Pem(_beside(folder, of.get(name)))
    try:
        return Pem(text=b64decode("".join(str(data).split()), validate=True).decode("ascii"))
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"`{name}-data` is no certificate or key in base64") from error


def _beside(folder: Path, file: str | None) -> str:
    """A path that is meant from the kubeconfig's folder."""
    return str(folder / file) if file else ""
