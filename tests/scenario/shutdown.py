#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM lets calls in flight finish; nothing that was accepted is lost."""
import signal
import threading
import time

import grpc
from harness import CODE, SHORT, WRAPPER, Service, Sim, Stubs, Upstream, eventually, fails, running, story


LARGE = {"home_region": "us-east-1",
         "fleets": [{"id": "fleet-demo", "locations": [{"name": "us-east-1", "capacity": 1000}]}],
         "aliases": [{"id": "alias-demo", "fleet": "fleet-demo"}]}


def told_to_stop(service):
    eventually(lambda: any(e["msg"] == "stopping" for e in service.log()), "it says it is stopping")


def drains(number):
    with running(Sim()) as sim, running(Service(sim.url)) as service:
        sim.fault(kind="slow", delay_ms=1200)
        calls = [service.create_soon(session_id=f"slow-{n}") for n in range(50)]
        eventually(lambda: sim.control("GET", "faults")[0]["hits"] == 50, "GameLift is asked")
        service.signal(number)
        told_to_stop(service)
        late = Stubs(service.target)
        fails(lambda: late.create(timeout=5, session_id="late"), CODE.UNAVAILABLE)
        late.close()
        assert {call.result().status for call in calls} == {"READY"}
        assert service.wait() == 0
        assert "stopped" in [line["msg"] for line in service.log()], service.log()[-1]
        assert len(sim.sessions()) == 50


def sigterm_lets_calls_finish():
    """SIGTERM: calls in flight are answered, new ones refused, the exit status is 0"""
    drains(signal.SIGTERM)


def sigint_lets_calls_finish():
    """SIGINT does the same"""
    drains(signal.SIGINT)


def idle_service_stops_at_once():
    """An idle service, with clients connected, stops within a second or two"""
    with running(Sim()) as sim, running(Service(sim.url)) as service:
        service.create()
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        took = time.monotonic() - began
        assert took < 3, f"it took {took:.1f} s"


def grace_time_is_kept():
    """What outlasts SHUTDOWN_GRACE is cancelled, and the exit status is still 0"""
    with running(Sim()) as sim, running(Service(sim.url, SHUTDOWN_GRACE=1)) as service:
        sim.fault(kind="black_hole")
        call = service.create_soon()
        eventually(lambda: sim.control("GET", "faults")[0]["hits"] == 1, "GameLift is asked")
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        assert 0.9 < time.monotonic() - began < 6
        assert call.code() in (CODE.UNAVAILABLE, CODE.CANCELLED), call.code()


def balancers_get_time_to_notice():
    """During SHUTDOWN_DELAY health says NOT_SERVING, yet who has not noticed is still served"""
    with running(Sim()) as sim, running(Service(sim.url, SHUTDOWN_DELAY=2)) as service:
        assert service.health() == 1
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        told_to_stop(service)
        late = Stubs(service.target)
        assert late.health() == 2
        assert late.create(session_id="late").status == "READY"
        late.close()
        assert service.wait() == 0
        assert time.monotonic() - began >= 2


def callers_that_heed_health_lose_no_call():
    """SIGTERM under load: a caller that stops once health says NOT_SERVING has every call answered"""
    with running(Sim(world=LARGE)) as sim, running(Service(sim.url, SHUTDOWN_DELAY=2)) as service:
        states = service.channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=service.messages["HealthCheckRequest"].SerializeToString,
            response_deserializer=service.messages["HealthCheckResponse"].FromString)(
            service.messages["HealthCheckRequest"]())
        assert next(states).status == 1
        noticed = threading.Event()

        def wait_for_change():
            if next(states).status == 2:
                noticed.set()

        threading.Thread(target=wait_for_change, daemon=True).start()
        sim.fault(kind="slow", delay_ms=300)
        calls, since = [], 0
        while since < 50:  # nobody heeds it in the same moment
            calls.append(service.create_soon(session_id=f"load-{len(calls)}"))
            if len(calls) == 100:
                service.signal(signal.SIGTERM)
            since += noticed.is_set()
            assert len(calls) < 900
            time.sleep(0.005)
        assert {call.code() for call in calls} == {CODE.OK}
        assert service.wait() == 0
        assert len(sim.sessions()) == len(calls)


