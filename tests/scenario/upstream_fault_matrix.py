#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each upstream call against each fault: the right code, the next call unharmed, nothing left over.

For every cell the fault strikes once, which a call should survive where trying again can help, and
then for good; at the first try, and at the one that is made with new credentials (for AGS: a new
token) because the old ones were just refused as expired. After that no server may run, and no
placement be pending, that AGS does not know of. A table of what callers saw is printed at the end.

    upstream_fault_matrix.py [BUILD_FOLDER] [all | OPERATION... | table]

Without more a fifth of the cells, so that each call and each fault is among them; `table` prints what
docs/reliability.md holds, and compares nothing.
"""
import collections
import concurrent.futures
import contextlib
import itertools
import pathlib
import sys
import tempfile
import threading
import time

import grpc
import harness
from door import Certificates, Door
from harness import SHORT, Service, Sim, eventually, preloaded, running

WORLD = {
    "home_region": "us-east-1", "placement_ms": 600000, "activation_ms": 150, "termination_ms": 0,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 10000}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 600000}],
}
PATIENT = 15 + SHORT     # seconds for a call that must succeed; silence is given up after ten
IMPATIENT = min(SHORT * 1.5, 8)  # seconds for a call that may not; less than silence is borne
RECLAIM_DELAY_MS = 100
AT_ONCE = 3              # operations at work; they mostly wait
OK, REFUSED = "OK", "success=false"

# What goes wrong: at the stand-in, by a rule of its; or at the door in front of it.
FAULTS = {
    "refused": {"door": "shut"},
    "SYN lost": {"door": "deaf"},
    "unknown name": {"door": "nameless"},
    "untrusted": {"door": "tls"},
    "broken handshake": {"door": "tls"},
    "reset before": {"kind": "reset"},
    "reset after": {"kind": "reset", "when": "after"},
    "closed": {"kind": "close"},
    "half header": {"kind": "half_header"},
    "half body": {"kind": "half_body", "when": "after"},
    "slow": {"kind": "slow", "delay_ms": 300},
    "byte by byte": {"door": "bent"},
    "length too great": {"door": "bent"},
    "length too small": {"door": "bent"},
    "wrong type": {"door": "bent"},
    "HTML page": {"kind": "http", "body": "<html>who are you?</html>", "content_type": "text/html"},
    "silent before": {"kind": "black_hole"},
    "silent after": {"kind": "black_hole", "when": "after"},
    "400": {"kind": "http", "status": 400, "body": "<html>no</html>", "content_type": "text/html"},
    "403": {"kind": "http", "status": 403, "body": "{}"},
    "500": {"kind": "http", "status": 500, "body": "busy"},
    "503 after": {"kind": "http", "status": 503, "body": "<html>busy</html>", "when": "after"},
    "302": {"kind": "http", "status": 302, "body": "", "header_name": "Location",
            "header_value": "http://127.0.0.1:9/"},
    "throttled": {"kind": "throttle"},
    "come later": {"kind": "throttle", "header_name": "Retry-After", "header_value": "1"},
    "expired": {"kind": "error", "type": "ExpiredTokenException"},
    "clock skew": {"clock": 600},
    "1 GB": {"kind": "huge", "bytes": 1 << 30},
    "wrong JSON": {"kind": "wrong_json"},
    "JSON after": {"kind": "wrong_json", "when": "after", "body": "[{\"GameSession\": 17}"},
}
PHASES = tuple(itertools.product(("first", "refresh"), (False, True)))  # and whether for good

# The answer to a call whose upstream request fails like this for good.
LASTING = {
    "refused": "UNAVAILABLE", "SYN lost": "DEADLINE_EXCEEDED", "unknown name": "UNAVAILABLE",
    "untrusted": "INTERNAL", "broken handshake": "UNAVAILABLE",
    "reset before": "UNAVAILABLE", "reset after": "UNAVAILABLE", "closed": "UNAVAILABLE",
    "half header": "UNAVAILABLE", "half body": "UNAVAILABLE", "slow": OK,
    "byte by byte": OK, "length too great": "DEADLINE_EXCEEDED", "length too small": "INTERNAL",
    "wrong type": OK, "HTML page": "INTERNAL",
    "silent before": "DEADLINE_EXCEEDED", "silent after": "DEADLINE_EXCEEDED",
    "400": "INVALID_ARGUMENT", "403": "PERMISSION_DENIED", "500": "UNAVAILABLE",
    "503 after": "UNAVAILABLE", "302": "INTERNAL", "throttled": "RESOURCE_EXHAUSTED",
    "come later": "RESOURCE_EXHAUSTED", "expired": "INTERNAL", "clock skew": OK,
    "1 GB": "INTERNAL", "wrong JSON": "INTERNAL", "JSON after": "INTERNAL",
}
PASSING = {"refused", "SYN lost", "unknown name", "broken handshake", "reset before", "reset after",
           "closed", "half header", "half body", "slow", "byte by byte", "length too great", "wrong type",
           "500", "503 after", "throttled", "come later", "clock skew"}  # what another attempt mends


# The operation whose answer is passed on before the door does its worst; without one it does so at once.
BEFORE = {"DescribeGameSessions": "CreateGameSession", "TokenGrantV3": "getGameSession",
          "StopGameSessionPlacement": "DescribeGameSessionPlacement"}
# For the try with new credentials it is the refusal of the old ones, unless they come through the door.
RENEWED = {"getGameSession": "TokenGrantV3"}
# What the door knows an operation of AGS by.
PATHS = {"TokenGrantV3": "/oauth/token", "getGameSession": "/gamesessions/"}
AJAR = 0.05  # seconds that it stays shut where the fault strikes once
AHEAD = 8    # services that are started before their turn
# Credentials that are refused as expired are only fetched anew if they are this old.
AGE = 10.2


def at_door(operation):
    return PATHS.get(operation, f".{operation}")


# ---- the service of each cell --------------------------------------------------------------------


class Serving:
    """A service for one cell, as one that met many failures makes no more second attempts for a while;
    ready once its AWS credentials are old enough to be renewed, where the cell is about that."""

    def __init__(self, row, cell):
        operation, fault, (phase, _) = cell
        self.row, self.door = row, FAULTS[fault].get("door")
        self.names = pathlib.Path(row.folder) / f"names{next(row.numbers)}"
        settings = {"RECLAIM_DELAY_MS": RECLAIM_DELAY_MS, **row.sim.ags_settings(),
                    "GAMELIFT_WAIT_ACTIVE": "true" if operation == "DescribeGameSessions" else "false"}
        self.ages = phase == "refresh" or fault == "expired"
        if self.ages:
            settings.update(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None,
                            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{row.sim.url}/v2/credentials/some-id")
        self.nameless_from_the_start = self.door == "nameless" and operation == "TokenGrantV3" \
            and phase == "first"
        self.service = row.stack.enter_context(running(Service(
            self.url("gamelift"), **{**settings, **self.behind_door()})))
        self.make_ready()

    def url(self, which):
        if self.door is None:
            return self.row.sim.url
        url = self.row.doors[which, self.door == "tls"].url
        return url.replace("127.0.0.1", f"{which}.test") if self.door == "nameless" else url

    def behind_door(self):
        if self.door is None:
            return {}
        settings = {"AB_BASE_URL": self.url("ags")}
        if self.door == "tls":
            settings["AWS_CA_BUNDLE"] = self.row.certificates.authority
        elif self.door == "nameless":
            self.name(not self.nameless_from_the_start)
            settings.update(preloaded("names", NAMES_FILE=self.names))
        return settings

    def name(self, known):
        """Whether its upstreams' names are known."""
        self.names.write_text("gamelift.test 127.0.0.1\nags.test 127.0.0.1\n" if known else "")

    def make_ready(self):
        """With a token of AGS, and with AWS credentials if they are to grow old."""
        if not self.nameless_from_the_start:
            eventually(lambda: '"AGS call answered"' in self.service.output(), "it has a token")
        if self.ages:
            self.row.stored(self.service.create(session_id=f"first{next(self.row.numbers)}"))
        self.ready_at = time.monotonic() + AGE if self.ages else 0

    def taken(self):
        time.sleep(max(0, self.ready_at - time.monotonic()))
        return self


