"""Endpoints of services → targets: each with what is known of its service and of the pod behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gwanje.collect.discovery.base import ADDRESS, Target
from gwanje.collect.discovery.kube_targets import (
    META,
    Object,
    about,
    containers,
    host_port,
    namespace_of,
    of_container,
    of_one_pod,
    of_port,
)

_SERVICE: Final = "kubernetes.io/service-name"
_OVER: Final = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Known:
    """Services and pods, by namespace and name."""

    services: Mapping[tuple[str, str], Object] = field(default_factory=dict)
    pods: Mapping[tuple[str, str], Object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Point:
    """One address and port of an endpoint, with its own labels."""

    address: str
    port: int | None
    labels: Mapping[str, str]
    behind: Mapping[str, Any]
    """What it refers to: `kind`, `name`, `namespace`."""


def of_slice(endpointslice: Object, known: Known) -> list[Target]:
    """The endpoints of an EndpointSlice."""
    service = (endpointslice["metadata"].get("labels") or {}).get(_SERVICE, "")
    return _targets("endpointslice", endpointslice, service, _of_slice(endpointslice), known)


def of_endpoints(endpoints: Object, known: Known) -> list[Target]:
    """The endpoints of an Endpoints object, which has its service's name."""
    return _targets("endpoints", endpoints, endpoints["metadata"]["name"], _of_endpoints(endpoints), known)


def _of_slice(endpointslice: Object) -> Iterator[_Point]:
    role = META + "endpointslice_"
    for port in endpointslice.get("ports") or ():
        number = port.get("port")
        of_port = {
            role + "port": str(number or ""),
            role + "port_name": port.get("name") or "",
            role + "port_protocol": port.get("protocol") or "",
            role + "port_app_protocol": port.get("appProtocol") or "",
            role + "address_type": endpointslice.get("addressType") or "",
        }
        for endpoint in endpointslice.get("endpoints") or ():
            behind = endpoint.get("targetRef") or {}
            conditions = {name: state for name, state in (endpoint.get("conditions") or {}).items() if state is not None}
            labels = {
                **of_port,
                **{f"{role}endpoint_conditions_{name}": str(state).lower() for name, state in conditions.items()},
                role + "endpoint_hostname": endpoint.get("hostname") or "",
                role + "endpoint_node_name": endpoint.get("nodeName") or "",
                role + "endpoint_zone": endpoint.get("zone") or "",
                **_referred(role, behind),
            }
            for address in endpoint.get("addresses") or ():
                yield _Point(address, number, labels, behind)


def _of_endpoints(endpoints: Object) -> Iterator[_Point]:
    role = META + "endpoint_"
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            for key, ready in (("addresses", "true"), ("notReadyAddresses", "false")):
                for address in subset.get(key) or ():
                    behind = address.get("targetRef") or {}
                    labels = {
                        role + "port_name": port.get("name") or "",
                        role + "port_protocol": port.get("protocol") or "",
                        role + "ready": ready,
                        role + "hostname": address.get("hostname") or "",
                        role + "node_name": address.get("nodeName") or "",
                        **_referred(role, behind),
                    }
                    yield _Point(address["ip"], port["port"], labels, behind)


def _referred(role: str, behind: Mapping[str, Any]) -> dict[str, str]:
    return {role + "address_target_kind": behind.get("kind") or "", role + "address_target_name": behind.get("name") or ""}


def _targets(role: str, one: Object, service: str, points: Iterable[_Point], known: Known) -> list[Target]:
    """Every point, and every other port that a pod behind one declares."""
    namespace = namespace_of(one)
    shared = {**about(role, one), META + "namespace": namespace}
    if (of_service := known.services.get((namespace, service))) is not None:
        shared |= about("service", of_service)
    found: list[Target] = []
    served: dict[tuple[str, str], set[int | None]] = {}
    for point in points:
        address = host_port(point.address, point.port) if point.port else point.address
        labels = {**shared, **point.labels, ADDRESS: address}
        name = point.behind.get("namespace") or namespace, point.behind.get("name") or ""
        pod = known.pods.get(name) if point.behind.get("kind") == "Pod" else None
        if pod is not None:
            labels |= {**of_one_pod(pod), **_declared(pod, point.port)}
            served.setdefault(name, set()).add(point.port)
        found.append(labels)
    for name, ports in served.items():
        found += [{**shared, **target} for target in _others(known.pods[name], ports)]
    return [{label: value for label, value in target.items() if value} for target in found]


def _declared(pod: Object, number: int | None) -> dict[str, str]:
    """What the container of a pod says of the port that a service uses."""
    for container, first in containers(pod):
        for port in container.get("ports") or ():
            if port["containerPort"] == number:
                return {**of_container(pod, container, first=first), **of_port(port)}
    return {}


def _others(pod: Object, served: set[int | None]) -> Iterator[dict[str, str]]:
    """The ports that a pod declares and no service uses."""
    status = pod.get("status") or {}
    if status.get("phase") in _OVER or not status.get("podIP"):
        return
    for container, first in containers(pod):
        for port in container.get("ports") or ():
            if port["containerPort"] not in served:
                address = host_port(status["podIP"], port["containerPort"])
                yield {**of_one_pod(pod), **of_container(pod, container, first=first), **of_port(port), ADDRESS: address}
