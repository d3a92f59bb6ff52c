#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The page at METRICS_PORT/: what it tells, what it keeps to itself, and that it harms nobody."""
import contextlib
import html.parser
import re
import subprocess
import threading
import urllib.error
import urllib.request

from harness import (CODE, KEY, SECRET, Service, Sim, World, eventually, fails, plain_environment, program,
                     running, story)
from metrics import WORLD, metrics_url
import placements

VOID = {"meta", "link", "input", "line", "rect", "path", "br"}


class Page(html.parser.HTMLParser):
    """A page as a browser without scripts has it: well-formed, and its text by the parts' ids."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.text, self.problems, self.attributes = [], [], {}, [], []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"never closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.attributes.append((tag, attrs))
        if attrs.get("id") in self.ids:
            self.problems.append(f"id twice: {attrs['id']}")
        if attrs.get("id"):
            self.ids.append(attrs["id"])
        if tag not in VOID:
            self.open.append((tag, attrs.get("id")))

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        for tag, part in self.open:
            if part:
                self.text[part] = self.text.get(part, "") + data


def get(service, path="/", method="GET"):
    request = urllib.request.Request(metrics_url(service).replace("/metrics", path), method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as r:
        return r.read().decode(), r.headers


def page(service):
    text, _ = get(service)
    read = Page(text)
    assert read.problems == [], read.problems
    return read


def calls_show_with_their_regions(w):
    """A call shows with its session, its code, and each location that it was tried in"""
    w.service.create(session_id="tried-twice", requested_region=["us-west-2", "us-east-1"])
    fails(lambda: w.service.create(session_id="no-alias", deployment="alias-nowhere"), CODE.NOT_FOUND)
    text = page(w.service).text
    for words in ("tried-twice", "us-west-2", "FleetCapacityExceededException", "no-alias", "NotFound",
                  "CreateGameSession"):
        assert words in text["calls"], (words, text["calls"])
    assert "us-west-2" in text["locations"] and "us-east-1" in text["locations"], text["locations"]
    assert "CreateGameSession" in text["operations"] and "CreateGameSession" in text["rpcs"]
    # In plain words, with what to do.
    assert "has no free server process" in text["troubles"], text["troubles"]
    assert "Compare the session template's deployment" in text["troubles"], text["troubles"]
    assert "Serving" in text["health"]


def an_empty_page_says_so(w):
    """Before the first call each part says that there is nothing, and what would be there"""
    with running(Service(w.sim.url)) as service:
        def ready():
            text = page(service).text
            return text if "Valid" in text["tiles"] else None
        text = eventually(ready, "the page is there")
        assert "No call yet" in text["calls"] and "None yet" in text["locations"], text
        assert "None." in text["reclaims"] and "no calls yet" in text["tiles"], text


def placements_show_with_what_ags_is_told(_):
    """A placement shows as pending until AGS is told, then with what it was told, and by what"""
    with running(Sim(world=placements.WORLD)) as sim, contextlib.ExitStack() as stack:
        w = World(sim, None)
        service = stack.enter_context(placements.taking(w, PLACEMENT_REPORT="all"))

        def shown(*words):
            return eventually(lambda: next((t for t in [page(service).text] if all(
                word in t["placements"] for word in words)), None), f"{words} show")

        assert "No placement yet" in shown("taking events", "servers and failures")["placements"]
        sim.fault(service="ags", operation="adminUpdateDSInformation", kind="http", status=500)
        placements.order(w, service, "seen-1")
        text = shown("Pending", "seen-1", "comes again")
        assert "Over" not in text["placements"], text["placements"]
        sim.no_faults()
        shown("Over", "AGS has the server")
        placements.order(w, service, "seen-2", deployment="full-queue")
        shown("seen-2", "AGS knows that there is none")
        placements.send(w, placements.event("../x"))
        text = eventually(lambda: (t := page(service).text)["troubles"].find("no events") > 0 and t,
                          "the poison is told of")
        assert "../x" not in str(text)
        sim.fault(service="sqs", kind="error", type="QueueDoesNotExist", status=400)
        eventually(lambda: "There is no such queue" in page(service).text["troubles"], "it is told")
        sim.no_faults()
    with running(Sim(world=placements.WORLD)) as sim, \
            placements.polling(World(sim, None)) as service:
        placements.order(World(sim, None), service, "seen-3", deployment="full-queue")
        text = eventually(lambda: (t := page(service).text["placements"]).find("Over") > 0 and t,
                          "it is over")
        assert "asked until they end" in text and "seen-3" in text, text


def unheard_placements_are_told_of(_):
    """Where nobody reports failed placements the page says so, once there are any"""
    with running(Sim(world=placements.WORLD)) as sim, running(Service(sim.url)) as service:
        assert "Nobody tells AGS of placements" not in page(service).text["troubles"]
        assert service.create_async(session_id="unheard-1").success
        text = eventually(lambda: (t := page(service).text)["placements"].find("unheard-1") > 0 and t,
                          "it shows")
        assert "Nobody tells AGS of placements that fail" in text["troubles"], text["troubles"]


def hostile_text_is_only_text(w):
    """What comes from a peer is escaped, wherever it shows"""
    evil = "<script>alert(1)</script>\"'&<img src=x onerror=y>"
    fails(lambda: w.service.create(session_id=evil[:30]), CODE.INVALID_ARGUMENT)
    fails(lambda: w.service.create(requested_region=["<b>\"x\""], session_id="evil-region"),
          CODE.INVALID_ARGUMENT)
    text, _ = get(w.service)
    assert "<script>alert" not in text and "onerror=y>" not in text and "<b>\"x" not in text
    read = Page(text)
    assert read.problems == [], read.problems
    assert "<script>alert" in read.text["calls"]
    assert len([a for tag, a in read.attributes if tag == "script"]) == 1
    assert not [a for _, a in read.attributes if any(k.startswith("on") or k == "style" for k in a)]


def nothing_is_given_away(w):
    """No secret, session data, address or port of a game server is on the page"""
    answer = w.service.create(session_id="secretive", session_data="hush-data", secret="hush-secret",
                              maximum_player=3)
    text, _ = get(w.service)
    assert "secretive" in text
    for hidden in (SECRET, KEY, "sim-secret", "hush-data", "hush-secret", answer.ip,
                   str(answer.port), answer.server_id):
        assert hidden not in text, hidden
    configuration = text[text.index("h-configuration"):]
    assert "***" in configuration and "AWS_REGION" in configuration and "us-east-1" in configuration


def headers_are_safe(w):
    """Nothing loads from elsewhere or runs but the page's own; nobody frames or keeps it"""
    text, headers = get(w.service)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'", policy
    assert policy["connect-src"] == "'self'" and policy["form-action"] == "'none'", policy
    nonce = re.fullmatch(r"'nonce-([0-9a-f]{32})'", policy["script-src"]).group(1)
    assert policy["style-src"] == policy["script-src"], policy
    assert text.count(f'nonce="{nonce}"') == 2
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store" and headers["Content-Type"].startswith("text/html")
    assert "Access-Control-Allow-Origin" not in headers
    again, _ = get(w.service)
    assert nonce not in again
    for _, attributes in Page(text).attributes:
        for name in ("src", "href"):
            assert not re.match("https?:|//", attributes.get(name) or ""), attributes