# ---- a row ---------------------------------------------------------------------------------------


class Row:
    """All faults of one operation, on a stand-in of its own."""

    def __init__(self, sim, operation, certificates, stack):
        self.sim, self.operation, self.certificates, self.stack = sim, operation, certificates, stack
        self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dsm-row-"))
        self.doors = {(which, tls): stack.enter_context(running(Door(sim.url, tls and certificates or None)))
                      for which in ("gamelift", "ags") for tls in (False, True)}
        self.numbers = itertools.count()
        self.bad = []
        # What must be there before a call is made by one that no fault strikes.
        self.helper = stack.enter_context(running(Service(sim.url, **sim.ags_settings())))

    # ---- the calls that reach each operation ----

    def stored(self, answer):
        """AGS stores what was answered."""
        self.sim.put_ags_session(answer.session_id, status="AVAILABLE",
                                 deployment=answer.deployment)
        return OK

    def create(self, service, name, timeout):
        return self.stored(service.create(session_id=name, timeout=timeout))

    def order(self, service, name, timeout):
        answer = service.create_async(session_id=name, timeout=timeout)
        if not answer.success:
            return REFUSED
        self.sim.put_ags_session(name, status="REQUESTED")
        return OK

    def end(self, service, name, timeout):
        answer = service.terminate(name, timeout=timeout)
        assert answer.success, answer
        return OK

    def with_server(self, name):
        self.stored(self.helper.create(session_id=name))

    def with_placement(self, name):
        assert self.helper.create_async(session_id=name).success
        self.sim.put_ags_session(name, status="REQUESTED")

    def with_server_and_old_token(self, name):
        self.with_server(name)
        self.sim.control("POST", "ags/tokens/expire")

    # ---- a cell ----

    def outcome(self, call, service, name, timeout):
        try:
            return call(service, name, timeout)
        except grpc.RpcError as error:
            return error.code().name

    def known_to_ags(self):
        """ARNs of servers, and ids of sessions, that AGS has or waits for."""
        sessions = self.sim.control("GET", "ags/sessions")
        arns, waiting = set(), set()
        for seen in sessions:
            session = seen.get("session", seen)
            ds = session.get("DSInformation") or {}
            arns.add((ds.get("Server") or {}).get("deployment"))
            if ds.get("StatusV2") in ("REQUESTED", "PREPARING"):
                waiting.add(session["id"])
        return arns, waiting

    def left_over(self):
        """What runs, or may yet, without AGS's knowing."""
        arns, waiting = self.known_to_ags()
        state = self.sim.control("GET", "state")
        return ([s["GameSessionId"] for s in state["sessions"]
                 if s["Status"] in ("ACTIVATING", "ACTIVE") and s["GameSessionId"] not in arns]
                + [p["PlacementId"] for p in state["placements"]
                   if p["Status"] == "PENDING" and p["PlacementId"].split("-r")[0] not in waiting])

    @contextlib.contextmanager
    def at_door(self, serving, fault, refreshes, lasting):
        """The door does it, once the answer has passed that comes before the one that is struck."""
        operation = self.operation
        door = self.doors["ags" if operation in AGS_OPERATIONS else "gamelift", serving.door == "tls"]
        passing = RENEWED.get(operation, operation) if refreshes else BEFORE.get(operation)
        count = None if lasting else 1
        for_a_moment = serving.door in ("shut", "deaf", "nameless") and not lasting
        action = {
            "shut": door.shut, "deaf": door.deafen, "nameless": lambda: serving.name(False),
            "tls": lambda: door.spoil_handshakes(fault, count),
            "bent": lambda: door.bend(at_door(operation), fault, count),
        }[serving.door]

        def undo():
            door.open()
            serving.name(True)
        # What is bent is the answer itself, whatever comes before it.
        at_once = passing is None or serving.nameless_from_the_start \
            or serving.door == "bent" and not refreshes
        timer = threading.Timer(AJAR, undo)

        def strike():
            action()
            if for_a_moment:
                timer.start()
        try:
            door.after(None if at_once else at_door(passing), strike)
            yield
            if door.then is not None:
                self.bad.append(f"{operation}, {fault}: the door has not done it")
        finally:
            if timer.is_alive():
                timer.join()
            undo()

    @contextlib.contextmanager
    def at_stand_in(self, fault, lasting):
        if "clock" in FAULTS[fault]:
            seconds = FAULTS[fault]["clock"] * (-1 if lasting else 1)
            self.sim.control("POST", "clock", {"offset_ms": seconds * 1000})
            yield
            self.sim.control("POST", "clock", {"offset_ms": 0})
            return
        rule = {"operation": self.operation, **FAULTS[fault], **({} if lasting else {"count": 1})}
        if self.operation in AGS_OPERATIONS:
            if fault in ("throttled", "come later"):
                rule["status"] = 429
            elif fault == "expired":
                rule["status"] = 401
        self.sim.fault(**rule)
        yield
        # What is done once is not there any more.
        if any(rule["count"] > 0 or rule["hits"] == 0 for rule in self.sim.control("GET", "faults")):
            self.bad.append(f"{self.operation}, {fault}: it has not struck")

    @contextlib.contextmanager
    def fault(self, serving, fault, phase, lasting):
        refreshes = phase == "refresh"
        if refreshes:
            expired = {"operation": self.operation, **FAULTS["expired"], "count": 1}
            if self.operation in AGS_OPERATIONS:
                expired["status"] = 401
            self.sim.fault(**expired)
        with self.at_stand_in(fault, lasting) if serving.door is None \
                else self.at_door(serving, fault, refreshes, lasting):
            yield
        self.sim.no_faults()

    def strike(self, serving, fault, phase, lasting):
        """One call under the fault, another without; the outcome of the first."""
        call, prepare = CALLS[self.operation](self)
        if serving.door == "nameless" and self.operation == "getGameSession":
            prepare("known-before")
            self.outcome(call, serving.service, "known-before", PATIENT)  # finds the name
        name = f"cell{next(self.numbers)}"
        if prepare is not None:
            prepare(name)
        wanted = expected(self.operation, fault, phase, lasting)
        with self.fault(serving, fault, phase, lasting):
            got = self.outcome(call, serving.service, name, PATIENT if OK in as_tuple(wanted) else IMPATIENT)
        where = f"{self.operation}, {fault}, {phase}, {'for good' if lasting else 'once'}"
        if got not in as_tuple(wanted):
            self.bad.append(f"{where}: {got} instead of {wanted}")
        self.check_aftermath(where, call, prepare, serving.service)
        return got

    def check_aftermath(self, where, call, prepare, service):
        name = f"after{next(self.numbers)}"
        if prepare is not None:
            prepare(name)
        got = self.outcome(call, service, name, PATIENT)
        if got != OK:
            self.bad.append(f"{where}: the next call is {got}")
        try:
            eventually(lambda: self.left_over() == [], "nothing is left over")
        except AssertionError:
            self.bad.append(f"{where}: left over {self.left_over()}")


