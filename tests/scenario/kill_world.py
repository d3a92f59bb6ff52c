# SPDX-License-Identifier: Apache-2.0
"""What the kill test plays: replicas that are killed, AGS that orders from them and asks again, game
servers that report themselves; and what must have come of each placement."""
import base64
import collections
import random
import threading
import time
import urllib.request

import grpc

import harness
from harness import Process, Stubs, eventually, plain_environment, program

QUEUE = "placement-events"
DEAD = "placement-events-dead"
VISIBILITY_S = 2
LIMIT_SECONDS = 60     # from the placement's end to the report, while replicas are killed
STORED_SECONDS = 25    # after a placement's end AGS has stored our answer; the service waits for 30
LONG_AGO_MS = -60_000  # the stand-in's clock: placements ended long ago, so AGS's word is newer
GAME_SERVER = "game-server"  # the source of what servers report themselves

WORLD = {
    "home_region": "us-east-1", "placement_ms": 20, "activation_ms": 0, "termination_ms": 0,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 20000}]},
               {"id": "fleet-full", "locations": [{"name": "us-east-1", "capacity": 0}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"},
                {"id": "alias-full", "fleet": "fleet-full"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000},
               {"name": "full-queue", "destinations": ["alias-full"], "timeout_ms": 20}],
}

# The kinds of placement, by how AGS stands to them and what they come to.
PLACED, FAILS, GAVE_UP, DELETED = KINDS = ("placed", "fails", "gave-up", "deleted")


class Replica(Process):
    """A service that takes orders and events; it is killed, and so never stopped."""

    def __init__(self, sim, report):
        settings = {
            "GRPC_PORT": 0, "METRICS_PORT": 0, "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": harness.KEY, "AWS_SECRET_ACCESS_KEY": harness.SECRET,
            "AWS_ENDPOINT_URL_GAMELIFT": sim.url, "AWS_ENDPOINT_URL_SQS": sim.url,
            "AB_NAMESPACE": "studio-game", "PLUGIN_GRPC_SERVER_AUTH_ENABLED": "false",
            "LOG_LEVEL": "info", "SHUTDOWN_DELAY": 0, "PLACEMENT_REPORT": report,
            "PLACEMENT_EVENTS_QUEUE_URL": f"{sim.url}/000000000000/{QUEUE}",
            "PLACEMENT_VISIBILITY_TIMEOUT": VISIBILITY_S, "PLACEMENT_RETRY_MAX_MS": 1000,
            **sim.ags_settings()}
        super().__init__("session-dsm", [program("session-dsm")], plain_environment(**settings))
        self.stubs = None

    def serve(self):
        """Waits until it takes orders."""
        port = self.wait_for_line(r'"msg":"serving".*"grpc\.port":(\d+)').group(1)
        self.stubs = Stubs(f"127.0.0.1:{port}")
        return self

    def end(self):
        """SIGKILL; it must have lived, and complained of nothing, until then."""
        assert self.process.poll() is None, f"it ended by itself: {self.errors()[-2000:]}"
        self.process.kill()
        self.process.wait()
        errors = self.errors()
        self.kill()
        assert errors == "", errors[-2000:]

    def kill(self):
        if self.stubs is not None:
            self.stubs.close()
            self.stubs = None
        super().kill()


