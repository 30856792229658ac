"""The labels of Kubernetes's objects: those that Prometheus's own discovery gives."""

from __future__ import annotations

from typing import Any

import pytest

from gwanje.collect.discovery.base import ADDRESS
from gwanje.collect.discovery.kube_endpoints import Known, of_endpoints, of_slice
from gwanje.collect.discovery.kube_targets import META, of_ingress, of_node, of_pod, of_service
from gwanje.collect.scrape.spec import Job
from gwanje.collect.scrape.target import targets_of


def pod(name: str, *, namespace: str = "shop", address: str = "10.0.0.1", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": "u-1",
            "labels": {"app.kubernetes.io/name": "shop"},
            "annotations": {"prometheus.io/scrape": "true"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": True}],
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {"name": "app", "image": "shop:1", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]},
            ],
            **more,
        },
        "status": {
            "podIP": address,
            "hostIP": "192.168.0.1",
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "containerID": "containerd://1"}],
        },
    }


POD = {
    META + "pod_name": "web-1",
    META + "pod_label_app_kubernetes_io_name": "shop",
    META + "pod_labelpresent_app_kubernetes_io_name": "true",
    META + "pod_annotation_prometheus_io_scrape": "true",
    META + "pod_annotationpresent_prometheus_io_scrape": "true",
    META + "pod_ip": "10.0.0.1",
    META + "pod_ready": "true",
    META + "pod_phase": "Running",
    META + "pod_node_name": "node-1",
    META + "pod_host_ip": "192.168.0.1",
    META + "pod_uid": "u-1",
    META + "pod_controller_kind": "ReplicaSet",
    META + "pod_controller_name": "web",
}
CONTAINER = {
    META + "pod_container_name": "app",
    META + "pod_container_id": "containerd://1",
    META + "pod_container_image": "shop:1",
    META + "pod_container_init": "false",
    META + "pod_container_port_name": "http",
    META + "pod_container_port_number": "8080",
    META + "pod_container_port_protocol": "TCP",
}


def test_a_pod_is_a_target_for_every_port_that_it_declares() -> None:
    assert of_pod(pod("web-1")) == [{**POD, **CONTAINER, META + "namespace": "shop", ADDRESS: "10.0.0.1:8080"}]


def test_a_container_without_ports_is_a_target_by_the_pod_s_address() -> None:
    first, second = of_pod(pod("web-1", address="fd00::1", initContainers=[{"name": "setup"}]))
    assert (first[ADDRESS], second[ADDRESS]) == ("[fd00::1]:8080", "fd00::1")
    assert (second[META + "pod_container_name"], second[META + "pod_container_init"]) == ("setup", "true")


def test_a_pod_without_an_address_is_no_target_yet() -> None:
    assert of_pod(pod("web-1", address="")) == []


def test_a_node_is_asked_at_its_kubelet() -> None:
    node = {
        "metadata": {"name": "node-1", "labels": {"zone": "a"}},
        "spec": {"providerID": "cloud://1"},
        "status": {
            "addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "192.168.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    }
    assert of_node(node) == [
        {
            ADDRESS: "192.168.0.1:10250",
            "instance": "node-1",
            META + "node_name": "node-1",
            META + "node_provider_id": "cloud://1",
            META + "node_label_zone": "a",
            META + "node_labelpresent_zone": "true",
            META + "node_address_Hostname": "n1",
            META + "node_address_InternalIP": "192.168.0.1",
        }
    ]
    assert of_node({"metadata": {"name": "new"}}) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"type": "LoadBalancer", "clusterIP": "10.1.0.1", "loadBalancerIP": "1.2.3.4"},
            {"service_cluster_ip": "10.1.0.1", "service_loadbalancer_ip": "1.2.3.4"},
            id="behind a load balancer",
        ),
        pytest.param(
            {"type": "ExternalName", "externalName": "db.example"}, {"service_external_name": "db.example"}, id="elsewhere"
        ),
    ],
)
def test_a_service_is_a_target_for_every_port(spec: dict[str, str], expected: dict[str, str]) -> None:
    service = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {**spec, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
    }
    assert of_service(service) == [
        {
            ADDRESS: "web.shop.svc:80",
            META + "namespace": "shop",
            META + "service_name": "web",
            META + "service_type": spec["type"],
            META + "service_port_name": "http",
            META + "service_port_number": "80",
            META + "service_port_protocol": "TCP",
            **{META + name: value for name, value in expected.items()},
        }
    ]


def test_an_ingress_is_a_target_for_every_path_of_every_host() -> None:
    ingress = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["*.shop.example"]}],
            "rules": [
                {"host": "a.shop.example", "http": {"paths": [{"path": "/buy"}, {}]}},
                {"host": "a.b.shop.example"},
                {"http": {"paths": [{"path": "/any"}]}},
            ],
        },
    }
    found = [(one[ADDRESS], one[META + "ingress_scheme"], one[META + "ingress_path"]) for one in of_ingress(ingress)]
    assert found == [("a.shop.example", "https", "/buy"), ("a.shop.example", "https", "/"), ("a.b.shop.example", "http", "/")]
    assert of_ingress(ingress)[0][META + "ingress_class_name"] == "nginx"