AGS_OPERATIONS = {"TokenGrantV3", "getGameSession"}
CALLS = {  # the call, and what must be there before it
    "CreateGameSession": lambda m: (m.create, None),
    "DescribeGameSessions": lambda m: (m.create, None),
    "StartGameSessionPlacement": lambda m: (m.order, None),
    "DescribeGameSessionPlacement": lambda m: (m.end, m.with_placement),
    "StopGameSessionPlacement": lambda m: (m.end, m.with_placement),
    "TerminateGameSession": lambda m: (m.end, m.with_server),
    "TokenGrantV3": lambda m: (m.end, m.with_server_and_old_token),
    "getGameSession": lambda m: (m.end, m.with_server),
}


# ---- what callers are to see ---------------------------------------------------------------------


def as_tuple(wanted):
    return wanted if isinstance(wanted, tuple) else (wanted,)


def makes_sense(operation, fault, phase):
    """A token is asked for when one was refused, so that its first try is a refresh already."""
    return (operation, phase) != ("TokenGrantV3", "refresh")


def expected(operation, fault, phase, lasting):
    answer = LASTING[fault]
    if fault == "unknown name" and (phase == "refresh" or operation in BEFORE and operation != "TokenGrantV3"
                                    or operation == "getGameSession"):
        return OK  # a name that was just found is good for a minute
    if fault in ("refused", "unknown name") and not lasting:
        for_good = expected(operation, fault, phase, True)  # all tries may come while it is shut
        if operation == "StartGameSessionPlacement":
            return (OK, REFUSED, for_good)  # and the look at what came of it when it is open again
        return (OK, *as_tuple(for_good))
    if not lasting and fault in PASSING:
        return OK
    if fault == "expired" and not lasting and phase == "first" and operation != "TokenGrantV3":
        return OK
    if operation == "DescribeGameSessions" and fault in PASSING and answer != OK:
        return "DEADLINE_EXCEEDED"  # it is looked at again for as long as the caller waits
    if operation == "StartGameSessionPlacement":
        # What GameLift did is looked up; a refusal is an answer, not an error.
        if lasting and FAULTS[fault].get("door") in ("shut", "nameless", "tls"):
            return answer  # nor can it be looked up
        if answer == OK or fault in ("reset after", "half body", "length too small", "503 after",
                                     "JSON after"):
            return OK
        return REFUSED if answer != "DEADLINE_EXCEEDED" else answer
    if operation in AGS_OPERATIONS and fault in ("403", "expired"):
        return "INTERNAL"  # our IAM client's permissions are nothing that a caller can mend
    if operation == "TokenGrantV3" and fault == "400":
        return "INTERNAL"  # nor is what AGS finds wrong with our own request for a token
    if operation == "TokenGrantV3" and fault in PASSING and answer != OK:
        # It is asked for again for as long as somebody waits; who sees the end of that first, the
        # client or the service, is a matter of chance.
        return answer if answer == "DEADLINE_EXCEEDED" else ("DEADLINE_EXCEEDED", answer)
    return answer