class Theatre:
    """One stand-in, and what AGS and game servers do on it."""

    def __init__(self, sim, report, seed, late=False):
        """late: AGS stores our answer some time after it came; until then it says what it said before."""
        self.sim, self.report, self.late = sim, report, late
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.kinds = {}       # session id -> kind
        self.taken = set()    # sessions whose order was answered
        self.up = set()       # sessions whose server has reported itself
        self.stored = {}      # session id -> when AGS stored our answer, where that is late
        self.too_late = 0     # stored later than docs/placements.md assumes: such a machine is too slow
        self.cut_off = 0      # orders whose replica was killed
        self.kills = 0
        self.waits = []       # seconds from a placement's end to its report
        self.problems = []    # (what, why)
        self.checks = 0
        self.token = None
        if not late:  # else AGS's word right after a placement's end may be an older one
            sim.control("POST", "clock", {"offset_ms": LONG_AGO_MS})
        # A message that is killed often is no poison: the queue's limit is out of the way.
        sim.control("PUT", f"sqs/queues/{QUEUE}", {"max_receive_count": 1000})

    def check(self, what, problem):
        """problem: None, or why it failed."""
        with self.lock:
            self.checks += 1
            if problem is not None:
                self.problems.append((what, problem))
                print(f"FAILED  {what}: {problem}", flush=True)

    def kill(self, replica):
        replica.end()
        self.kills += 1

    def queue(self, name=QUEUE):
        return self.sim.control("GET", f"sqs/queues/{name}")

    def drained(self, what, seconds):
        def nothing_left():
            if self.queue()["messages"] == 0 and not any(
                    p["Status"] == "PENDING" for p in self.sim.placements()):
                return self.queue()["messages"] == 0  # an event may have come in between
            self.play_servers()
            return False
        eventually(nothing_left, what, seconds)

    # ---- AGS ----

    def begin(self, kind):
        """A session that wants a server; its id."""
        with self.lock:
            name = f"{kind}-{len(self.kinds)}"
            self.kinds[name] = kind
        if kind in (PLACED, FAILS) and not self.late:
            self.sim.put_ags_session(name, status="REQUESTED")
        elif kind != DELETED:
            self.sim.put_ags_session(name, status="FAILED_TO_REQUEST")
        return name

    def asks_again(self, name):
        """After an order whose answer was lost: while the session still waits for a server."""
        kind = self.kinds[name]
        return kind == PLACED or (kind == FAILS and not self.history(name))

    def order(self, name, replica, timeout=10):
        """True if the order was answered; False if its replica has gone."""
        queue = "full-queue" if self.kinds[name] == FAILS else "demo-queue"
        try:
            answer = replica.stubs.create_async(session_id=name, deployment=queue, timeout=timeout)
        except (grpc.RpcError, ValueError, AttributeError):  # also where its channel is closed
            with self.lock:
                self.cut_off += 1
            return False
        assert answer.success, answer
        if self.late:
            time.sleep(self.random.uniform(0, 0.5))
            assert not self.history(name), f"{name} was reported before AGS had our answer"
            self.sim.put_ags_session(name, status="REQUESTED")
            self.stored[name] = time.time()
        with self.lock:
            self.taken.add(name)
        return True

    def history(self, name):
        """What AGS was told of a session, oldest first."""
        return self.sim.control("GET", f"ags/sessions/studio-game/{name}")["history"]

    # ---- game servers ----

    def ags(self, method, path, body, kind, authorization):
        request = urllib.request.Request(self.sim.url + path, data=body, method=method, headers={
            "Content-Type": kind, "Authorization": authorization})
        with urllib.request.urlopen(request, timeout=harness.PATIENCE) as answer:
            return answer.read()

    def report_server(self, name, placement):
        """The server of a placement tells AGS itself that it is up, as AccelByte's SDK does it."""
        if self.token is None:
            settings = self.sim.ags_settings()
            pair = f"{settings['AB_CLIENT_ID']}:{settings['AB_CLIENT_SECRET']}".encode()
            answer = self.ags("POST", "/iam/v3/oauth/token", b"grant_type=client_credentials",
                              "application/x-www-form-urlencoded",
                              "Basic " + base64.b64encode(pair).decode())
            self.token = harness.json.loads(answer)["access_token"]
        body = {"status": "AVAILABLE", "ip": placement["IpAddress"], "port": placement["Port"],
                "deployment": placement["GameSessionArn"], "serverId": placement["GameSessionArn"],
                "region": "us-east-1", "createdRegion": "us-east-1", "source": GAME_SERVER}
        path = f"/session/v1/admin/namespaces/studio-game/gamesessions/{name}/dsinformation"
        self.ags("PUT", path, harness.json.dumps(body).encode(), "application/json",
                 f"Bearer {self.token}")
        self.up.add(name)

    def play_servers(self):
        """Where only failures are reported, servers that run and are wanted report themselves."""
        if self.report == "all":
            return
        for p in self.sim.placements():
            name = p["PlacementId"]
            if (self.kinds.get(name) == PLACED and name in self.taken and name not in self.up
                    and p["Status"] == "FULFILLED"):
                self.report_server(name, p)

    # ---- what must have come of a placement ----

    @staticmethod
    def wrong_report(body, placements):
        """None, or what is wrong with a report of ours about one of these placements."""
        for p in placements:
            arn = p.get("GameSessionArn")
            wanted = ({"status": "AVAILABLE", "deployment": arn, "serverId": arn,
                       "ip": p.get("IpAddress"), "port": p.get("Port")}
                      if p["Status"] == "FULFILLED" else
                      {"status": "FAILED_TO_REQUEST", "serverId": p["PlacementId"],
                       "deployment": "PlacementTimedOut"})
            if wanted.items() <= body.items():
                return None
        return f"a wrong report: {body}"

    def problem_of(self, name, placements, sessions):
        """None, or what is wrong with a session whose messages are gone."""
        kind = self.kinds[name]
        history = [] if kind == DELETED else self.history(name)
        ours = [r for r in history if r["body"].get("source") != GAME_SERVER]
        runs = [p["GameSessionArn"] for p in placements if p["Status"] == "FULFILLED"
                and sessions[p["GameSessionArn"]] not in ("TERMINATING", "TERMINATED")]
        for r in ours:
            if problem := self.wrong_report(r["body"], placements):
                return problem
        if kind in (GAVE_UP, DELETED):
            if ours:
                return f"reported although AGS has given it up: {ours}"
            return "its server still runs" if runs else None
        if self.stored.get(name, 0) - max((p["EndTime"] for p in placements), default=0) > STORED_SECONDS:
            self.too_late += 1
            return None
        if name not in self.taken and not history:
            return "AGS has neither an answer nor a report"
        if kind == PLACED and len(runs) != 1:
            return f"{len(runs)} servers run for it"
        if kind == PLACED and self.report != "all":
            return f"reported, which its server does itself: {ours}" if ours else None
        if not ours:
            return "AGS was never told"
        end = next(p["EndTime"] for p in placements
                   if ours[0]["body"]["serverId"] in (p["PlacementId"], p.get("GameSessionArn")))
        wait = ours[0]["time_ms"] / 1000 - end  # the stand-in has one clock
        self.waits.append(wait)
        return f"reported after {wait:.1f} s" if wait > LIMIT_SECONDS else None

    def check_all(self, names, what=None):
        state = self.sim.control("GET", "state")
        sessions = {s["GameSessionId"]: s["Status"] for s in state["sessions"]}
        placements = collections.defaultdict(list)
        for p in state["placements"]:
            placements[p["PlacementId"].split("-r")[0]].append(p)  # NAME, NAME-r2, ...
        for name in names:
            self.check(what or name, self.problem_of(name, placements[name], sessions))
