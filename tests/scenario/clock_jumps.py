#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The machine's clock is set while the service runs, by minutes, hours and years, forward and back.

The clock is that of the service alone (clock.c); GameLift, AGS and the callers keep theirs.
"""
import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import time

from authorization import token
from harness import CODE, PATIENCE, SHORT, WRAPPER, Service, Sim, eventually, fails, preloaded, program, running, \
    story
from metrics import fetch

MINUTE, HOUR, YEAR = 60, 3600, 365 * 86400
JUMPS = [7 * MINUTE, -7 * MINUTE, 5 * HOUR, -5 * HOUR, 12 * YEAR, -12 * YEAR, 0]  # seconds from the right time
SETTINGS, PING = 4, 6
HTTP2_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])
AGE = 10.2  # seconds after which AWS credentials that are refused are fetched anew
FOLDER = tempfile.TemporaryDirectory(prefix="dsm-clock-")
WORLD = {
    "home_region": "us-east-1", "placement_ms": 100,
    "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 1000}]},
               {"id": "fleet-full", "locations": [{"name": "us-east-1", "capacity": 0}]}],
    "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}, {"id": "alias-full", "fleet": "fleet-full"}],
    "queues": [{"name": "demo-queue", "destinations": ["alias-demo"], "timeout_ms": 60000},
               {"name": "full-queue", "destinations": ["alias-full"], "timeout_ms": 200}],
}


class Clock:
    """Of one service. What waits for a time of day notices within a moment that it was set."""

    def __init__(self):
        handle, name = tempfile.mkstemp(dir=FOLDER.name)
        os.close(handle)
        self.file = pathlib.Path(name)
        self.set(0)

    def set(self, seconds):
        with self.file.open("r+b") as file:
            file.write(struct.pack("=q", int(seconds * 1e9)))

    def settings(self):
        return preloaded("clock", CLOCK_FILE=self.file)


@contextlib.contextmanager
def world(ahead=0, **settings):
    clock = Clock()
    clock.set(ahead)
    with running(Sim(world=WORLD)) as sim, \
            running(Service(sim.url, **{**sim.ags_settings(), **clock.settings(), **settings})) as service:
        yield sim, service, clock


def container(sim):
    return {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{sim.url}/v2/credentials/some-id"}


def cpu_seconds(service):
    fields = pathlib.Path(f"/proc/{service.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def assert_at_rest(service):
    before = cpu_seconds(service)
    time.sleep(0.5)
    assert cpu_seconds(service) - before < 0.2, "it loops"


# ---- the promises --------------------------------------------------------------------------------


def calls_in_flight_are_answered():
    """The clock is set while calls are in flight: each is answered, and so are the next"""
    with world() as (sim, service, clock):
        for seconds in JUMPS:
            sim.fault(kind="slow", delay_ms=300, operation="CreateGameSession")
            calls = [service.create_soon(session_id=f"flight{seconds}-{n}") for n in range(5)]
            eventually(lambda: sim.control("GET", "faults")[0]["hits"] == 5, "they are all on their way")
            clock.set(seconds)
            assert {call.result().status for call in calls} == {"READY"}
            sim.no_faults()
            assert service.create(session_id=f"next{seconds}").status == "READY"
            assert service.health() == 1
            fetch(service)
            assert_at_rest(service)
        assert len(sim.sessions()) == 6 * len(JUMPS)


def starts_with_a_wrong_clock():
    """A clock that is wrong from the start: the same"""
    for seconds in (5 * HOUR, -12 * YEAR):
        with world(ahead=seconds) as (_, service, clock):
            assert service.create(session_id="wrong").status == "READY"
            clock.set(0)
            assert service.create(session_id="right").status == "READY"
            assert_at_rest(service)


def signatures_follow():
    """One refusal tells by how much the clock is off; from then on the first try is good"""
    with world() as (sim, service, clock):
        service.create(session_id="s")
        for n, seconds in enumerate(JUMPS):
            clock.set(seconds)
            sim.forget_requests()
            service.create(session_id=f"first{n}")
            assert sim.attempts() == [1, 2], sim.attempts()
            sim.forget_requests()
            service.create(session_id=f"second{n}")
            assert sim.attempts() == [1], sim.attempts()
        clock.set(3 * MINUTE)
        sim.forget_requests()
        service.create(session_id="near-enough")
        assert sim.attempts() == [1], sim.attempts()


def no_deadline_stalls():
    """A call that waits ends at its deadline, whatever the clock was set to meanwhile"""
    with world(REQUEST_TIMEOUT_MS=1500 * SHORT) as (sim, service, clock):
        for seconds in JUMPS:
            sim.no_faults()
            sim.fault(kind="black_hole", operation="CreateGameSession")
            began = time.monotonic()
            calls = [service.create_soon(session_id=f"own{seconds}", timeout=SHORT),
                     service.create_soon(session_id=f"limit{seconds}", timeout=None)]
            eventually(lambda: sim.control("GET", "faults")[0]["hits"] == 2, "both wait")
            clock.set(seconds)
            codes = {call.code() for call in calls}
            assert codes == {CODE.DEADLINE_EXCEEDED}, codes
            took = time.monotonic() - began
            assert 1.4 * SHORT < took < 20 * SHORT, took
            assert_at_rest(service)


def silent_connections_are_asked_all_the_same():
    """A connection of which nothing is heard is asked whether it lives, however far the clock went back"""
    command = [*WRAPPER, program("tests/scenario/echo_server"), "-k", "2000"]
    for seconds in (-7 * MINUTE, -12 * YEAR, 5 * HOUR):
        clock = Clock()
        environment = {k: str(v) for k, v in {**os.environ, **clock.settings()}.items()}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        try:
            port = int(server.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                connection.sendall(HTTP2_OPENING)
                frames = connection.makefile("rb")
                while frame_kind(frames) != SETTINGS:
                    pass
                clock.set(seconds)
                while frame_kind(frames) != PING:
                    pass
            server.terminate()
            assert server.wait(20) == 0
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


def frame_kind(file):
    head = file.read(9)
    file.read(int.from_bytes(head[:3], "big"))
    return head[3]


def the_token_of_ags_is_kept():
    """AGS's token is good for as long as AGS said, whatever the clock says"""
    with world() as (sim, service, clock):
        for n, seconds in enumerate(JUMPS):
            clock.set(seconds)
            answer = service.create(session_id=f"s{n}")
            sim.put_ags_session(f"s{n}", status="AVAILABLE", deployment=answer.deployment)
            assert service.terminate(f"s{n}").success
        assert sim.operations().count("TokenGrantV3") == 1, sim.operations()


