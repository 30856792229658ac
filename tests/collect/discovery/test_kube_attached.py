"""Labels of nodes and namespaces beside those of targets."""

from __future__ import annotations

import pytest

from gwanje.collect.discovery.base import Target
from gwanje.collect.discovery.kube_attached import Attached
from gwanje.collect.discovery.kube_targets import META

NODES = {("", "node-1"): {"metadata": {"name": "node-1", "labels": {"zone": "a"}, "annotations": {"note": "x"}}}}
NAMESPACES = {("", "shop"): {"metadata": {"name": "shop", "labels": {"team": "ops"}, "annotations": {"cost": "7"}}}}
OF_NODE = {
    META + "node_name": "node-1",
    META + "node_label_zone": "a",
    META + "node_labelpresent_zone": "true",
    META + "node_annotation_note": "x",
    META + "node_annotationpresent_note": "true",
}
OF_NAMESPACE = {
    META + "namespace_label_team": "ops",
    META + "namespace_labelpresent_team": "true",
    META + "namespace_annotation_cost": "7",
    META + "namespace_annotationpresent_cost": "true",
}


@pytest.mark.parametrize(
    ("target", "more"),
    [
        pytest.param({META + "pod_node_name": "node-1"}, OF_NODE, id="a pod"),
        pytest.param({META + "endpoint_node_name": "node-1", META + "pod_node_name": "node-2"}, OF_NODE, id="an endpoint"),
        pytest.param({META + "endpointslice_endpoint_node_name": "node-1"}, OF_NODE, id="an endpoint of a slice"),
        pytest.param(
            {META + "endpoint_address_target_kind": "Node", META + "endpoint_address_target_name": "node-1"},
            OF_NODE,
            id="an endpoint that is a node",
        ),
        pytest.param(
            {META + "endpoint_address_target_kind": "Pod", META + "endpoint_address_target_name": "node-1"}, {}, id="a pod's name"
        ),
        pytest.param({META + "pod_node_name": "node-9"}, {}, id="a node that is not known"),
        pytest.param({META + "namespace": "shop"}, OF_NAMESPACE, id="a namespace"),
        pytest.param({}, {}, id="nowhere"),
    ],
)
def test_a_target_gets_what_is_known_of_where_it_is(target: Target, more: Target) -> None:
    assert Attached(NODES, NAMESPACES).to(target) == {**target, **more}
