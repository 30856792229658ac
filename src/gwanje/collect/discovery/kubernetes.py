"""Targets that a Kubernetes cluster knows: its nodes, pods, services, endpoints and ingresses, as they come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import aiohttp
import structlog
from pydantic import field_validator, model_validator

from gwanje import config, kinds
from gwanje.collect.discovery.base import Target
from gwanje.collect.discovery.kube_access import Access, Pem, of_kubeconfig
from gwanje.collect.discovery.kube_attached import Attached
from gwanje.collect.discovery.kube_endpoints import Known, of_endpoints, of_slice
from gwanje.collect.discovery.kube_mirror import Api, Mirror
from gwanje.collect.discovery.kube_targets import Object, of_ingress, of_node, of_pod, of_service
from gwanje.errors import BadInput
from gwanje.http import open_session

log = structlog.get_logger(__name__)

Role = Literal["node", "pod", "service", "endpoints", "endpointslice", "ingress"]

_IN_CLUSTER: Final = "https://kubernetes.default.svc"
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SETTLED_SECONDS: Final = 0.1
"""Changes come in bursts: those of so long are told as one."""
_CORE: Final = "/api/v1"
_ON_NODES: Final = frozenset({"pod", "endpoints", "endpointslice"})
"""Roles of which a target is on a node."""
_OF_NO_NAMESPACE: Final = frozenset({"nodes", "namespaces"})
_SAID_BY_KUBECONFIG: Final = frozenset({"api_server", "bearer_token", "token_file", "ca_file", "insecure_skip_verify"})
_GROUPS: Final[Mapping[str, str]] = {"endpointslices": "/apis/discovery.k8s.io/v1", "ingresses": "/apis/networking.k8s.io/v1"}
_PLURALS: Final[Mapping[Role, str]] = {
    "node": "nodes",
    "pod": "pods",
    "service": "services",
    "endpoints": "endpoints",
    "endpointslice": "endpointslices",
    "ingress": "ingresses",
}


class Selector(config.Settings):
    """Which objects of a role count."""

    role: Role
    """Of which role."""

    label: str = ""
    """A selector of labels, as `app=shop,tier!=test`."""

    field: str = ""
    """A selector of fields, as `spec.nodeName=node-1`."""


class Attach(config.Settings):
    """What else is put beside the labels of a target."""

    node: bool = False
    """Labels and annotations of its node; of `pod`, `endpoints` and `endpointslice`."""

    namespace: bool = False
    """Labels and annotations of its namespace; of every role but `node`."""


class Settings(config.Settings):
    """Targets from a Kubernetes API, with Prometheus's `__meta_kubernetes_…` labels, told within a second of a change.

    Within a cluster nothing but `role` is needed; the service account must be allowed to list and watch what the role reads
    (`endpoints` and `endpointslice` read services and pods, too; `attach_metadata` reads nodes and namespaces).
    """

    role: Role
    """What becomes targets: `node`, `pod`, `service`, `endpoints`, `endpointslice` or `ingress`."""

    api_server: str = _IN_CLUSTER
    """Where the API is, `https://…`; the cluster's own unless set."""

    kubeconfig_file: str = ""
    """A kubeconfig that says where the API is and who asks, by its current context; read once, when the discovery begins."""

    namespaces: tuple[str, ...] = ()
    """Which namespaces are looked at; all of them unless set."""

    selectors: tuple[Selector, ...] = ()
    """Which objects count, by role."""

    attach_metadata: Attach = Attach()
    """What else is put beside the labels of a target."""

    bearer_token: config.Secret | None = None
    """A key to send; unless set, that of `token_file`."""

    token_file: str = ""
    """A file that holds the key, read again for each request; within a cluster the service account's unless set."""

    ca_file: str = ""
    """Certificates to trust, a PEM file; within a cluster the service account's unless set, else the system's."""

    insecure_skip_verify: bool = False
    """Trust any certificate. Whoever stands in between can then read and change everything."""

    retry_interval: config.Duration = timedelta(seconds=5)
    """How long to wait before asking again after a failure."""

    @model_validator(mode="before")
    @classmethod
    def _in_our_words(cls, values: Any) -> Any:
        """Prometheus's own spelling is understood, too."""
        if not isinstance(values, Mapping):
            return values
        ours = dict(values)
        if isinstance(named := ours.get("namespaces"), Mapping) and named.keys() == {"names"}:
            ours["namespaces"] = named["names"]
        if "bearer_token_file" in ours:
            ours["token_file"] = ours.pop("bearer_token_file")
        for key, spelled in (
            ("authorization", {"credentials": "bearer_token", "credentials_file": "token_file"}),
            ("tls_config", {}),
        ):
            if isinstance(nested := ours.get(key), Mapping):
                del ours[key]
                ours |= {
                    spelled.get(name, name): value for name, value in nested.items() if (key, name) != ("authorization", "type")
                }
        return ours

    @field_validator("api_server")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is not where an API is; write https://host:port")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _makes_sense(self) -> Settings:
        beside = sorted(self.model_fields_set & _SAID_BY_KUBECONFIG)
        if self.kubeconfig_file and beside:
            raise ValueError(f"`kubeconfig_file` says `{beside[0]}` itself; set one of them")
        if self.attach_metadata.node and self.role not in _ON_NODES:
            raise ValueError(f"`attach_metadata` has no node for the role {self.role}; it is for {', '.join(sorted(_ON_NODES))}")
        if self.attach_metadata.namespace and self.role == "node":
            raise ValueError("`attach_metadata` has no namespace for the role node, which is in none")
        return self

    @field_validator("retry_interval")
    @classmethod
    def _is_a_pause(cls, pause: timedelta) -> timedelta:
        if pause <= timedelta():
            raise ValueError("must be longer than nothing")
        return pause