SERVICE = {"metadata": {"name": "web", "namespace": "shop", "labels": {"team": "ops"}}, "spec": {}}
OF_SERVICE = {
    META + "namespace": "shop",
    META + "service_name": "web",
    META + "service_label_team": "ops",
    META + "service_labelpresent_team": "true",
}
BEHIND = {"kind": "Pod", "name": "web-1", "namespace": "shop"}
KNOWN = Known({("shop", "web"): SERVICE}, {("shop", "web-1"): pod("web-1")})


def test_an_endpoint_of_a_slice_carries_its_service_and_its_pod() -> None:
    endpoint = {
        "addresses": ["10.0.0.1"],
        "conditions": {"ready": True, "terminating": None},
        "nodeName": "node-1",
        "zone": "a",
        "targetRef": BEHIND,
    }
    endpointslice = {
        "metadata": {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [endpoint],
    }
    role = META + "endpointslice_"
    assert of_slice(endpointslice, KNOWN) == [
        {
            **OF_SERVICE,
            **POD,
            **CONTAINER,
            ADDRESS: "10.0.0.1:8080",
            role + "name": "web-x",
            role + "label_kubernetes_io_service_name": "web",
            role + "labelpresent_kubernetes_io_service_name": "true",
            role + "address_type": "IPv4",
            role + "port": "8080",
            role + "port_name": "http",
            role + "port_protocol": "TCP",
            role + "endpoint_conditions_ready": "true",
            role + "endpoint_node_name": "node-1",
            role + "endpoint_zone": "a",
            role + "address_target_kind": "Pod",
            role + "address_target_name": "web-1",
        }
    ]


def endpoints(port: int) -> dict[str, Any]:
    subset = {
        "addresses": [{"ip": "10.0.0.1", "targetRef": BEHIND}],
        "notReadyAddresses": [{"ip": "10.0.0.9"}],
        "ports": [{"name": "http", "port": port}],
    }
    return {"metadata": {"name": "web", "namespace": "shop"}, "subsets": [subset]}


def test_endpoints_say_which_are_ready() -> None:
    first, second = of_endpoints(endpoints(8080), KNOWN)
    assert (first[ADDRESS], first[META + "endpoint_ready"], first[META + "pod_container_name"]) == (
        "10.0.0.1:8080",
        "true",
        "app",
    )
    assert (second[ADDRESS], second[META + "endpoint_ready"]) == ("10.0.0.9:8080", "false")
    assert OF_SERVICE.items() <= second.items()


def test_a_port_that_no_service_uses_is_a_target_too() -> None:
    served, _, beside = of_endpoints(endpoints(9000), KNOWN)
    assert (served[ADDRESS], META + "pod_container_name" in served) == ("10.0.0.1:9000", False)
    assert (beside[ADDRESS], beside[META + "pod_container_port_number"]) == ("10.0.0.1:8080", "8080")
    assert META + "endpoint_ready" not in beside


def test_endpoints_whose_service_and_pods_are_not_known_are_targets_all_the_same() -> None:
    assert [target[ADDRESS] for target in of_endpoints(endpoints(8080), Known())] == ["10.0.0.1:8080", "10.0.0.9:8080"]


def test_annotations_of_a_pod_choose_and_redirect_its_scrape() -> None:
    """The steps that everybody copies from Prometheus's own example."""
    job = Job.model_validate(
        {
            "name": "pods",
            "relabel": [
                {"source_labels": [META + "pod_annotation_prometheus_io_scrape"], "action": "keep", "regex": "true"},
                {
                    "source_labels": [ADDRESS, META + "pod_annotation_prometheus_io_port"],
                    "regex": r"([^:]+)(?::\d+)?;(\d+)",
                    "replacement": "$1:$2",
                    "target_label": ADDRESS,
                },
                {"action": "labelmap", "regex": META + "pod_label_(.+)"},
                {"source_labels": [META + "pod_name"], "target_label": "pod"},
            ],
        }
    )
    marked, plain = pod("web-1"), pod("web-2")
    marked["metadata"]["annotations"]["prometheus.io/port"] = "9102"
    plain["metadata"]["annotations"] = None
    choice = targets_of(job, [*of_pod(marked), *of_pod(plain)])
    (target,) = choice.active
    assert target.url == "http://10.0.0.1:9102/metrics"
    assert dict(target.labels) == {"app_kubernetes_io_name": "shop", "instance": "10.0.0.1:9102", "job": "pods", "pod": "web-1"}
    assert len(choice.dropped) == 1