def second_signal_ends_at_once():
    """A second signal does not wait for anything"""
    with running(Sim()) as sim:
        service = Service(sim.url)
        try:
            sim.fault(kind="black_hole")
            call = service.create_soon()
            eventually(lambda: sim.control("GET", "faults")[0]["hits"] == 1, "GameLift is asked")
            service.signal(signal.SIGTERM)
            told_to_stop(service)
            began = time.monotonic()
            service.signal(signal.SIGTERM)
            assert service.wait() == 128 + signal.SIGTERM
            assert time.monotonic() - began < 2
            assert call.code() == CODE.UNAVAILABLE
        finally:
            service.stubs.close()
            service.kill()


def signals_under_load_lose_nothing():
    """Under a stream of calls, whatever started a game session is answered, the rest is refused"""
    # A service that is slowed down so much that a burst outlasts its connect timeout loses these calls.
    burst = 40 if WRAPPER else 200
    with running(Sim(world=LARGE)) as sim, running(Service(sim.url)) as service:
        calls = [service.create_soon(session_id=f"before-{n}") for n in range(burst)]
        eventually(lambda: sum(call.done() for call in calls) > burst // 4, "calls are answered")
        service.signal(signal.SIGTERM)
        calls += [service.create_soon(session_id=f"after-{n}") for n in range(burst)]
        codes = [call.code() for call in calls]
        # The C core answers CANCELLED to what it had not yet handed over when it was shut down.
        assert set(codes) <= {CODE.OK, CODE.UNAVAILABLE, CODE.CANCELLED}, set(codes)
        assert codes.count(CODE.OK) > burst // 4, codes
        assert service.wait() == 0
        answered = {call.result().server_id for call in calls if call.code() == CODE.OK}
        started = {s["GameSessionId"] for s in sim.sessions()}
        assert answered == started, "game sessions were started whose caller never heard of them"


def starts_again_on_the_same_port():
    """The port is free for the next process at once"""
    with running(Sim()) as sim:
        with running(Service(sim.url)) as first:
            first.create()
            port = first.target.rsplit(":", 1)[1]
        with running(Service(sim.url, GRPC_PORT=port)) as second:
            assert second.create().status == "READY"
            assert isinstance(second.channel, grpc.Channel)


def serves_at_once_whoever_is_silent():
    """It serves within a second, though neither AGS nor who hands out AWS credentials ever answers"""
    with running(Upstream(lambda connection, _: silent.wait_for_close(connection))) as silent:
        took = []
        for _ in range(3):  # the quickest counts, as the machine may do other things
            began = time.monotonic()
            with running(Service("http://127.0.0.1:9", AB_BASE_URL=silent.url, SHUTDOWN_GRACE=0,
                                 PLUGIN_GRPC_SERVER_AUTH_ENABLED="true", AWS_ACCESS_KEY_ID=None,
                                 AWS_SECRET_ACCESS_KEY=None,
                                 AWS_CONTAINER_CREDENTIALS_FULL_URI=silent.url + "/c")) as service:
                assert service.health() == 1
                took.append(time.monotonic() - began)
        assert min(took) < SHORT, took


if __name__ == "__main__":
    story([
        sigterm_lets_calls_finish, sigint_lets_calls_finish, idle_service_stops_at_once,
        grace_time_is_kept, balancers_get_time_to_notice, callers_that_heed_health_lose_no_call,
        second_signal_ends_at_once, signals_under_load_lose_nothing,
        starts_again_on_the_same_port, serves_at_once_whoever_is_silent,
    ], shared=False)