def stated():
    """The outcomes as a table for people, as docs/reliability.md has it."""
    lines = ["| fault | " + " | ".join(f"`{c}`" for c in CALLS) + " |",
             "|---" * (len(CALLS) + 1) + "|"]
    for fault in FAULTS:
        cells = []
        for operation in CALLS:
            first, refresh = ([" or ".join(as_tuple(expected(operation, fault, phase, lasting)))
                               for lasting in (False, True)] for phase in ("first", "refresh"))
            text = in_words(first)
            if makes_sense(operation, fault, "refresh") and refresh != first:
                text += f"; refresh: {in_words(refresh)}"
            cells.append(text)
        lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def in_words(seen):
    return seen[0] if seen[0] == seen[1] else "; ".join(seen)


def is_told():
    """docs/reliability.md says what is checked here."""
    return stated() in (harness.ROOT / "docs" / "reliability.md").read_text()


# ---- all of them ---------------------------------------------------------------------------------


def print_table(cells):
    short = {OK: "ok", "UNAVAILABLE": "unavail", "DEADLINE_EXCEEDED": "deadline",
             "INVALID_ARGUMENT": "invalid", "PERMISSION_DENIED": "denied",
             "RESOURCE_EXHAUSTED": "exhaust", "INTERNAL": "internal", REFUSED: "refused"}
    columns = list(CALLS)
    for phase in ("first", "refresh"):
        print(f"\nWhat callers saw: the fault once / for good ({phase} try)")
        print(" " * 17 + "".join(f"{c.replace('GameSession', 'GS'):>20}" for c in columns))
        for fault in FAULTS:
            row = [" / ".join(short.get(cells.get((c, fault, (phase, lasting))), "?")
                              for lasting in (False, True)) for c in columns]
            print(f"{fault:<17}" + "".join(f"{r:>20}" for r in row))
    print()