def it_only_reads(w):
    """Other methods than GET and HEAD are refused"""
    assert get(w.service, method="HEAD")[0] == ""
    for method in ("POST", "PUT", "DELETE"):
        try:
            get(w.service, method=method)
        except urllib.error.HTTPError as e:
            assert e.code == 405, e
        else:
            raise AssertionError(f"{method} was not refused")


def probes_are_answered(w):
    """/healthz says SERVING, and --health-check agrees, over gRPC and over HTTP"""
    assert get(w.service, "/healthz")[0] == "SERVING\n"
    ports = {"GRPC_PORT": w.service.target.rsplit(":", 1)[1],
             "METRICS_PORT": re.search(r":(\d+)/", metrics_url(w.service)).group(1)}

    def asked(**more):
        done = subprocess.run([program("session-dsm"), "--health-check"], timeout=20, check=False,
                              env=plain_environment(**{**ports, **more}), capture_output=True, text=True)
        return done.returncode, done.stderr
    assert asked() == (0, ""), asked()
    assert asked(GRPC_TLS_CERTIFICATE_FILE="/a") == (0, "")
    for wrong in ({"GRPC_PORT": "9"}, {"GRPC_PORT": "0"}, {"GRPC_PORT": "x"},
                  {"GRPC_TLS_CERTIFICATE_FILE": "/a", "METRICS_PORT": "9"}):
        status, said = asked(**wrong)
        assert status == 1 and said.startswith("session-dsm: "), (wrong, said)


def it_can_be_switched_off(w):
    """CONSOLE_ENABLED=false: no page, and metrics as before"""
    with running(Service(w.sim.url, CONSOLE_ENABLED="false")) as service:
        service.create(session_id="unseen")
        try:
            get(service)
        except urllib.error.HTTPError as e:
            assert e.code == 404, e
        else:
            raise AssertionError("there is a page")
        assert "grpc_server_handled_total" in get(service, "/metrics")[0]


def many_calls_are_bounded(w):
    """After more calls than it keeps the page holds the last ones, while others look on"""
    stop = threading.Event()
    seen = []

    def look():
        while not stop.is_set():
            seen.append(len(get(w.service)[0]))

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for i in range(350):
        fails(lambda i=i: w.service.create(session_id=f"many {i}."), CODE.INVALID_ARGUMENT)
    stop.set()
    for looker in lookers:
        looker.join()
    assert len(seen) > 2
    text = page(w.service).text["calls"]
    assert "many 349." in text and "many 49." not in text and "The last 300 calls" in text
    assert text.count("InvalidArgument") >= 300 and max(seen) < 1_000_000, max(seen)


if __name__ == "__main__":
    story([
        calls_show_with_their_regions, an_empty_page_says_so, placements_show_with_what_ags_is_told,
        unheard_placements_are_told_of, hostile_text_is_only_text,
        nothing_is_given_away, headers_are_safe, it_only_reads,
        probes_are_answered, it_can_be_switched_off,
        many_calls_are_bounded,
    ], world=WORLD)
