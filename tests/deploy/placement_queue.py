#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/terraform and the commands of docs/placements.md agree with the program and each other."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from harness import ROOT, story  # noqa: E402

FOLDER = ROOT / "deploy" / "terraform"
TERRAFORM = (FOLDER / "placement-events.tf").read_text()
DOCS = (ROOT / "docs" / "placements.md").read_text()


def policy(name):
    return json.loads((FOLDER / name).read_text())["Statement"]


def references_are_resolved():
    """Every resource and variable that is named is there, once, and braces close"""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|#[^\n]*', '""', TERRAFORM)
    for opening, closing in ("{}", "[]", "()"):
        assert bare.count(opening) == bare.count(closing), opening
    made = re.findall(r'^resource "([a-z_]+)" "([a-z_]+)"', TERRAFORM, re.M)
    assert len(made) == len(set(made)) == 9, made
    used = set(re.findall(r"\b(aws_[a-z_]+)\.([a-z_]+)\.", TERRAFORM))
    assert used <= set(made), used - set(made)
    variables = set(re.findall(r'^variable "([a-z_]+)"', TERRAFORM, re.M))
    assert set(re.findall(r"\bvar\.([a-z_]+)", TERRAFORM)) == variables
    for name in re.findall(r"path\.module\}/([a-z./-]+)", TERRAFORM):
        assert (FOLDER / name).is_file(), name


def placeholders_are_filled():
    """Terraform and the commands fill in every placeholder of the queue's policy"""
    wanted = set(re.findall(r"\$\{([a-z_]+)\}", (FOLDER / "queue-policy.json").read_text()))
    block = re.search(r'queue-policy.json", \{(.*?)\}\)', TERRAFORM, re.S).group(1)
    assert wanted == set(re.findall(r"^\s+([a-z_]+) +=", block, re.M))
    assert all(f"s|\\${{{w}}}|${w}|" in DOCS for w in wanted), wanted


def only_the_rule_writes():
    """Nobody but this rule may send, and only encrypted"""
    send, deny = policy("queue-policy.json")
    assert send["Principal"] == {"Service": "events.amazonaws.com"}
    assert send["Action"] == "sqs:SendMessage"
    assert send["Condition"] == {"ArnEquals": {"aws:SourceArn": "${rule_arn}"}}
    assert deny["Effect"] == "Deny" and deny["Condition"]["Bool"]["aws:SecureTransport"] == "false"


def the_service_gets_one_statement():
    """The service may take from this queue, by the statement of deploy/iam-policy.json and no copy of it"""
    (own,) = [s for s in policy("../iam-policy.json") if s["Sid"] == "TakePlacementEvents"]
    name = re.search(r'variable "name" \{.*?default += "([a-z-]+)"', TERRAFORM, re.S).group(1)
    assert own["Resource"].endswith(f":{name}") and f"name={name}\n" in DOCS, own
    command = re.search(r"\$\((jq --arg queue .*? deploy/iam-policy.json)\)", DOCS, re.S).group(1)
    made = subprocess.run(["bash", "-c", command], cwd=ROOT, env={**os.environ, "queue_arn": "arn:q"},
                          capture_output=True, text=True, check=True).stdout
    assert json.loads(made)["Statement"] == [{**own, "Resource": "arn:q"}], made
    assert "sqs:" not in TERRAFORM, "a permission that is not in deploy/iam-policy.json"
    if shutil.which("terraform") is None:
        print("        (the same by Terraform was not evaluated: it is not installed)")
        return
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}
    subprocess.run(["terraform", "fmt", "-check", "-diff", FOLDER], check=True, env=environment)
    expression = re.search(r"Statement = (\[.*?\n    \])", TERRAFORM, re.S).group(1).replace("\n", " ")
    expression = expression.replace("aws_sqs_queue.events.arn", '"arn:q"').replace(
        "${path.module}/..", str(FOLDER.parent))
    with tempfile.TemporaryDirectory() as empty:
        made = subprocess.run(["terraform", "console"], input=f"jsonencode({expression})\n", cwd=empty,
                              text=True, capture_output=True, check=False, env=environment)
    assert made.returncode == 0, made.stderr
    assert json.loads(json.loads(made.stdout)) == [{**own, "Resource": "arn:q"}], made.stdout


def the_pattern_is_what_the_service_takes():
    """The rule lets through exactly what the service knows as events"""
    pattern = json.loads((FOLDER / "event-pattern.json").read_text())
    header = (ROOT / "generated/queue_events.h").read_text()
    known = {"".join(w.title() for w in n.split("_"))
             for n in re.findall(r"\bQUEUE_EVENT_TYPE_([A-Z_]+)[,\s]", header)} - {"Unset", "Unknown", "Other"}
    assert set(pattern["detail"]["type"]) <= known, known
    assert pattern["source"] == ["aws.gamelift"]
    assert pattern["detail-type"] == ["GameLift Queue Placement Event"]


def commands_are_the_same():
    """The commands parse, and set the numbers that Terraform sets"""
    block = next(b for b in re.findall(r"```sh\n(.*?)```", DOCS, re.S) if "create-queue" in b)
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)
    numbers = dict(re.findall(r"^\s+(\w+)\s+= (\d+)$", TERRAFORM, re.M))
    assert f'\\"VisibilityTimeout\\": \\"{numbers["visibility_timeout_seconds"]}\\"' in block
    assert f'\\\\\\"{numbers["maxReceiveCount"]}\\\\\\"' in block
    for seconds in re.findall(r"message_retention_seconds\s+= (\d+)", TERRAFORM):
        assert seconds in block, seconds
    for command in ("events put-rule", "events put-targets", "sqs set-queue-attributes",
                    "iam create-policy"):
        assert command in block, command


if __name__ == "__main__":
    story([references_are_resolved, placeholders_are_filled, only_the_rule_writes,
           the_service_gets_one_statement, the_pattern_is_what_the_service_takes, commands_are_the_same], shared=False)
