#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""On demand: a real Prometheus scrapes the service, promtool accepts the text, and every panel of
deploy/grafana/session-dsm.json gets data. Needs Debian's package `prometheus`.

    apt install prometheus && tests/scenario/prometheus_dashboard.py [BUILD_FOLDER]
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

from harness import CODE, ROOT, eventually, fails, http_json, story
from metrics import WORLD, fetch, metrics_url

DASHBOARD = ROOT / "deploy" / "grafana" / "session-dsm.json"
# What stays empty when nothing goes wrong, and is asked for its syntax only.
MAY_BE_EMPTY = {"Retries", "Calls refused before a handler"}


def promtool_accepts_the_text(w):
    """promtool check metrics has nothing to say, not even in style"""
    done = subprocess.run(["promtool", "check", "metrics"], input=fetch(w.service), text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr


def free_port():
    import socket
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def every_panel_has_data(w):
    """Each expression of the dashboard is valid, and what calls produce has series"""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        target = urllib.parse.urlsplit(metrics_url(w.service)).netloc
        config = pathlib.Path(folder, "prometheus.yml")
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "session-dsm",
                                "static_configs": [{"targets": [target]}]}]}))
        server = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            api = f"http://127.0.0.1:{port}/api/v1"

            def query(expr):
                text = (expr.replace("$__rate_interval", "10s").replace("$job", ".*"))
                got = http_json("GET", f"{api}/query?" + urllib.parse.urlencode({"query": text}))
                assert got["status"] == "success", (expr, got)
                return got["data"]["result"]

            def scraped():
                try:
                    return query("session_dsm_calls_in_flight")
                except OSError:
                    return None

            eventually(scraped, "Prometheus has scraped the service")
            for i in range(8):
                w.service.create(session_id=f"s-{i}", requested_region=["us-west-2", "us-east-1"])
                fails(lambda: w.service.create(requested_region=["us-west-2"]),
                      CODE.RESOURCE_EXHAUSTED)
                time.sleep(1)
            dashboard = json.loads(DASHBOARD.read_text())
            for panel in dashboard["panels"]:
                for target in panel.get("targets", []):
                    if not query(target["expr"]) and panel["title"] not in MAY_BE_EMPTY:
                        raise AssertionError(f"{panel['title']}: no data for {target['expr']}")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    if shutil.which("prometheus") is None:
        print("skipped: Debian's package prometheus is not installed")
        sys.exit(77)
    story([promtool_accepts_the_text, every_panel_has_data], world=WORLD)
