#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/extend-deploy against a fake extend-helper-cli that records its calls."""
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
from harness import ROOT, plain_environment, program, story  # noqa: E402

FAKE = ROOT / "tests" / "deploy" / "fake_extend_helper_cli.py"
SECRET = "dGhpcy1pcy1hLXNlY3JldC1hY2Nlc3Mta2V5LTEyMw"
CLIENT_SECRET = "client-secret-3f9a"
GOOD = {
    "EXTEND_APP": "session-dsm", "AB_BASE_URL": "https://studio-game.prod.gamingservices.accelbyte.io",
    "AB_CLIENT_ID": "0123456789abcdef", "AB_CLIENT_SECRET": CLIENT_SECRET,
    "AB_NAMESPACE": "studio-game", "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIA0123456789ABCDEF", "AWS_SECRET_ACCESS_KEY": SECRET,
    "LOG_LEVEL": "info", "AWS_ALIAS_ID_OVERRIDE": "alias-1234",
}


class Place:
    """A folder with settings and a fake extend-helper-cli on PATH."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "extend-helper-cli").symlink_to(FAKE)
        self.state = self.folder / "state.json"
        self.world()

    def world(self, app=None, states=("running",), fail=None):
        self.state.write_text(json.dumps({"calls": [], "app": app, "states": list(states),
                                          "fail": fail or {}}))

    def calls(self):
        return json.loads(self.state.read_text())["calls"]

    def commands(self):
        return [c["command"] for c in self.calls()]

    def run(self, *arguments, cli=True, text=None, **changed):
        settings = {k: v for k, v in {**GOOD, **changed}.items() if v is not None}
        if text is None:
            text = "# settings\n\n" + "".join(f"{k}={v}\n" for k, v in settings.items())
        (self.folder / ".env").write_text(text)
        environment = plain_environment(
            FAKE_EXTEND_STATE=self.state, EXTEND_DEPLOY_INTERVAL="0.05",
            PATH=f"{self.folder if cli else ''}:/usr/bin:/bin")
        return subprocess.run(
            [ROOT / "scripts" / "extend-deploy", "--env-file", self.folder / ".env",
             "--image-tag", "v1", *arguments],
            env=environment, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def place():
    with tempfile.TemporaryDirectory() as folder:
        yield Place(folder)


def refused(p, words, *arguments, **changed):
    done = p.run(*arguments, **changed)
    assert done.returncode == 3 and words in done.stderr, (words, done)
    assert "nothing was sent" in done.stderr or ".env" in done.stderr, done
    assert p.calls() == [], p.calls()
    for secret in (SECRET, CLIENT_SECRET):
        assert secret not in done.stdout + done.stderr, done


def every_step_in_its_order():
    """Without a step: create, configure, upload, deploy, wait and status, in this order"""
    with place() as p:
        done = p.run()
        assert done.returncode == 0 and done.stderr == "", done
        assert p.commands() == [
            "get-app-info", "create-app", "update-var", "update-secret", "update-secret",
            "update-var", "update-var", "image-upload", "deploy-app", "get-app-info",
            "get-app-info"], p.commands()
        for call in p.calls():
            assert call["flags"]["--namespace"] == "studio-game", call
            assert call["flags"]["--app"] == "session-dsm", call
            assert call["secret"] == CLIENT_SECRET
        by_name = {c["command"]: c["flags"] for c in p.calls()}
        assert by_name["create-app"]["--scenario"] == "function-override", by_name
        assert by_name["create-app"]["--confirm"] and by_name["create-app"]["--wait"]
        assert by_name["image-upload"]["--login"] and by_name["image-upload"]["--image-tag"] == "v1"
        assert by_name["image-upload"]["--work-dir"] == str(ROOT)
        assert by_name["deploy-app"] == {"--namespace": "studio-game", "--app": "session-dsm",
                                         "--image-tag": "v1", "--wait": True}


def secrets_are_stored_as_secrets():
    """Keys go through update-secret, everything else through update-var, and AGS's own nowhere"""
    with place() as p:
        assert p.run("configure", AWS_SESSION_TOKEN="token-77", AWS_ACCESS_KEY_ID="ASIA0123456789ABCDEF",
                     OTEL_EXPORTER_OTLP_HEADERS="authorization=b").returncode == 0
        stored = {c["command"]: {} for c in p.calls()}
        for c in p.calls():
            stored[c["command"]][c["flags"]["--key"]] = c["flags"]["--value"]
            assert c["flags"]["--force"] is True
        assert stored == {
            "update-secret": {"AWS_ACCESS_KEY_ID": "ASIA0123456789ABCDEF", "AWS_SESSION_TOKEN": "token-77",
                              "AWS_SECRET_ACCESS_KEY": SECRET,
                              "OTEL_EXPORTER_OTLP_HEADERS": "authorization=b"},
            "update-var": {"AWS_REGION": "us-east-1", "LOG_LEVEL": "info",
                           "AWS_ALIAS_ID_OVERRIDE": "alias-1234"}}, stored


