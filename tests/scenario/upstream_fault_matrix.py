#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each upstream call against each fault: the right code, the next call unharmed, nothing left over.

For every cell the fault strikes once, which a call should survive where trying again can help, and
then for good. After that no server may run, and no placement be pending, that AGS does not know of.
A table of what callers saw is printed at the end.

    upstream_fault_matrix.py [BUILD_FOLDER] [all | OPERATION... | table]

Without more a fifth of the cells, so that each call and each fault is among them; `table` prints what
docs/reliability.md holds, and compares nothing.
"""
import contextlib
import itertools
import sys
import threading

import grpc
import harness
from door import Door
from harness import SHORT, Service, Sim, eventually, running

WORLD = {
    "home_region": "us-east-1", "placement_ms": 600000, "activation_ms": 150, "termination_ms": 0,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 10000}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 600000}],
}
PATIENT = 15 + SHORT     # seconds for a call that must succeed; silence is given up after ten
IMPATIENT = SHORT * 1.5  # seconds for a call that may not
RECLAIM_DELAY_MS = 100
OK, REFUSED = "OK", "success=false"

# What the stand-in does.
FAULTS = {
    "refused": {"kind": "refused"},  # by the door in front of it
    "reset before": {"kind": "reset"},
    "reset after": {"kind": "reset", "when": "after"},
    "closed": {"kind": "close"},
    "half header": {"kind": "half_header"},
    "half body": {"kind": "half_body", "when": "after"},
    "slow": {"kind": "slow", "delay_ms": 300},
    "byte by byte": {"kind": "bent"},  # these by the door, too
    "length too great": {"kind": "bent"},
    "length too small": {"kind": "bent"},
    "wrong type": {"kind": "bent"},
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
    "1 GB": {"kind": "huge", "bytes": 1 << 30},
    "wrong JSON": {"kind": "wrong_json"},
    "JSON after": {"kind": "wrong_json", "when": "after", "body": "[{\"GameSession\": 17}"},
}
# The answer to a call whose upstream request fails like this for good.
LASTING = {
    "refused": "UNAVAILABLE", "reset before": "UNAVAILABLE", "reset after": "UNAVAILABLE", "closed": "UNAVAILABLE",
    "half header": "UNAVAILABLE", "half body": "UNAVAILABLE", "slow": OK,
    "byte by byte": OK, "length too great": "DEADLINE_EXCEEDED", "length too small": "INTERNAL",
    "wrong type": OK, "HTML page": "INTERNAL",
    "silent before": "DEADLINE_EXCEEDED", "silent after": "DEADLINE_EXCEEDED",
    "400": "INVALID_ARGUMENT", "403": "PERMISSION_DENIED", "500": "UNAVAILABLE",
    "503 after": "UNAVAILABLE", "302": "INTERNAL", "throttled": "RESOURCE_EXHAUSTED",
    "come later": "RESOURCE_EXHAUSTED", "1 GB": "INTERNAL", "wrong JSON": "INTERNAL",
    "JSON after": "INTERNAL",
}
PASSING = {"refused", "reset before", "reset after", "closed", "half header", "half body", "slow",
           "byte by byte", "length too great", "wrong type", "500", "503 after", "throttled", "come later"}  # what another attempt mends


# The operation whose answer is passed on before the door shuts; without one it is shut at once.
BEFORE = {"DescribeGameSessions": "CreateGameSession", "TokenGrantV3": "/gamesessions/",
          "StopGameSessionPlacement": "DescribeGameSessionPlacement"}
# What the door knows an operation of AGS by.
PATHS = {"TokenGrantV3": "/oauth/token", "getGameSession": "/gamesessions/"}
AJAR = 0.05  # seconds that it stays shut where the fault strikes once


class Matrix:
    def __init__(self, sim, doors, direct, behind_doors):
        self.sim, self.doors = sim, doors
        self.services = {False: direct, True: behind_doors}  # a pair: one waits for ACTIVE
        self.numbers = itertools.count()
        self.bad = []

    # ---- the calls that reach each operation ----

    def stored(self, answer):
        """AGS stores what was answered."""
        self.sim.put_ags_session(answer.session_id, status="AVAILABLE",
                                 deployment=answer.deployment)
        return OK

    def create(self, name, timeout):
        return self.stored(self.service.create(session_id=name, timeout=timeout))

    def create_active(self, name, timeout):
        return self.stored(self.waiting.create(session_id=name, timeout=timeout))

    def order(self, name, timeout):
        answer = self.service.create_async(session_id=name, timeout=timeout)
        if not answer.success:
            return REFUSED
        self.sim.put_ags_session(name, status="REQUESTED")
        return OK

    def end(self, name, timeout):
        answer = self.service.terminate(name, timeout=timeout)
        assert answer.success, answer
        return OK

    def with_server(self, name):
        self.stored(self.service.create(session_id=name))

    def with_placement(self, name):
        assert self.service.create_async(session_id=name).success
        self.sim.put_ags_session(name, status="REQUESTED")

    def with_server_and_old_token(self, name):
        self.with_server(name)
        self.sim.control("POST", "ags/tokens/expire")

    # ---- a cell ----

    def outcome(self, call, name, timeout):
        try:
            return call(name, timeout)
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
    def shut_door(self, operation, lasting):
        door = self.doors["ags" if operation in AGS_OPERATIONS else "gamelift"]
        if operation in BEFORE:
            door.shut_after = BEFORE[operation]
        else:
            door.shut()
        timer = threading.Timer(AJAR, door.open)
        try:
            if not lasting:
                timer.start()
            yield
        finally:
            if not lasting:
                timer.join()
            door.open()

    @contextlib.contextmanager
    def fault(self, operation, fault, **more):
        if fault == "refused":
            with self.shut_door(operation, lasting="count" not in more):
                yield
            return
        if FAULTS[fault]["kind"] == "bent":
            door = self.doors["ags" if operation in AGS_OPERATIONS else "gamelift"]
            door.bend(PATHS.get(operation, f".{operation}"), fault, more.get("count"))
            yield
            door.straighten()
            return
        rule = {"operation": operation, **FAULTS[fault], **more}
        if fault in ("throttled", "come later") and operation in AGS_OPERATIONS:
            rule["status"] = 429
        self.sim.fault(**rule)
        yield
        self.sim.no_faults()

    def strike(self, operation, fault, lasting):
        """One call under the fault, another without; the outcome of the first."""
        self.service, self.waiting = self.services[FAULTS[fault]["kind"] in ("refused", "bent")]
        call, prepare = CALLS[operation](self)
        name = f"cell{next(self.numbers)}"
        if prepare is not None:
            prepare(name)
        wanted = expected(operation, fault, lasting)
        with self.fault(operation, fault, **({} if lasting else {"count": 1})):
            got = self.outcome(call, name, PATIENT if wanted == OK else IMPATIENT)
        where = f"{operation}, {fault}, {'for good' if lasting else 'once'}"
        if got not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            self.bad.append(f"{where}: {got} instead of {wanted}")
        self.check_aftermath(where, call, prepare)
        return got

    def check_aftermath(self, where, call, prepare):
        name = f"after{next(self.numbers)}"
        if prepare is not None:
            prepare(name)
        got = self.outcome(call, name, PATIENT)
        if got != OK:
            self.bad.append(f"{where}: the next call is {got}")
        try:
            eventually(lambda: self.left_over() == [], "nothing is left over")
        except AssertionError:
            self.bad.append(f"{where}: left over {self.left_over()}")


AGS_OPERATIONS = {"TokenGrantV3", "getGameSession"}
CALLS = {  # the call, and what must be there before it
    "CreateGameSession": lambda m: (m.create, None),
    "DescribeGameSessions": lambda m: (m.create_active, None),
    "StartGameSessionPlacement": lambda m: (m.order, None),
    "DescribeGameSessionPlacement": lambda m: (m.end, m.with_placement),
    "StopGameSessionPlacement": lambda m: (m.end, m.with_placement),
    "TerminateGameSession": lambda m: (m.end, m.with_server),
    "TokenGrantV3": lambda m: (m.end, m.with_server_and_old_token),
    "getGameSession": lambda m: (m.end, m.with_server),
}


def expected(operation, fault, lasting):
    answer = LASTING[fault]
    if fault == "refused" and not lasting:
        for_good = expected(operation, fault, True)  # all tries may come while it is shut
        return (OK, *((for_good,) if isinstance(for_good, str) else for_good))
    if not lasting and fault in PASSING:
        return OK
    if operation == "DescribeGameSessions" and fault in PASSING and answer != OK:
        return "DEADLINE_EXCEEDED"  # it is looked at again for as long as the caller waits
    if operation == "StartGameSessionPlacement":
        # What GameLift did is looked up; a refusal is an answer, not an error.
        if fault == "refused":
            return answer  # nor can it be looked up
        if answer == OK or fault in ("reset after", "half body", "length too small", "503 after",
                                     "JSON after"):
            return OK
        return REFUSED if answer != "DEADLINE_EXCEEDED" else answer
    if operation in AGS_OPERATIONS and fault == "403":
        return "INTERNAL"  # our IAM client's permissions are nothing that a caller can mend
    if operation == "TokenGrantV3" and fault == "400":
        return "INTERNAL"  # nor is what AGS finds wrong with our own request for a token
    if operation == "TokenGrantV3" and fault in PASSING and answer != OK:
        # It is asked for again for as long as somebody waits; who sees the end of that first, the
        # client or the service, is a matter of chance.
        return answer if answer == "DEADLINE_EXCEEDED" else ("DEADLINE_EXCEEDED", answer)
    return answer


def print_table(cells):
    short = {OK: "ok", "UNAVAILABLE": "unavail", "DEADLINE_EXCEEDED": "deadline",
             "INVALID_ARGUMENT": "invalid", "PERMISSION_DENIED": "denied",
             "RESOURCE_EXHAUSTED": "exhaust", "INTERNAL": "internal", REFUSED: "refused"}
    columns = list(CALLS)
    print("\nWhat callers saw: the fault once / for good")
    print(" " * 14 + "".join(f"{c.replace('GameSession', 'GS'):>20}" for c in columns))
    for fault in FAULTS:
        row = [" / ".join(short.get(cells.get((c, fault, lasting)), "?") for lasting in (0, 1))
               for c in columns]
        print(f"{fault:<14}" + "".join(f"{r:>20}" for r in row))
    print()


def is_wanted(operation, fault, lasting):
    """A fifth of them in every run of the tests; neighbours differ in row and column."""
    place = list(CALLS).index(operation) + list(FAULTS).index(fault) + 2 * lasting
    return bool(harness.NAMED) or place % 5 == 0


def stated():
    """The outcomes as a table for people, as docs/reliability.md has it."""
    lines = ["| fault | " + " | ".join(f"`{c}`" for c in CALLS) + " |",
             "|---" * (len(CALLS) + 1) + "|"]
    for fault in FAULTS:
        cells = []
        for operation in CALLS:
            seen = [expected(operation, fault, lasting) for lasting in (0, 1)]
            seen = [" or ".join(w) if isinstance(w, tuple) else w for w in seen]
            cells.append(seen[0] if seen[0] == seen[1] else f"{seen[0]}; {seen[1]}")
        lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def is_told():
    """docs/reliability.md says what is checked here."""
    return stated() in (harness.ROOT / "docs" / "reliability.md").read_text()


def run_row(sim, operation, cells):
    """All faults of one operation; what went wrong. Each row has services of its own, as a client
    that met many failures makes no more second attempts for a while."""
    settings = {**sim.ags_settings(), "RECLAIM_DELAY_MS": RECLAIM_DELAY_MS}
    with contextlib.ExitStack() as stack:
        doors = {name: stack.enter_context(running(Door(sim.url))) for name in ("gamelift", "ags")}

        def both(url, **more):
            return [stack.enter_context(running(Service(
                url, **{**settings, **more, "GAMELIFT_WAIT_ACTIVE": wait})))
                for wait in ("false", "true")]

        matrix = Matrix(sim, doors, both(sim.url),
                        both(doors["gamelift"].url, AB_BASE_URL=doors["ags"].url))
        sim.control("POST", "reset")
        for lasting, fault in itertools.product((0, 1), FAULTS):
            if not is_wanted(operation, fault, lasting):
                continue
            cells[operation, fault, lasting] = matrix.strike(operation, fault, lasting)
        return matrix.bad


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
    with running(Sim(world=WORLD)) as sim:
        for operation in wanted:
            found = run_row(sim, operation, cells)
            print(f"{'FAILED  ' if found else 'ok      '}{operation}", flush=True)
            for text in found:
                print(f"        {text}", flush=True)
            bad += found
    print_table(cells)
    print(f"{len(cells)} cells, {len(bad)} faults found")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
