"""Objects of Kubernetes → targets, with the labels that Prometheus's discovery gives them. Pure.

The labels: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gwanje.collect.discovery.base import ADDRESS, Target

META: Final = "__meta_kubernetes_"
Object = Mapping[str, Any]
"""One object as the API gives it: `metadata`, `spec`, `status`."""
NODE_ADDRESSES: Final = ("InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname")
"""By which a node is asked: the first that it has."""


def of_node(node: Object) -> list[Target]:
    """The kubelet of a node."""
    addresses: dict[str, str] = {}
    for one in _of(node, "status", "addresses") or ():
        addresses.setdefault(one["type"], one["address"])
    found = next((addresses[sort] for sort in NODE_ADDRESSES if sort in addresses), "")
    if not found:
        return []
    port = _of(node, "status", "daemonEndpoints", "kubeletEndpoint", "Port") or 0
    labels = {
        **about("node", node),
        META + "node_provider_id": _of(node, "spec", "providerID") or "",
        **{f"{META}node_address_{sort}": address for sort, address in addresses.items()},
    }
    name = node["metadata"]["name"]
    return [_kept({**labels, "instance": name, ADDRESS: host_port(found, port)})]


def of_service(service: Object) -> list[Target]:
    """Every port of a service, by its name in the cluster."""
    spec, name, namespace = service["spec"], service["metadata"]["name"], namespace_of(service)
    sort = spec.get("type") or ""
    shared = {**about("service", service), META + "namespace": namespace, META + "service_type": sort}
    if sort == "ExternalName":
        shared[META + "service_external_name"] = spec.get("externalName") or ""
    else:
        shared[META + "service_cluster_ip"] = spec.get("clusterIP") or ""
    if sort == "LoadBalancer":
        shared[META + "service_loadbalancer_ip"] = spec.get("loadBalancerIP") or ""
    return [
        _kept(
            {
                **shared,
                META + "service_port_name": port.get("name") or "",
                META + "service_port_number": str(port["port"]),
                META + "service_port_protocol": port.get("protocol") or "",
                ADDRESS: host_port(f"{name}.{namespace}.svc", port["port"]),
            }
        )
        for port in spec.get("ports") or ()
    ]


def of_pod(pod: Object) -> list[Target]:
    """Every port that a container of a pod declares; a container without one by the pod's address alone."""
    address = _of(pod, "status", "podIP") or ""
    if not address:
        return []  # it is starting, or was evicted
    shared = {**of_one_pod(pod), META + "namespace": namespace_of(pod)}
    found: list[Target] = []
    for container, first in containers(pod):
        own = {**shared, **of_container(pod, container, first=first)}
        ports = container.get("ports") or ()
        found += [_kept({**own, **of_port(port), ADDRESS: host_port(address, port["containerPort"])}) for port in ports]
        if not ports:
            found.append(_kept({**own, ADDRESS: address}))
    return found


def of_ingress(ingress: Object) -> list[Target]:
    """Every path of every host of an ingress, for probes from outside."""
    spec = ingress["spec"]
    shared = {
        **about("ingress", ingress),
        META + "namespace": namespace_of(ingress),
        META + "ingress_class_name": spec.get("ingressClassName") or "",
    }
    secured = [host for one in spec.get("tls") or () for host in one.get("hosts") or ()]
    return [
        _kept(
            {
                **shared,
                META + "ingress_scheme": "https" if any(_covers(pattern, host) for pattern in secured) else "http",
                META + "ingress_host": host,
                META + "ingress_path": path,
                ADDRESS: host,
            }
        )
        for rule in spec.get("rules") or ()
        if (host := rule.get("host") or "")
        for path in _paths(rule)
    ]


def about(role: str, one: Object) -> dict[str, str]:
    """Name, labels and annotations of an object."""
    metadata = one["metadata"]
    found = {f"{META}{role}_name": metadata["name"]}
    for sort in ("label", "annotation"):
        for name, value in (metadata.get(sort + "s") or {}).items():
            safe = re.sub(r"[^a-zA-Z0-9_]", "_", name)
            found[f"{META}{role}_{sort}_{safe}"] = value
            found[f"{META}{role}_{sort}present_{safe}"] = "true"
    return found


def of_one_pod(pod: Object) -> dict[str, str]:
    """What is known of a pod as a whole."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    ready = next((one["status"].lower() for one in status.get("conditions") or () if one["type"] == "Ready"), "unknown")
    owner: Mapping[str, str] = next((one for one in metadata.get("ownerReferences") or () if one.get("controller")), {})
    return {
        **about("pod", pod),
        META + "pod_ip": status.get("podIP") or "",
        META + "pod_ready": ready,
        META + "pod_phase": status.get("phase") or "",
        META + "pod_node_name": _of(pod, "spec", "nodeName") or "",
        META + "pod_host_ip": status.get("hostIP") or "",
        META + "pod_uid": metadata.get("uid") or "",
        META + "pod_controller_kind": owner.get("kind", ""),
        META + "pod_controller_name": owner.get("name", ""),
    }


def containers(pod: Object) -> Iterator[tuple[Object, bool]]:
    """The containers of a pod, and whether each runs before the others."""
    for key, first in (("containers", False), ("initContainers", True)):
        for container in _of(pod, "spec", key) or ():
            yield container, first


def of_container(pod: Object, container: Object, *, first: bool) -> dict[str, str]:
    key = "initContainerStatuses" if first else "containerStatuses"
    known = {one["name"]: one.get("containerID") or "" for one in _of(pod, "status", key) or ()}
    return {
        META + "pod_container_name": container["name"],
        META + "pod_container_id": known.get(container["name"], ""),
        META + "pod_container_image": container.get("image") or "",
        META + "pod_container_init": "true" if first else "false",
    }


def of_port(port: Object) -> dict[str, str]:
    """A port that a container declares."""
    return {
        META + "pod_container_port_name": port.get("name") or "",
        META + "pod_container_port_number": str(port["containerPort"]),
        META + "pod_container_port_protocol": port.get("protocol") or "",
    }


def namespace_of(one: Object) -> str:
    namespace: str = one["metadata"].get("namespace") or ""
    return namespace


def host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _paths(rule: Object) -> Sequence[str]:
    paths = [one.get("path") or "/" for one in _of(rule, "http", "paths") or ()]
    return paths or ["/"]


def _covers(pattern: str, host: str) -> bool:
    """Whether a name of a certificate is for a host; `*` stands for one label at its begin."""
    if not pattern.startswith("*."):
        return pattern == host
    return pattern[1:] == host[host.find(".") :] and "." in host


def _kept(labels: Mapping[str, str]) -> Target:
    return {name: value for name, value in labels.items() if value}


def _of(one: Object, *path: str) -> Any:
    """What lies at a path of keys; None where any of it is missing."""
    found: Any = one
    for key in path:
        found = (found or {}).get(key)
    return found