def its_secrets_are_the_programs():
    """What the program shows as *** is a secret here as well"""
    names = re.findall(r"^  ([A-Z][A-Z0-9_]+) ", subprocess.run(
        [program("session-dsm"), "--help"], capture_output=True, text=True, check=True).stdout, re.M)
    # Values that every kind of setting takes; those that do not matter stay out.
    shown = subprocess.run(
        [program("session-dsm"), "--print-config"], capture_output=True, text=True, check=True,
        env=plain_environment(**{n: "a=1" for n in names if not n.endswith("_FILE") and re.search(
            r"SECRET|TOKEN$|KEY|HEADERS|PASSWORD", n)}, AB_BASE_URL="https://a.b", AB_CLIENT_ID="a",
            AB_NAMESPACE="a", AWS_REGION="us-east-1")).stdout
    secrets = set(re.findall(r"^([A-Z0-9_]+)=\*\*\*$", shown, re.M))
    script = (ROOT / "scripts" / "extend-deploy").read_text()
    listed = set(re.findall(r"[A-Z][A-Z0-9_]{5,}", re.search(
        r"is_secret\(\) \{(.*?)\n\}", script, re.S).group(1)))
    assert secrets <= listed, secrets - listed
    assert listed - secrets == {"AWS_ACCESS_KEY_ID"}, listed - secrets


def no_secret_is_printed():
    """Secrets reach neither the screen nor a dry run, even if extend-helper-cli repeats them"""
    with place() as p:
        for arguments in ([], ["--dry-run"]):
            done = p.run(*arguments)
            assert done.returncode == 0, done
            for secret in (SECRET, CLIENT_SECRET, GOOD["AWS_ACCESS_KEY_ID"]):
                assert secret not in done.stdout + done.stderr, (secret, done)
            assert "***" in done.stdout, done


def dry_run_calls_nothing():
    """--dry-run prints the commands and calls nobody, not even without the program"""
    with place() as p:
        done = p.run("--dry-run", cli=False)
        assert done.returncode == 0 and done.stderr == "", done
        assert p.calls() == []
        lines = [x for x in done.stdout.splitlines() if x.startswith("extend-helper-cli ")]
        assert [x.split(" ")[1].strip("'") for x in lines] == [
            "create-app", "update-var", "update-secret", "update-secret", "update-var", "update-var",
            "image-upload", "deploy-app", "get-app-info", "get-app-info"], lines


def a_second_run_changes_nothing():
    """An app that is there is not created again"""
    with place() as p:
        assert p.run().returncode == 0
        first = p.commands()
        assert p.run().returncode == 0
        assert p.commands()[len(first):] == [c for c in first if c != "create-app"], p.commands()


