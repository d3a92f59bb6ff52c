#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docker-compose.yml, the Kubernetes manifests, the IAM policy and the image's files agree with the
program and with each other."""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from harness import ROOT, program, story  # noqa: E402
import yaml  # noqa: E402

DEPLOY = ROOT / "deploy"


def settings():
    text = subprocess.run([program("session-dsm"), "--help"], capture_output=True, text=True,
                          check=True).stdout
    return set(re.findall(r"^  ([A-Z][A-Z0-9_]+) ", text, re.M))


def metrics():
    """The names of docs/operations.md, which another test holds to the program."""
    return set(re.findall(r"^\| `([a-z_]+)` \| (?:counter|gauge|histogram)",
                          (ROOT / "docs" / "operations.md").read_text(), re.M))


def manifests():
    text = (DEPLOY / "kubernetes" / "session-dsm.yaml").read_text()
    return {d["kind"]: d for d in yaml.safe_load_all(text)}


def compose_is_whole():
    """Compose has every part, mounts what is there, and sets only what the service knows"""
    c = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(c) == {"session-dsm", "sim", "prometheus", "grafana", "zipkin"}, set(c)
    assert not set(c["session-dsm"]["environment"]) - settings()
    assert c["session-dsm"]["read_only"] is True and c["session-dsm"]["cap_drop"] == ["ALL"]
    for name, service in c.items():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), (name, port)
        for volume in service.get("volumes", []):
            source, _, mode = volume.split(":")
            assert (ROOT / source).exists() and mode == "ro", volume
        for other in service.get("depends_on", []):
            assert other in c, other
        if "build" not in service:
            assert not service["image"].endswith("latest") and ":" in service["image"], service
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    board = (DEPLOY / "grafana" / "session-dsm.json").read_text()
    assert sources["datasources"][0]["type"] in board
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert scrape["scrape_configs"][0]["static_configs"][0]["targets"] == ["session-dsm:8080"]


def pods_are_locked_down():
    """Pods run as nobody, on a read-only root, without capabilities, and are probed by gRPC"""
    spec = manifests()["Deployment"]["spec"]["template"]["spec"]
    c = spec["containers"][0]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 65532
    assert spec["automountServiceAccountToken"] is False
    s = c["securityContext"]
    assert s["readOnlyRootFilesystem"] and not s["allowPrivilegeEscalation"]
    assert s["capabilities"] == {"drop": ["ALL"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert c[probe]["grpc"]["port"] == 6565, c[probe]
    assert {p["containerPort"] for p in c["ports"]} == {6565, 8080}
    assert c["resources"]["limits"]["memory"]


def manifests_fit_together():
    """Labels select the pods, names name each other, the autoscaler's metric exists"""
    m = manifests()
    labels = m["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (m["Deployment"]["spec"]["selector"]["matchLabels"],
                     m["Service"]["spec"]["selector"],
                     m["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items(), selector
    pod = m["Deployment"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == m["ServiceAccount"]["metadata"]["name"]
    assert pod["containers"][0]["envFrom"][0]["configMapRef"]["name"] == m["ConfigMap"]["metadata"]["name"]
    assert not set(m["ConfigMap"]["data"]) - settings()
    assert all(isinstance(v, str) for v in m["ConfigMap"]["data"].values())
    assert m["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"] in metrics()
    assert m["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == m["Deployment"]["metadata"]["name"]
    assert (m["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == m["Deployment"]["spec"]["replicas"]
            > m["PodDisruptionBudget"]["spec"]["minAvailable"])


def pods_have_time_to_end():
    """A pod is not killed before the service's own defaults would have ended it"""
    text = subprocess.run([program("session-dsm"), "--help"], capture_output=True, text=True,
                          check=True).stdout
    own = sum(int(re.search(rf"^  {n} .*default (\d+)\)", text, re.M).group(1))
              for n in ("SHUTDOWN_DELAY", "SHUTDOWN_GRACE"))
    grace = manifests()["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= own + 5, (grace, own)


def the_policy_is_what_is_called():
    """The IAM policy allows the operations that the program makes, and no other"""
    policy = json.loads((DEPLOY / "iam-policy.json").read_text())
    allowed = set()
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"]
        allowed |= {actions} if isinstance(actions, str) else set(actions)
    assert not [a for a in allowed if "*" in a], allowed
    source = (ROOT / "generated" / "gamelift_operations.c").read_text()
    called = set(re.findall(r'"GameLift\.([A-Za-z]+)"', source))
    assert {a.split(":")[1] for a in allowed if a.startswith("gamelift:")} == {*called}, (allowed, called)
    source = "".join(p.read_text() for p in (ROOT / "src/placements").glob("consumer*.c"))
    # A batch needs the permission of the single operation.
    called = {"".join(w.title() for w in c.removesuffix("_batch").split("_"))
              for c in re.findall(r"\bsqs_([a-z_]+)\(c->", source)}
    assert {a.split(":")[1] for a in allowed if a.startswith("sqs:")} == called != set(), (allowed, called)
    assert {a.split(":")[0] for a in allowed} == {"gamelift", "sqs"}, allowed


def every_way_knows_the_settings_of_the_asynchronous_mode():
    """.env.template, docker compose and Kubernetes set up the asynchronous mode"""
    wanted = {"PLACEMENT_EVENTS_QUEUE_URL", "PLACEMENT_REPORT"}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["session-dsm"]
    assert wanted <= set(compose["environment"])
    assert wanted <= set(manifests()["ConfigMap"]["data"])
    template = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.template").read_text(), re.M))
    assert wanted | {"PLACEMENT_POLL", "PLACEMENT_NAMESPACES", "PLACEMENT_TOPIC_ARNS",
                     "GAMELIFT_PROTOCOL"} <= template
    assert template - {"EXTEND_APP"} <= settings(), template - settings()


def the_image_is_built_of_all_that_is_committed():
    """.dockerignore keeps nothing out that git knows: the tests of --target test need it"""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        print("        (not looked at: this is no git checkout)")
        return
    known = {name.split("/")[0] for name in listed.stdout.splitlines()}
    taken = set(re.findall(r"^!/(.+)$", (ROOT / ".dockerignore").read_text(), re.M))
    assert known == taken, known ^ taken


def every_contract_has_its_origin():
    """NOTICE says of each file of idl/ where it comes from"""
    notice = (ROOT / "NOTICE").read_text()
    ours = {"targets.json"}  # what is made of the others
    missing = [p.name for p in (ROOT / "idl").iterdir()
               if p.name not in ours and f"idl/{p.name}" not in notice]
    assert not missing, missing


def the_image_has_the_programs_version():
    """The image's label and CMakeLists.txt name the same version"""
    docker = (ROOT / "Dockerfile").read_text()
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert (re.search(r"ARG VERSION=(\S+)", docker).group(1)
            == re.search(r"project\(session-dsm VERSION ([0-9.]+)", cmake).group(1))
    assert re.search(r"^EXPOSE 6565 8080$", docker, re.M)


if __name__ == "__main__":
    story([compose_is_whole, pods_are_locked_down, manifests_fit_together, pods_have_time_to_end,
           the_policy_is_what_is_called, every_way_knows_the_settings_of_the_asynchronous_mode,
           the_image_is_built_of_all_that_is_committed, every_contract_has_its_origin, the_image_has_the_programs_version], shared=False)
