"""What a kubeconfig says of the way to an API, and how certificates are checked and shown on it."""

from __future__ import annotations

import ssl
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from gwanje.collect.discovery.kube_access import Access, Pem, of_kubeconfig
from gwanje.errors import BadInput


def kubeconfig(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "there", "context": {"cluster": "other", "user": "nobody"}},
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://k:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config"


def data(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("cluster", "user", "access"),
    [
        pytest.param({}, {}, {}, id="only where it is"),
        pytest.param({}, {"token": "s3cret"}, {"token": "s3cret"}, id="a token"),
        pytest.param({}, {"tokenFile": "/run/token"}, {"token_file": "/run/token"}, id="a token's file"),
        pytest.param({"certificate-authority": "/ca.pem"}, {}, {"authority": Pem("/ca.pem")}, id="an authority's file"),
        pytest.param(
            {"certificate-authority": "/ca.pem", "certificate-authority-data": data("CA")},
            {},
            {"authority": Pem(text="CA")},
            id="an authority itself, which wins",
        ),
        pytest.param(
            {},
            {"client-certificate": "/me.pem", "client-key-data": data("KEY")},
            {"certificate": Pem("/me.pem"), "key": Pem(text="KEY")},
            id="a certificate of ours",
        ),
        pytest.param(
            {"insecure-skip-tls-verify": True, "tls-server-name": "kube"},
            {},
            {"unchecked": True, "server_name": "kube"},
            id="how it is checked",
        ),
    ],
)
def test_the_current_context_is_read(file: Path, cluster: dict[str, Any], user: dict[str, Any], access: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(kubeconfig(cluster, user)), encoding="utf-8")
    assert of_kubeconfig(file) == Access("https://k:6443", **access)


def test_files_are_meant_from_the_folder_of_the_kubeconfig(file: Path) -> None:
    file.write_text(yaml.safe_dump(kubeconfig(user={"tokenFile": "keys/token"})), encoding="utf-8")
    assert of_kubeconfig(file).token_file == str(file.parent / "keys/token")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        pytest.param(kubeconfig(user={"exec": {"command": "aws"}}), "the user 'u' asks for `exec`", id="a program"),
        pytest.param(kubeconfig(user={"auth-provider": {"name": "gcp"}}), "asks for `auth-provider`", id="a provider"),
        pytest.param(kubeconfig(user={"as": "admin"}), "asks for `as`", id="somebody else"),
        pytest.param(kubeconfig({"proxy-url": "http://p"}), "the cluster 'c' asks for `proxy-url`", id="a proxy"),
        pytest.param(kubeconfig({"server": "k:6443"}), "is not where an API is", id="no URL"),
        pytest.param(kubeconfig({"certificate-authority-data": "?"}), "`certificate-authority-data` is no", id="no base64"),
        pytest.param(kubeconfig(user={"client-key": "/k"}), "give both", id="half of a certificate"),
        pytest.param(kubeconfig() | {"current-context": "x"}, "no context named 'x' under `contexts`", id="an unknown context"),
        pytest.param(kubeconfig() | {"current-context": ""}, "names no context", id="no context"),
        pytest.param(kubeconfig() | {"clusters": []}, "no cluster named 'c'", id="an unknown cluster"),
        pytest.param(["x"], "is no kubeconfig", id="a list"),
        pytest.param(kubeconfig() | {"users": [{"user": {}}]}, "is no kubeconfig", id="a user without a name"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_file(file: Path, config: Any, why: str) -> None:
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(BadInput, match=why) as told:
        of_kubeconfig(file)
    assert str(file) in str(told.value)


def test_what_is_no_yaml_is_said_too(file: Path) -> None:
    file.write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="is no YAML"):
        of_kubeconfig(file)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for `kube` that signs itself, and its key."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    what = ("-subj", "/CN=kube", "-addext", "subjectAltName=DNS:kube", "-days", "2", "-nodes")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", str(key), *what]
    subprocess.run([*made, "-out", str(certificate)], check=True, capture_output=True, timeout=60)
    return certificate, key


@pytest.mark.parametrize("as_text", [pytest.param(True, id="by texts"), pytest.param(False, id="by files")])
def test_an_api_and_who_asks_show_each_other_their_certificates(pair: tuple[Path, Path], *, as_text: bool) -> None:
    certificate, key = (Pem(text=file.read_text("ascii")) if as_text else Pem(str(file)) for file in pair)
    context = Access("https://kube", authority=certificate, certificate=certificate, key=key).tls()
    assert isinstance(context, ssl.SSLContext)
    assert shaken_hands(context, pair) == "kube"


def test_an_api_of_another_authority_is_not_trusted(pair: tuple[Path, Path]) -> None:
    certificate, key = map(str, pair)
    context = Access("https://kube", certificate=Pem(certificate), key=Pem(key)).tls()
    assert isinstance(context, ssl.SSLContext)
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken_hands(context, pair)


def shaken_hands(ours: ssl.SSLContext, pair: tuple[Path, Path]) -> str:
    """The name on our certificate, as an API sees it that has this pair and lets in only whom it signed."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*pair)
    theirs.load_verify_locations(pair[0])
    theirs.verify_mode = ssl.CERT_REQUIRED
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = theirs.wrap_bio(there, here, server_side=True)
    client = ours.wrap_bio(here, there, server_hostname="kube")
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    seen: Any = server.getpeercert()
    return str(dict(part[0] for part in seen["subject"])["commonName"])