def credentials_are_renewed_when_they_seem_to_have_expired():
    """A clock that is ahead of the credentials' end: they are fetched anew, and used; once, and no more"""
    with running(Sim()) as sim:
        clock = Clock()
        with running(Service(sim.url, **container(sim), **clock.settings())) as service:
            for n, seconds in enumerate((0, 5 * HOUR, 12 * YEAR)):
                clock.set(seconds)
                assert service.create(session_id=f"s{n}").status == "READY"
                assert service.create(session_id=f"t{n}").status == "READY"
                time.sleep(1)
                assert sim.operations().count("ContainerCredentials") == n + 1, sim.operations()
            clock.set(0)
            assert service.create(session_id="right-again").status == "READY"
            assert_at_rest(service)


def credentials_that_seem_good_for_ever_are_renewed():
    """A clock that is behind: credentials that AWS takes for expired are fetched anew"""
    with running(Sim()) as sim:
        clock = Clock()
        with running(Service(sim.url, **container(sim), **clock.settings())) as service:
            service.create(session_id="before")
            time.sleep(AGE)
            clock.set(-12 * YEAR)
            sim.control("POST", "credentials/expire")
            assert service.create(session_id="after").status == "READY"
            assert sim.operations().count("ContainerCredentials") == 2


def a_role_that_has_always_expired_is_said_to_be():
    """Credentials of STS that have expired by this clock are not used: calls fail with a word about the
    clock, and succeed once it is right"""
    files = pathlib.Path(tempfile.mkdtemp(dir=FOLDER.name))
    (files / "web").write_text("sim-web-identity")
    with running(Sim()) as sim:
        clock = Clock()
        with running(Service(sim.url, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None,
                             AWS_ROLE_ARN="arn:aws:iam::123456789012:role/sim", AWS_ENDPOINT_URL_STS=sim.url,
                             AWS_WEB_IDENTITY_TOKEN_FILE=files / "web", **clock.settings())) as service:
            assert service.create(session_id="right").status == "READY"
            clock.set(5 * HOUR)
            fails(lambda: service.create(session_id="ahead"), CODE.INTERNAL, "clock")
            assert_at_rest(service)
            clock.set(0)
            eventually(lambda: created(service), "it is used again")


