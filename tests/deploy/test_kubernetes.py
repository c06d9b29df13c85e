"""The manifests of `deploy/kubernetes`, against Kubernetes' own schemas and the service's settings.

Two kinds belong to operators (Prometheus', KEDA's) whose schemas are not at hand: of those, only
what they refer to is checked.
"""

import ipaddress
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.adapters.rabbitmq.topology.queues import Names
from service.dev.documents import ROOT
from service.egress.addresses import REFUSED_IPV4, REFUSED_IPV6, ROUTED_IPV6
from service.settings.load import load_settings
from service.settings.model import Settings

FOLDER = ROOT / "deploy" / "kubernetes"
OLDEST, NEWEST = "1.30", "1.37"
NO_MANIFESTS = ("kustomization.yaml", "config.yaml")
OF_OPERATORS = ("ServiceMonitor", "ScaledObject")

Manifest = dict[str, Any]


def read(path: Path) -> Manifest:
    found: Manifest = yaml.safe_load(path.read_text("utf-8"))
    return found


def paths() -> list[Path]:
    return [path for path in sorted(FOLDER.rglob("*.yaml")) if path.name not in NO_MANIFESTS]


MANIFESTS = {read(path)["kind"]: read(path) for path in paths()}
POD: Manifest = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER: Manifest = POD["containers"][0]
LABELS = {"app.kubernetes.io/name": "switchhook"}


@pytest.fixture(scope="module")
def settings() -> Settings:
    """The settings of a pod: the config map's file, and the example of the secret."""
    return load_settings(str(FOLDER / "config.yaml"), MANIFESTS["Secret"]["stringData"])


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_a_manifest_is_valid(path: Path, version: str) -> None:
    manifest = read(path)
    if manifest["kind"] in OF_OPERATORS:
        with pytest.raises(kubernetes_validate.SchemaNotFoundError):
            kubernetes_validate.validate(manifest, version, strict=True)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_file_is_used_but_the_example_of_the_secret() -> None:
    used = {
        (file.parent / resource).resolve()
        for file in FOLDER.rglob("kustomization.yaml")
        for resource in read(file)["resources"]
    }
    assert used == set(paths()) - {FOLDER / "secret.example.yaml"}


def test_the_pod_is_what_the_restricted_profile_demands() -> None:
    context = CONTAINER["securityContext"]
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True
    labels = MANIFESTS["Namespace"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_it_runs_as_the_user_of_the_image() -> None:
    image = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    assert f"USER {POD['securityContext']['runAsUser']}:" in image


def test_there_is_time_to_finish(settings: Settings) -> None:
    pause_s: int = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] >= pause_s + settings.shutdown.grace_s + 10


def test_the_ports_are_those_of_the_settings(settings: Settings) -> None:
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"api": settings.api.port, "metrics": settings.metrics.port}
    targets = {port["targetPort"] for port in MANIFESTS["Service"]["spec"]["ports"]}
    assert targets == {"api", "metrics"}
    assert settings.api.host == settings.metrics.host == "0.0.0.0"  # noqa: S104 (in a container)


def test_the_probes_bear_a_worker_that_is_away_for_a_while() -> None:
    probes = {name: CONTAINER[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert all(probe["timeoutSeconds"] >= 3 for probe in probes.values())
    assert probes["liveness"]["periodSeconds"] * probes["liveness"]["failureThreshold"] >= 60


def test_everything_selects_the_pods_by_the_same_label() -> None:
    assert MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"] == LABELS
    assert MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"] == LABELS
    assert MANIFESTS["Service"]["spec"]["selector"] == LABELS
    assert MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == LABELS
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == LABELS
    for constraint in POD["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == LABELS


def _receivers() -> Manifest:
    """Return the rule that lets requests out to the receivers."""
    *_, rule = MANIFESTS["NetworkPolicy"]["spec"]["egress"]
    found: Manifest = rule
    return found


def test_the_network_policy_refuses_what_the_guard_refuses() -> None:
    blocks = {block["ipBlock"]["cidr"]: block["ipBlock"]["except"] for block in _receivers()["to"]}
    assert set(blocks) == {"0.0.0.0/0", str(ROUTED_IPV6)}
    assert set(_networks(blocks["0.0.0.0/0"])) == set(REFUSED_IPV4)
    assert set(_networks(blocks[str(ROUTED_IPV6)])) == set(REFUSED_IPV6)


def _networks(texts: list[str]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return map(ipaddress.ip_network, texts)


def test_the_network_policy_lets_out_to_the_ports_of_the_settings(settings: Settings) -> None:
    ports = [port["port"] for port in _receivers()["ports"]]
    assert ports == list(settings.egress.ports)
    assert settings.egress.require_https


def test_the_service_monitor_finds_the_service_and_its_port() -> None:
    monitor = MANIFESTS["ServiceMonitor"]
    service = MANIFESTS["Service"]
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports


def test_the_scaled_object_counts_our_queue_for_our_deployment(settings: Settings) -> None:
    spec = MANIFESTS["ScaledObject"]["spec"]
    assert spec["scaleTargetRef"]["name"] == MANIFESTS["Deployment"]["metadata"]["name"]
    assert spec["minReplicaCount"] >= 2
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "rabbitmq"
    assert trigger["metadata"]["queueName"] == Names(settings.amqp.prefix).events
    assert trigger["metadata"]["hostFromEnv"] in MANIFESTS["Secret"]["stringData"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_an_overlay_with_both_components_renders(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "base")
    overlay = tmp_path / "mine"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "resources: [../base]\n"
        "components: [../base/prometheus, ../base/keda]\n"
        "images: [{name: switchhook, newName: registry.example.com/switchhook, newTag: 0.1.0}]\n"
    )
    rendered = subprocess.run(
        ["kubectl", "kustomize", str(overlay)], check=True, capture_output=True, text=True
    ).stdout
    found = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(rendered)}
    assert set(found) == {*MANIFESTS, "ConfigMap"} - {"Secret"}
    namespaces = {
        manifest["metadata"].get("namespace", "-")
        for kind, manifest in found.items()
        if kind != "Namespace"
    }
    assert namespaces == {"switchhook"}
    deployment = found["Deployment"]["spec"]
    assert "replicas" not in deployment, "KEDA counts them"
    pod = deployment["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry.example.com/switchhook:0.1.0"
    (config,) = (volume["configMap"]["name"] for volume in pod["volumes"])
    assert config == found["ConfigMap"]["metadata"]["name"]
