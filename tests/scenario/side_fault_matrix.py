#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The calls beside a call, each against each fault: for credentials, for AGS's token, keys and list.

They are struck at their first load, once and for good, and at a renewal while what was loaded before is
still good. A table of what callers saw is printed at the end.

    side_fault_matrix.py [BUILD_FOLDER] [all | OPERATION... | table]

Without more a part of the cells, so that each call and each fault is among them; `table` prints what
docs/reliability.md holds, and compares nothing.
"""
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
from door import Door
from harness import KEY, SECRET, SHORT, Service, Sim, eventually, running

OK, NO_START = "OK", "does not start"
AT_ONCE = 12      # cells at work; they mostly wait
CALLER_S = 7     # a caller's deadline; the slowest of lasting faults is told earlier
SILENCE_S = 1.5  # a caller's deadline where nothing would be told
LIFETIME_S = 6   # of credentials that are to be renewed; half of it is left then
HOME = pathlib.Path(tempfile.mkdtemp(prefix="dsm-side-"))

FAULTS = {
    "refused": None,  # by the door in front of the stand-in
    "reset": {"kind": "reset"},
    "half body": {"kind": "half_body", "when": "after"},
    "slow": {"kind": "slow", "delay_ms": 300},
    "silent": {"kind": "black_hole"},
    "400": {"kind": "http", "status": 400, "body": "<html>no</html>", "content_type": "text/html"},
    "403": {"kind": "http", "status": 403, "body": "{}"},
    "500": {"kind": "http", "status": 500, "body": "busy"},
    "throttled": {"kind": "http", "status": 429, "body": "{}"},
    "wrong text": {"kind": "wrong_json"},  # neither JSON nor XML
}
PHASES = ("first, once", "first, for good", "renewal, for good")


# ---- the calls that need each of them ------------------------------------------------------------


class Side:
    """One operation: how a service is set up so that it needs it, and a call that does."""

    struck = "AWS credentials could not be fetched"  # what the log says when it was refused

    def __init__(self, settings):
        self.settings = settings

    def prepare(self, sim, phase):
        lifetime = {"lifetime_s": LIFETIME_S} if phase.startswith("renewal") else {}
        sim.control("POST", "credentials", {"imds_v1": True, **lifetime})

    def service(self, sim, where):
        return Service(sim.url, **self.settings(where))

    def call(self, sim, service, name, timeout):
        return service.create(session_id=name, timeout=timeout)


class Token(Side):
    struck = "no AGS access token"

    def prepare(self, sim, phase):
        if phase.startswith("renewal"):
            sim.control("POST", "ags", {"expires_in": 10})  # it is renewed after 8

    def call(self, sim, service, name, timeout):
        answer = service.create(session_id=name, timeout=timeout)
        sim.put_ags_session(name, status="AVAILABLE", deployment=answer.deployment)
        assert service.terminate(name, timeout=timeout).success


class Trust(Side):
    """Keys and revocation list are loaded in the background: no caller waits for them."""

    struck = "cannot be loaded from AGS"

    def prepare(self, sim, phase):
        pass

    def call(self, sim, service, name, timeout):
        claims = {"namespace": "studio", "extend_namespace": "studio-game"}
        token = sim.control("POST", "ags/tokens", {"claims": claims})["access_token"]
        end = time.monotonic() + timeout
        while True:
            try:
                return service.create(session_id=name, timeout=timeout,
                                      metadata=[("authorization", "Bearer " + token)])
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                    raise
            time.sleep(0.05)


def no_keys(**settings):
    return {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, **settings}


def ags(url, **settings):
    return {"AB_BASE_URL": url, "AB_CLIENT_ID": "sim-client", "AB_CLIENT_SECRET": "sim-secret",
            **settings}


def guarded(url):
    return ags(url, PLUGIN_GRPC_SERVER_AUTH_ENABLED="true", REFRESH_INTERVAL=1)


def instance(url):
    return no_keys(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT=url)


ROLE = "arn:aws:iam::123456789012:role/sim"
SIDES = {
    "AssumeRole": Side(lambda url: no_keys(
        AWS_PROFILE="role", AWS_CONFIG_FILE=HOME / "config", AWS_ENDPOINT_URL_STS=url)),
    "AssumeRoleWithWebIdentity": Side(lambda url: no_keys(
        AWS_ROLE_ARN=ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=HOME / "web", AWS_ENDPOINT_URL_STS=url)),
    "ContainerCredentials": Side(lambda url: no_keys(
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{url}/v2/credentials/some-id")),
    "ImdsToken": Side(instance),
    "ImdsCredentials": Side(instance),
    "TokenGrantV3": Token(ags),
    "GetJWKSV3": Trust(guarded),
    "GetRevocationListV3": Trust(guarded),
}


def write_files():
    (HOME / "config").write_text(
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = base\n"
        f"[profile base]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    (HOME / "web").write_text("sim-web-identity")


# ---- what callers are to see ---------------------------------------------------------------------


# The answer to a call that waits for what cannot be had.
LASTING = {
    "refused": "UNAVAILABLE", "reset": "UNAVAILABLE", "half body": "UNAVAILABLE", "slow": OK,
    "silent": "DEADLINE_EXCEEDED", "400": "INTERNAL", "403": "INTERNAL", "500": "UNAVAILABLE",
    "throttled": "UNAVAILABLE", "wrong text": "INTERNAL",
}
PASSING = {"refused", "reset", "half body", "slow", "500", "throttled"}  # what another try mends
STS = {"403": "PERMISSION_DENIED", "throttled": "RESOURCE_EXHAUSTED"}


def of_credentials(operation, fault, once):
    if once and (fault in PASSING or operation == "ContainerCredentials"):
        return OK  # a container's endpoint is asked again whatever it says
    return STS.get(fault, LASTING[fault]) if operation.startswith("Assume") else LASTING[fault]


def of_instance(operation, fault, once):
    """Whether there is an instance metadata service shows at the start, which ends with a sentence if
    there is none. Each is asked once; without a token the first version of the service will do."""
    if fault == "slow":
        return OK
    if operation == "ImdsToken" and fault not in ("refused", "400", "wrong text"):
        return OK
    if operation == "ImdsToken" and fault == "wrong text" and once:
        return OK
    if fault in ("500", "throttled"):
        return (OK, LASTING[fault]) if once else LASTING[fault]  # told for as long as a pause takes
    # libcurl itself sends once more what meets an idle connection that breaks.
    return (OK, NO_START) if once and fault == "reset" else NO_START


def of_token(fault, once):
    if once or fault == "slow":
        return "DEADLINE_EXCEEDED" if fault == "silent" else OK  # it is fetched at the start already
    # It is asked for again for as long as somebody waits.
    return ("DEADLINE_EXCEEDED", "UNAVAILABLE") if fault in PASSING else LASTING[fault]


def expected(operation, fault, phase):
    once = phase == "first, once"
    if phase.startswith("renewal"):
        return OK
    if operation.startswith("Imds"):
        answer = of_instance(operation, fault, once)
    elif operation == "TokenGrantV3":
        answer = of_token(fault, once)
    elif isinstance(SIDES[operation], Trust):
        answer = OK if fault == "slow" or once and fault != "silent" else "UNAVAILABLE"
    else:
        answer = of_credentials(operation, fault, once)
    if fault == "refused" and once:
        for_good = expected(operation, fault, PHASES[1])  # all tries may come while it is shut
        return (OK, *(() if for_good == OK else (for_good,) if isinstance(for_good, str) else for_good))
    return answer


# ---- a cell --------------------------------------------------------------------------------------


class Cell:
    def __init__(self, sim, operation, fault, phase):
        self.sim, self.operation, self.fault, self.phase = sim, operation, fault, phase
        self.side = SIDES[operation]
        self.numbers = itertools.count()
        self.bad = []

    def strike(self, door):
        if self.fault == "refused":
            door.shut()
            return
        rule = {"operation": self.operation, **FAULTS[self.fault]}
        if self.phase == "first, once":
            rule["count"] = 1
        if self.fault == "throttled" and self.operation.startswith("AssumeRole"):
            rule.update(kind="throttle", status=400)
        self.sim.fault(**rule)

    def end_fault(self, door):
        self.sim.no_faults()
        door.open()

    def has_struck(self, service):
        if self.fault == "refused":
            return self.side.struck in service.output()
        return any(rule["hits"] > 0 for rule in self.sim.control("GET", "faults"))

    def outcome(self, service, timeout):
        try:
            self.side.call(self.sim, service, f"cell{next(self.numbers)}", timeout)
            return OK
        except grpc.RpcError as error:
            return error.code().name

    def check_next(self, service, door):
        """A refusal may be repeated for as long as the pause between fetches takes."""
        self.end_fault(door)
        end = time.monotonic() + 8
        while (got := self.outcome(service, 20)) != OK and time.monotonic() < end:
            time.sleep(0.1)
        if got != OK:
            self.bad.append(f"the next call is {got}")

    def first(self, door, where):
        self.strike(door)
        timer = threading.Timer(0.05, door.open)
        if self.phase == "first, once":
            timer.start()
        silent = self.fault == "silent" and self.phase == "first, for good"
        try:
            service = self.side.service(self.sim, where)
        except AssertionError as error:
            assert "ended with 1 instead of starting" in str(error), error
            return NO_START
        with running(service):
            got = self.outcome(service, SILENCE_S if silent else CALLER_S)
            if got != OK and self.sim.sessions() and self.operation != "TokenGrantV3":
                self.bad.append(f"a session although the call is {got}")
            self.check_next(service, door)
        return got

    def renewal(self, door, where):
        with running(self.side.service(self.sim, where)) as service:
            before = self.outcome(service, 20)
            if before != OK:
                self.bad.append(f"the call before is {before}")
            self.strike(door)
            eventually(lambda: self.has_struck(service), "it strikes")
            got = self.outcome(service, SHORT * 2)
            self.check_next(service, door)
        return got

    def run(self):
        self.sim.control("POST", "reset")
        self.side.prepare(self.sim, self.phase)
        with running(Door(self.sim.url)) as door:
            where = door.url if self.fault == "refused" else self.sim.url
            if self.phase.startswith("first"):
                got = self.first(door, where)
            else:
                got = self.renewal(door, where)
        wanted = expected(self.operation, self.fault, self.phase)
        if got not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            self.bad.append(f"{got} instead of {wanted}")
        return got


# ---- all of them ---------------------------------------------------------------------------------


def makes_sense(operation, fault, phase):
    """An AGS whose port is closed gives no sessions either: upstream_fault_matrix.py has that."""
    return (operation, fault, phase) != ("TokenGrantV3", "refused", "renewal, for good")


def is_wanted(operation, fault, phase):
    """A fifth of them in every run of the tests; neighbours differ in row and column."""
    place = (list(SIDES).index(operation) + list(FAULTS).index(fault) + PHASES.index(phase))
    return bool(harness.NAMED) or place % 5 == 0


def run_cells(cells):
    """{cell: (what the caller saw, what was wrong)}"""
    own = threading.local()
    with contextlib.ExitStack() as stack:
        lock = threading.Lock()

        def run(cell):
            if not hasattr(own, "sim"):
                own.sim = Sim()
                with lock:
                    stack.enter_context(running(own.sim))
            one = Cell(own.sim, *cell)
            try:
                return one.run(), one.bad
            except Exception as error:
                return type(error).__name__, [*one.bad, str(error)]

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(cells, pool.map(run, cells)))


def stated():
    """The outcomes as a table for people, as docs/reliability.md has it."""
    lines = ["| fault | " + " | ".join(f"`{s}`" for s in SIDES) + " |", "|---" * (len(SIDES) + 1) + "|"]
    for fault in FAULTS:
        row = []
        for operation in SIDES:
            seen = [expected(operation, fault, phase) for phase in PHASES[:2]]
            seen = [" or ".join(w) if isinstance(w, tuple) else w for w in seen]
            row.append(seen[0] if seen[0] == seen[1] else f"{seen[0]}; {seen[1]}")
        lines.append(f"| {fault} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def main():
    if harness.NAMED == ["table"]:
        print(stated())
        return
    print(__doc__.strip().splitlines()[0], flush=True)
    write_files()
    cells = [cell for cell in itertools.product(SIDES, FAULTS, PHASES)
             if makes_sense(*cell) and is_wanted(*cell)
             and (not harness.NAMED or "all" in harness.NAMED or cell[0] in harness.NAMED)]
    results = run_cells(cells)
    bad = 0
    for (operation, fault, phase), (got, wrong) in results.items():
        print(f"{'FAILED  ' if wrong else 'ok      '}{operation}, {fault}, {phase}: {got}")
        for text in wrong:
            bad += 1
            print(f"        {text}")
    if stated() not in (harness.ROOT / "docs" / "reliability.md").read_text():
        bad += 1
        print("FAILED  docs/reliability.md has another table; see `table`")
    print(f"{len(cells)} cells, {bad} faults found")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