def created(service):
    with contextlib.suppress(Exception):
        return service.create(session_id="again", timeout=5).status == "READY"
    return False


def callers_tokens_are_judged_by_the_clock():
    """A caller's token is refused where the clock says that it has expired, and taken when it is right
    again; keys and lists are not fetched more often"""
    with world(PLUGIN_GRPC_SERVER_AUTH_ENABLED="true") as (sim, service, clock):
        metadata = [("authorization", "Bearer " + token(sim))]

        def call(name):
            return service.create(session_id=name, metadata=metadata, timeout=5)
        eventually(lambda: '"ready"' in service.output() or quiet(lambda: call("early")), "it has the keys")
        for n, seconds in enumerate((5 * HOUR, 12 * YEAR)):
            clock.set(seconds)
            fails(lambda: call("expired"), CODE.UNAUTHENTICATED)
            clock.set(0)
            assert call(f"right{n}").status == "READY"
        clock.set(-12 * YEAR)
        quiet(lambda: call("behind"))
        clock.set(0)
        assert call("last").status == "READY"
        assert sim.operations().count("GetJWKSV3") == 1, sim.operations()


def quiet(call):
    with contextlib.suppress(Exception):
        return call().status == "READY"
    return False


def placements_are_reported():
    """What became of a placement gets to AGS, whatever the clock says"""
    for seconds in (5 * HOUR, -5 * HOUR, -12 * YEAR):
        with world(ahead=seconds, PLACEMENT_POLL="true") as (sim, service, _):
            name = f"order{seconds}"
            sim.put_ags_session(name, status="REQUESTED")
            assert service.create_async(session_id=name, deployment="full-queue").success

            def told():
                return sim.control("GET", f"ags/sessions/studio-game/{name}")["history"]
            eventually(told, f"AGS hears of it at {seconds} s", 40)


def servers_are_ended_when_their_time_has_come():
    """How long ago a placement ended is told by GameLift's clock: soon after, AGS's word may be an older one
    and a server that it does not want stays; later it is ended"""
    for seconds in (5 * HOUR, -5 * HOUR):
        with world(ahead=seconds, PLACEMENT_POLL="true") as (sim, service, _):
            def order(name, queue="demo-queue"):
                sim.put_ags_session(name, status="FAILED_TO_REQUEST")
                assert service.create_async(session_id=name, deployment=queue).success
                placed = eventually(lambda: [p for p in sim.placements() if p["PlacementId"] == name
                                             and p["Status"] == "FULFILLED"], "it is placed")
                return placed[0]["GameSessionArn"]

            def status(arn):
                return [s["Status"] for s in sim.sessions() if s["GameSessionId"] == arn]
            early = order("early")
            eventually(lambda: sim.operations().count("DescribeGameSessionPlacement") >= 3, "it is looked at")
            assert status(early) == ["ACTIVE"], (seconds, status(early))
            sim.control("POST", "clock", {"offset_ms": -60_000})
            late = order("late")
            eventually(lambda: status(late) != ["ACTIVE"], f"it is ended at {seconds} s")


def ends_in_time():
    """SIGTERM, and then the clock is set: it ends within its grace"""
    for seconds in (-5 * HOUR, 12 * YEAR):
        with world(SHUTDOWN_GRACE=1) as (sim, service, clock):
            sim.fault(kind="black_hole")
            call = service.create_soon(session_id="held")
            eventually(lambda: "CreateGameSession" in sim.operations(), "it waits")
            service.signal(15)
            clock.set(seconds)
            assert call.code() in (CODE.UNAVAILABLE, CODE.CANCELLED), call.code()
            service.wait(20)


if __name__ == "__main__":
    story([
        calls_in_flight_are_answered, starts_with_a_wrong_clock, signatures_follow, no_deadline_stalls,
        silent_connections_are_asked_all_the_same, the_token_of_ags_is_kept,
        credentials_are_renewed_when_they_seem_to_have_expired,
        credentials_that_seem_good_for_ever_are_renewed, a_role_that_has_always_expired_is_said_to_be,
        callers_tokens_are_judged_by_the_clock, placements_are_reported,
        servers_are_ended_when_their_time_has_come, ends_in_time,
    ], shared=False)
