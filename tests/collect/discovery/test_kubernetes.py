"""Targets that a Kubernetes cluster knows, as they come and go; and what happens while it cannot be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gwanje.collect.discovery.base import ADDRESS, Target
from gwanje.collect.discovery.kube_access import Pem
from gwanje.collect.discovery.kubernetes import Kubernetes, Settings, create
from gwanje.kinds import World
from tests.collect.discovery.kube_api import KubeApi
from tests.collect.discovery.test_kube_access import kubeconfig
from tests.collect.discovery.test_kube_targets import pod

PODS = "/api/v1/pods"

Changes = AsyncIterator[Sequence[Target]]


@pytest.fixture
async def api() -> AsyncIterator[KubeApi]:
    async with asyncio.timeout(60), KubeApi() as stand_in:
        yield stand_in


@pytest.fixture
def discovery(api: KubeApi, tmp_path: Path) -> Callable[..., Kubernetes]:
    def of(role: str = "pod", **settings: Any) -> Kubernetes:
        made = Settings.model_validate({"role": role, "api_server": api.url, **settings})
        return create(made.model_copy(update={"retry_interval": timedelta(milliseconds=10)}), World(tmp_path))

    return of


def addresses(targets: Sequence[Target]) -> list[str]:
    return [target[ADDRESS] for target in targets]


async def test_pods_are_listed_in_pages_and_followed_as_they_come_change_and_go(
    api: KubeApi, discovery: Callable[..., Kubernetes]
) -> None:
    for number in range(5):
        await api.put(PODS, pod(f"web-{number}", address=f"10.0.0.{number}"))
    changes = discovery().changes()
    assert addresses(await anext(changes)) == [f"10.0.0.{number}:8080" for number in range(5)]
    await api.put(PODS, pod("web-9", address="10.0.0.9"))
    assert "10.0.0.9:8080" in addresses(await anext(changes))
    await api.put(PODS, pod("web-9", address="10.0.0.99"))
    assert "10.0.0.99:8080" in addresses(await anext(changes))
    await api.remove(PODS, "web-0")
    assert "10.0.0.0:8080" not in addresses(await anext(changes))
    assert [request.query.get("limit", "watch") for request in api.asked] == ["500", "500", "500", "watch"]


async def test_a_watch_that_the_api_ended_goes_on_where_it_stopped(api: KubeApi, discovery: Callable[..., Kubernetes]) -> None:
    changes = discovery().changes()
    assert await anext(changes) == []
    await api.tell(PODS, "BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": "2"}})
    await api.put(PODS, pod("web-1"))
    assert len(await anext(changes)) == 1
    await api.end_watches()
    await api.put(PODS, pod("web-2"))
    assert len(await anext(changes)) == 2
    assert [request.query.get("resourceVersion") for request in api.asked] == [None, "1", "3"]


@pytest.mark.parametrize("by_event", [False, True], ids=["by its status", "by an event"])
async def test_what_the_api_has_forgotten_is_listed_again(
    api: KubeApi, discovery: Callable[..., Kubernetes], *, by_event: bool
) -> None:
    await api.put(PODS, pod("web-1"))
    changes = discovery().changes()
    await anext(changes)
    api._objects[PODS] = {"web-2": pod("web-2", address="10.0.0.2")}  # the watch hears nothing of it
    if by_event:
        await api.tell(PODS, "ERROR", {"kind": "Status", "code": 410, "message": "too old"})
    else:
        await api.forget()
    assert addresses(await anext(changes)) == ["10.0.0.2:8080"]


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        pytest.param(403, "/api/v1/pods answered 403: this account may not list and watch there", id="not allowed"),
        pytest.param(500, "/api/v1/pods answered 500", id="an error"),
    ],
)
async def test_while_the_api_gives_no_answer_what_was_known_stays(
    api: KubeApi, discovery: Callable[..., Kubernetes], status: int, trouble: str
) -> None:
    await api.put(PODS, pod("web-1"))
    found = discovery()
    changes = found.changes()
    await anext(changes)
    waiting = asyncio.ensure_future(anext(changes))
    api.status = status
    await api.end_watches()
    while not found.trouble:  # a request that came later tells that the one before was judged
        await api.next_request()
    assert found.trouble.startswith(trouble)
    assert not waiting.done()
    api.status = 200
    await api.put(PODS, pod("web-2", address="10.0.0.2"))
    assert addresses(await waiting) == ["10.0.0.1:8080", "10.0.0.2:8080"]
    assert found.trouble == ""


async def test_an_answer_of_something_else_is_trouble_and_never_more(api: KubeApi, discovery: Callable[..., Kubernetes]) -> None:
    await api.put(PODS, {"metadata": {"name": "odd"}, "status": {"podIP": 7}, "spec": {"containers": [{}]}})
    await api.put(PODS, pod("web-1"))
    found = discovery()
    assert addresses(await anext(found.changes())) == ["10.0.0.1:8080"]
    assert found.trouble == "pod /odd cannot be read: KeyError('name')"


async def test_only_some_namespaces_and_objects_are_asked_for_with_the_key_of_a_file(
    api: KubeApi, discovery: Callable[..., Kubernetes], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    selectors = [{"role": "pod", "label": "app=shop", "field": "spec.nodeName=node-1"}]
    found = discovery(namespaces=["shop", "bank"], selectors=selectors, token_file=str(tmp_path / "token"))
    for namespace in ("shop", "bank"):
        await api.put(f"/api/v1/namespaces/{namespace}/pods", pod(f"{namespace}-1", namespace=namespace))
    targets = await anext(found.changes())
    assert [target["__meta_kubernetes_namespace"] for target in targets] == ["bank", "shop"]
    asked = api.asked[0]
    assert (asked.query["labelSelector"], asked.query["fieldSelector"]) == ("app=shop", "spec.nodeName=node-1")
    assert asked.headers["Authorization"] == "Bearer s3cret"


async def test_endpoints_know_their_service_and_pods(api: KubeApi, discovery: Callable[..., Kubernetes]) -> None:
    slices = "/apis/discovery.k8s.io/v1/endpointslices"
    await api.put(PODS, pod("web-1"))
    await api.put("/api/v1/services", {"metadata": {"name": "web", "namespace": "shop", "labels": {"team": "ops"}}, "spec": {}})
    await api.put(
        slices,
        {
            "metadata": {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": [{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "web-1", "namespace": "shop"}}],
        },
    )
    changes = discovery("endpointslice").changes()
    (target,) = await anext(changes)
    assert (target["__meta_kubernetes_service_label_team"], target["__meta_kubernetes_pod_name"]) == ("ops", "web-1")
    await api.remove(PODS, "web-1")
    (target,) = await anext(changes)
    assert "__meta_kubernetes_pod_name" not in target


def test_within_a_cluster_nothing_but_the_role_is_needed(tmp_path: Path) -> None:
    found = create(Settings.model_validate({"role": "pod"}), World(tmp_path))
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    access = found._access()
    assert (access.token_file, access.authority) == (f"{account}/token", Pem(f"{account}/ca.crt"))
    with pytest.raises(FileNotFoundError):
        access.tls()


async def test_a_kubeconfig_says_where_the_api_is_and_who_asks(api: KubeApi, tmp_path: Path) -> None:
    await api.put(PODS, pod("web-1"))
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(kubeconfig({"server": api.url}, {"token": "s3cret"})), encoding="utf-8")
    found = create(Settings.model_validate({"role": "pod", "kubeconfig_file": str(file)}), World(tmp_path))
    assert addresses(await anext(found.changes())) == ["10.0.0.1:8080"]
    assert api.asked[0].headers["Authorization"] == "Bearer s3cret"


async def test_a_kubeconfig_that_cannot_be_used_is_trouble_until_it_can(api: KubeApi, tmp_path: Path) -> None:
    file = tmp_path / "config"
    settings = Settings.model_validate({"role": "pod", "kubeconfig_file": str(file)})
    found = create(settings.model_copy(update={"retry_interval": timedelta(milliseconds=10)}), World(tmp_path))
    waiting = asyncio.ensure_future(anext(found.changes()))
    while not found.trouble:  # noqa: ASYNC110 -- nobody tells of trouble
        await asyncio.sleep(0.001)
    assert found.trouble.startswith(f"{file} cannot be used: ")
    await asyncio.to_thread(file.write_text, yaml.safe_dump(kubeconfig({"server": api.url})), "utf-8")
    assert await waiting == []
    assert found.trouble == ""


async def test_labels_of_the_node_and_the_namespace_are_attached_and_followed(
    api: KubeApi, discovery: Callable[..., Kubernetes]
) -> None:
    await api.put(PODS, pod("web-1"))
    await api.put("/api/v1/nodes", {"metadata": {"name": "node-1", "labels": {"zone": "a"}}})
    await api.put("/api/v1/namespaces", {"metadata": {"name": "shop", "labels": {"team": "ops"}}})
    changes = discovery(attach_metadata={"node": True, "namespace": True}).changes()
    (target,) = await anext(changes)
    of = "__meta_kubernetes_"
    assert (target[of + "node_label_zone"], target[of + "namespace_label_team"]) == ("a", "ops")
    await api.put("/api/v1/nodes", {"metadata": {"name": "node-1", "labels": {"zone": "b"}}})
    (target,) = await anext(changes)
    assert target[of + "node_label_zone"] == "b"


def test_prometheus_s_spelling_means_the_same() -> None:
    theirs = {
        "role": "node",
        "api_server": "https://k:6443/",
        "namespaces": {"names": ["shop"]},
        "authorization": {"type": "Bearer", "credentials_file": "/token"},
        "tls_config": {"ca_file": "/ca.pem", "insecure_skip_verify": True},
    }
    ours = {"role": "node", "api_server": "https://k:6443", "namespaces": ["shop"], "token_file": "/token", "ca_file": "/ca.pem"}
    assert Settings.model_validate(theirs) == Settings.model_validate({**ours, "insecure_skip_verify": True})


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        pytest.param({"role": "planet"}, "role", id="a role that is none"),
        pytest.param({"role": "pod", "api_server": "k:6443"}, "write https://host:port", id="no URL"),
        pytest.param(
            {"role": "pod", "kubeconfig_file": "/x", "api_server": "https://k"}, "`kubeconfig_file` says `api_server`", id="twice"
        ),
        pytest.param({"role": "service", "attach_metadata": {"node": True}}, "no node for the role service", id="no node"),
        pytest.param({"role": "node", "attach_metadata": {"namespace": True}}, "no namespace for the role", id="no namespace"),
        pytest.param({"role": "pod", "retry_interval": "0s"}, "retry_interval", id="no pause"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(settings)