def placeholders_are_refused():
    """Left-overs of templates are refused, each by its name"""
    with place() as p:
        for name, left in (("AB_CLIENT_ID", "<client id>"), ("AWS_SECRET_ACCESS_KEY", "xxxxxxxx"),
                           ("AB_CLIENT_SECRET", "your-client-secret"), ("AB_NAMESPACE", "CHANGE_ME"),
                           ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AB_CLIENT_ID", "TODO"),
                           ("AB_BASE_URL", "https://example.accelbyte.io"),
                           ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")):
            refused(p, f"{name} is still a placeholder", **{name: left})


def missing_settings_are_named():
    """Every missing setting is named at once"""
    with place() as p:
        refused(p, "AB_NAMESPACE is not set", AB_NAMESPACE=None, AWS_REGION="")
        refused(p, "AWS_REGION is not set", AB_NAMESPACE=None, AWS_REGION="")
        refused(p, "without AWS_SECRET_ACCESS_KEY", AWS_SECRET_ACCESS_KEY=None)
        refused(p, "without AWS_ACCESS_KEY_ID", AWS_ACCESS_KEY_ID=None)
        refused(p, "needs AWS_SESSION_TOKEN", AWS_ACCESS_KEY_ID="ASIA0123456789ABCDEF")
        template = (ROOT / ".env.template").read_text()
        refused(p, "EXTEND_APP is not set", text=template)


def wrong_settings_are_named():
    """Values that cannot be right are refused with what they must be"""
    with place() as p:
        refused(p, "a fleet id does not do", AWS_ALIAS_ID_OVERRIDE="fleet-1234")
        refused(p, "AB_BASE_URL must be", AB_BASE_URL="studio-game.prod.gamingservices.accelbyte.io")
        refused(p, "AWS_REGON is no setting", AWS_REGON="us-east-1")
        refused(p, "6565 in Extend", GRPC_PORT="7000")
        refused(p, "a region's name", AWS_REGION="Virginia")
        refused(p, "line 1: not NAME=value", text="hello\n")
        refused(p, "is there twice", text="LOG_LEVEL=info\nLOG_LEVEL=warn\n")


def the_template_knows_only_settings_there_are():
    """Each name of .env.template is a setting of the service or of the script"""
    with place() as p:
        text = (ROOT / ".env.template").read_text()
        names = re.findall(r"^([A-Z_]+)=", text, re.M)
        assert len(names) > 8
        for name in names:
            if name in GOOD:
                text = re.sub(rf"^{name}=.*$", f"{name}={GOOD[name]}", text, flags=re.M)
        done = p.run("check", text=text)
        assert done.returncode == 0, done


def failures_are_explained():
    """A step that fails ends with status 1, what was said and what it means"""
    with place() as p:
        for command, words, meaning in (
                ("create-app", "403 Forbidden", "lacks a permission"),
                ("image-upload", "Cannot connect to the Docker daemon", "is it installed"),
                ("deploy-app", "something odd", "its words are above"),
                ("update-secret", "401 unauthorized", "are refused by https://studio-game")):
            p.world(fail={command: [1, words]})
            done = p.run()
            assert done.returncode == 1 and meaning in done.stderr, done
            assert words in done.stdout, done
            assert p.commands()[-1] == command, p.commands()
        # An error that is not "not found" creates nothing.
        p.world(fail={"get-app-info": [1, "503 Service Unavailable"]})
        done = p.run("create")
        assert done.returncode == 1 and p.commands() == ["get-app-info"], (done, p.commands())
        done = p.run("create", cli=False)
        assert done.returncode == 1 and "not on PATH" in done.stderr, done


def waits_for_running():
    """wait polls until the app runs; a failed deployment and a timeout end it"""
    with place() as p:
        p.world(app={}, states=["provisioning", "starting", "app-running"])
        assert p.run("wait").returncode == 0 and len(p.calls()) == 3, p.calls()
        p.world(app={}, states=["starting", "deployment failed"])
        done = p.run("wait")
        assert done.returncode == 1 and "deployment failed" in done.stderr, done
        p.world(app={}, states=["starting"])
        done = p.run("--timeout", "1", "wait")
        assert done.returncode == 1 and "starting, not running" in done.stderr, done


def wrong_usage_is_status_2():
    """Unknown steps and options are refused"""
    with place() as p:
        for arguments in (["delete"], ["--force"], ["--timeout", "soon"], ["--image-tag", "a b"]):
            done = p.run(*arguments)
            assert done.returncode == 2 and p.calls() == [], (arguments, done)


def odd_values_arrive_whole():
    """Quotes, blanks, = and $ in a value arrive as they are"""
    with place() as p:
        touched = f"/tmp/touched-{os.getpid()}"
        odd = f"a b='c' $(touch {touched}) \"d\" *"
        assert p.run("configure", OTEL_RESOURCE_ATTRIBUTES=odd).returncode == 0
        assert odd in [c["flags"]["--value"] for c in p.calls()], p.calls()
        assert not os.path.exists(touched)


if __name__ == "__main__":
    story([
        every_step_in_its_order, secrets_are_stored_as_secrets, its_secrets_are_the_programs,
        no_secret_is_printed, dry_run_calls_nothing, a_second_run_changes_nothing,
        placeholders_are_refused, missing_settings_are_named, wrong_settings_are_named,
        the_template_knows_only_settings_there_are, failures_are_explained, waits_for_running,
        wrong_usage_is_status_2, odd_values_arrive_whole,
    ], shared=False)