def is_wanted(operation, fault, phase):
    """A fifth of them in every run of the tests, fewer where each service takes seconds to start;
    neighbours differ in row and column."""
    place = list(CALLS).index(operation) + list(FAULTS).index(fault) + 2 * PHASES.index(phase)
    return bool(harness.NAMED) or place % (25 if harness.WRAPPER else 5) == 0


def run_row(operation, certificates):
    """{cell: outcome}, and what went wrong."""
    wanted = [(operation, fault, phase) for phase, fault in itertools.product(PHASES, FAULTS)
              if makes_sense(operation, fault, phase[0]) and is_wanted(operation, fault, phase)]
    cells, ahead = {}, collections.deque()
    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(running(Sim(world=WORLD)))
        row = Row(sim, operation, certificates, stack)
        for n, cell in enumerate(wanted):
            while len(ahead) < AHEAD and n + len(ahead) < len(wanted):
                own = contextlib.ExitStack()
                row.stack = own
                ahead.append((own, Serving(row, wanted[n + len(ahead)])))
            own, serving = ahead.popleft()
            with own:
                cells[cell] = row.strike(serving.taken(), cell[1], *cell[2])
    return cells, row.bad


def main():
    if harness.NAMED == ["table"]:
        print(stated())
        return
    print(__doc__.strip().splitlines()[0], flush=True)
    wanted = [o for o in CALLS if not harness.NAMED or "all" in harness.NAMED
              or o in harness.NAMED]
    cells = {}
    bad = [] if is_told() else ["docs/reliability.md has another table; see `table`"]
    for text in bad:
        print(f"FAILED  {text}")
    certificates = Certificates()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        rows = [pool.submit(run_row, operation, certificates) for operation in wanted]
        for operation, row in zip(wanted, rows):
            seen, found = row.result()
            cells.update(seen)
            print(f"{'FAILED  ' if found else 'ok      '}{operation}", flush=True)
            for text in found:
                print(f"        {text}", flush=True)
            bad += found
    print_table(cells)
    print(f"{len(cells)} cells, {len(bad)} faults found")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
