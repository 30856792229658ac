"""Labels and annotations of the node and the namespace that a target is in, put beside its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from gwanje.collect.discovery.base import Target
from gwanje.collect.discovery.kube_targets import META, Object, about

_NODE_OF_ENDPOINT: Final = ("endpoint_node_name", "endpointslice_endpoint_node_name")
_NODE_OF_POD: Final = "pod_node_name"
_REFERS: Final = ("endpoint_address_target_", "endpointslice_address_target_")
"""What an endpoint refers to: `kind` and `name`; it may be a node."""

Objects = Mapping[tuple[str, str], Object]
"""By namespace and name; nodes and namespaces have no namespace."""


class Attached:
    """Knows the nodes and namespaces of one moment; either may be empty."""

    def __init__(self, nodes: Objects, namespaces: Objects) -> None:
        self._of_node = cache(lambda name: _about("node", nodes.get(("", name))))
        self._of_namespace = cache(lambda name: _about("namespace", namespaces.get(("", name))))

    def to(self, target: Target) -> Target:
        """The target with what is known of its node and its namespace. Raises as `about` does for what cannot be read."""
        namespace = dict(self._of_namespace(target.get(META + "namespace", "")))
        namespace.pop(META + "namespace_name", None)  # the target says it as `…_namespace`
        return {**target, **self._of_node(_node_of(target)), **namespace}


def _about(role: str, one: Object | None) -> Mapping[str, str]:
    return {} if one is None else {name: value for name, value in about(role, one).items() if value}


def _node_of(target: Target) -> str:
    """The name of a target's node: what an endpoint says of itself, else what it refers to, else that of its pod."""
    said = (target[META + label] for label in _NODE_OF_ENDPOINT if META + label in target)
    referred = (target.get(META + of + "name", "") for of in _REFERS if target.get(META + of + "kind") == "Node")
    return next(said, "") or next(referred, "") or target.get(META + _NODE_OF_POD, "")
