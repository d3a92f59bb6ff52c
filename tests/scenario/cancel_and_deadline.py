#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A caller that gives up ends the request to GameLift as well."""
import contextlib
import time

from harness import CODE, SHORT, Service, Upstream, eventually, fails, running, send_answer, story
from instrumented import WRAPPER
from metrics import scrape, value


@contextlib.contextmanager
def silent_gamelift(**settings):
    """A GameLift that never answers, and a service on it."""
    def behave(connection, _):
        upstream.wait_for_close(connection)
    with running(Upstream(behave)) as upstream, running(Service(upstream.url, **settings)) as service:
        yield upstream, service


def cancel_ends_the_request():
    """When the client cancels, the request to GameLift is broken off at once"""
    with silent_gamelift() as (upstream, service):
        call = service.create_soon()
        eventually(lambda: upstream.requests, "GameLift is asked")
        began = time.monotonic()
        call.cancel()
        eventually(lambda: upstream.closed, "the connection to GameLift closes")
        assert upstream.closed[0] - began < 5
        assert call.code() == CODE.CANCELLED
        assert len(upstream.requests) == 1, "it was tried again for nobody"


def lost_client_ends_the_request():
    """When the client's connection is gone, so is the request to GameLift"""
    with silent_gamelift() as (upstream, service):
        call = service.create_soon()
        eventually(lambda: upstream.requests, "GameLift is asked")
        service.stubs.close()
        eventually(lambda: upstream.closed, "the connection to GameLift closes")
        assert call.code() == CODE.CANCELLED
        assert len(upstream.requests) == 1


def deadline_ends_the_request():
    """When the client's deadline passes, the request to GameLift is broken off"""
    with silent_gamelift() as (upstream, service):
        began = time.monotonic()
        fails(lambda: service.create(timeout=SHORT), CODE.DEADLINE_EXCEEDED)
        eventually(lambda: upstream.closed, "the connection to GameLift closes")
        assert SHORT - 0.1 < upstream.closed[0] - began < SHORT + 5
        assert len(upstream.requests) == 1


def default_deadline_applies_to_patient_clients():
    """A client without a deadline gets the service's own, REQUEST_TIMEOUT_MS"""
    with silent_gamelift(REQUEST_TIMEOUT_MS=SHORT * 1000) as (upstream, service):
        began = time.monotonic()
        fails(lambda: service.create(timeout=None), CODE.DEADLINE_EXCEEDED)
        assert SHORT - 0.1 < time.monotonic() - began < SHORT + 5
        eventually(lambda: upstream.closed, "the connection to GameLift closes")


def no_region_is_asked_after_the_deadline():
    """The deadline is one for all regions: none is asked after it"""
    with silent_gamelift() as (upstream, service):
        fails(lambda: service.create(timeout=SHORT, requested_region=["us-east-1", "us-west-2"]),
              CODE.DEADLINE_EXCEEDED)
        eventually(lambda: upstream.closed, "the connection to GameLift closes")
        time.sleep(0.2)
        asked = len(upstream.requests)
        time.sleep(0.5)
        assert len(upstream.requests) == asked


def cancel_stops_the_retries():
    """A cancel while the service waits for its next attempt stops the attempts"""
    def behave(connection, _):
        send_answer(connection, 503, b"", "Retry-After: 5")
    with running(Upstream(behave)) as upstream, running(Service(upstream.url)) as service:
        call = service.create_soon()
        eventually(lambda: upstream.requests, "GameLift is asked")
        time.sleep(0.1)
        call.cancel()
        eventually(lambda: any(e["msg"] == "finished call" for e in service.log()),
                   "the call ends", 3)
        (line,) = [e for e in service.log() if e["msg"] == "finished call"]
        assert line["grpc.code"] == "Canceled", line
        assert len(upstream.requests) == 1


def hopeless_wait_is_not_begun():
    """If the deadline comes before the next attempt could, the caller hears the reason at once"""
    def behave(connection, _):
        send_answer(connection, 503, b"", "Retry-After: 5")
    with running(Upstream(behave)) as upstream, running(Service(upstream.url)) as service:
        began = time.monotonic()
        fails(lambda: service.create(timeout=3), CODE.UNAVAILABLE, "503")
        assert time.monotonic() - began < 2.5


def many_cancels_leave_nothing_behind():
    """After a thousand cancelled calls no connection and no call is left"""
    # Under a wrapper the service is so slow that a thousand at once look like a flood to it.
    many = 20 if WRAPPER else 1000
    with silent_gamelift() as (upstream, service):
        calls = [service.create_soon(session_id=f"s-{n}") for n in range(many)]

        def have_arrived():
            ended = [call.details() for call in calls if call.done()]
            assert not ended, f"{len(ended)} calls ended by themselves: {ended[:3]}"
            return value(scrape(service), "session_dsm_calls_in_flight") == many
        # A call that is cancelled before the service has heard of it leaves nothing to look for.
        eventually(have_arrived, "every call has arrived", 60)
        for call in calls:
            call.cancel()
        eventually(lambda: sum(e["msg"] == "finished call" for e in service.log()) == many,
                   "every call ends", 60)
        eventually(lambda: len(upstream.closed) == len(upstream.requests),
                   "every connection to GameLift closes", 60)
        assert service.health() == 1


if __name__ == "__main__":
    story([
        cancel_ends_the_request, lost_client_ends_the_request, deadline_ends_the_request,
        default_deadline_applies_to_patient_clients, no_region_is_asked_after_the_deadline,
        cancel_stops_the_retries, hopeless_wait_is_not_begun,
        many_cancels_leave_nothing_behind,
    ], shared=False)