def create(settings: Settings, world: kinds.World) -> Kubernetes:
    return Kubernetes(settings)


class Kubernetes:
    """Mirrors what the role reads, and tells the targets again after each change."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mirrors: dict[str, list[Mirror]] = {}
        self._trouble = ""
        self._unread = ""

    @property
    def trouble(self) -> str:
        every = [self._trouble, self._unread, *(mirror.trouble for mirrors in self._mirrors.values() for mirror in mirrors)]
        return "; ".join(one for one in every if one)

    async def changes(self) -> AsyncIterator[Sequence[Target]]:
        changed = asyncio.Event()
        known: Sequence[Target] | None = None
        async with open_session(connections=0, per_host=0) as session:
            api = await self._api(session)
            self._mirrors = {plural: self._of(api, plural, changed) for plural in _read_by(self._settings)}
            every = [mirror for mirrors in self._mirrors.values() for mirror in mirrors]
            tasks = [asyncio.create_task(mirror.run(), name=f"watch {mirror.path}") for mirror in every]
            try:
                while True:
                    await changed.wait()
                    await asyncio.sleep(_SETTLED_SECONDS)
                    changed.clear()
                    if not all(mirror.listed for mirror in every):
                        continue
                    own, around = self._objects(_PLURALS[self._settings.role]), self._around()
                    attached = self._attached()
                    found, self._unread = await asyncio.to_thread(_targets, self._settings.role, own, around, attached)
                    if found != known:
                        known = found
                        yield found
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _api(self, session: aiohttp.ClientSession) -> Api:
        """Where the API is, and who asks; while a file for that cannot be used, the reason is in `trouble`."""
        while True:
            try:
                access = await asyncio.to_thread(self._access)
                tls = await asyncio.to_thread(access.tls)
            except (BadInput, OSError, ValueError) as error:
                self._trouble = f"{self._files()} cannot be used: {error}"
                log.warning("cannot ask Kubernetes for targets", reason=self._trouble)
                await asyncio.sleep(self._settings.retry_interval.total_seconds())
            else:
                self._trouble = ""
                return Api(session, access, tls)

    def _access(self) -> Access:
        """Raises OSError, and BadInput for a kubeconfig that cannot be used."""
        settings = self._settings
        if settings.kubeconfig_file:
            return of_kubeconfig(Path(settings.kubeconfig_file))
        token = settings.bearer_token.get_secret_value() if settings.bearer_token else ""
        return Access(
            server=settings.api_server,
            token=token,
            token_file="" if token else settings.token_file or self._of_account("token"),
            authority=Pem(settings.ca_file or self._of_account("ca.crt")),
            unchecked=settings.insecure_skip_verify,
        )

    def _files(self) -> str:
        """What says how the API is reached."""
        return self._settings.kubeconfig_file or f"the certificates of {self._settings.ca_file or _ACCOUNT / 'ca.crt'}"

    def _of_account(self, name: str) -> str:
        """A file of the pod's own service account, for the cluster's own API alone."""
        return str(_ACCOUNT / name) if self._settings.api_server == _IN_CLUSTER else ""

    def _of(self, api: Api, plural: str, changed: asyncio.Event) -> list[Mirror]:
        group, pause = _GROUPS.get(plural, _CORE), self._settings.retry_interval
        asked = {
            key: value
            for one in self._settings.selectors
            if _PLURALS[one.role] == plural
            for key, value in (("labelSelector", one.label), ("fieldSelector", one.field))
            if value
        }
        places = [""] if plural in _OF_NO_NAMESPACE else [f"/namespaces/{name}" for name in self._settings.namespaces] or [""]
        return [Mirror(api, f"{group}{place}/{plural}", asked, pause, changed.set) for place in places]

    def _around(self) -> Known:
        return Known(self._objects("services"), self._objects("pods"))

    def _attached(self) -> Attached:
        wanted = self._settings.attach_metadata
        return Attached(self._objects("nodes") if wanted.node else {}, self._objects("namespaces") if wanted.namespace else {})

    def _objects(self, plural: str) -> dict[tuple[str, str], Object]:
        return {name: one for mirror in self._mirrors.get(plural, ()) for name, one in mirror.objects.items()}


def _read_by(settings: Settings) -> Sequence[str]:
    """What must be known for the targets of a role."""
    more = ["services", "pods"] if settings.role in {"endpoints", "endpointslice"} else []
    more += ["nodes"] * settings.attach_metadata.node + ["namespaces"] * settings.attach_metadata.namespace
    return [_PLURALS[settings.role], *more]


def _targets(
    role: Role, objects: Mapping[tuple[str, str], Object], around: Known, attached: Attached
) -> tuple[list[Target], str]:
    """The targets of all objects, in an order that does not change by itself; and which object cannot be read, if one cannot."""
    found: list[Target] = []
    unread = ""
    for name, one in sorted(objects.items()):
        try:
            found += [attached.to(target) for target in _of_role(role, one, around)]
        except (LookupError, TypeError, AttributeError) as error:
            unread = f"{role} {'/'.join(name)} cannot be read: {error!r}"
    return found, unread


def _of_role(role: Role, one: Object, known: Known) -> list[Target]:
    match role:
        case "node":
            return of_node(one)
        case "pod":
            return of_pod(one)
        case "service":
            return of_service(one)
        case "ingress":
            return of_ingress(one)
        case "endpoints":
            return of_endpoints(one, known)
        case "endpointslice":
            return of_slice(one, known)
