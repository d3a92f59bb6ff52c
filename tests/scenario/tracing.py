#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Traces: callers' traces are joined, each upstream attempt shows, collectors cannot do harm."""
import json
import re
import time

import grpc
from harness import (CODE, Service, Sim, Upstream, eventually, fails, running, send_answer, story)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
UNSAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)
METHOD = "accelbyte.session.sessiondsm.SessionDsm/"
HEADERS = ("traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid")


class Collector(Upstream):
    """Takes reports of either format and answers with a status; None: never answers."""

    def __init__(self, status=202, otlp=False):
        self.status = status
        self.otlp = otlp
        super().__init__(self.answer)

    def answer(self, connection, request):
        if self.status is None:
            self.wait_for_close(connection)
        send_answer(connection, self.status, b"{}")

    def reports(self):
        return [json.loads(r.body) for r in self.requests]

    def spans(self):
        if not self.otlp:
            return [span for report in self.reports() for span in report]
        return [span for report in self.reports() for resource in report["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]]

    def wait_for(self, n):
        eventually(lambda: len(self.spans()) >= n, f"{n} spans come, not {self.spans()}")
        return self.spans()

    def settings(self):
        """Reports every 50 ms, so that nobody has to wait."""
        where = "OTLP_ENDPOINT" if self.otlp else "ZIPKIN_ENDPOINT"
        path = "" if self.otlp else "/api/v2/spans"
        return {f"OTEL_EXPORTER_{where}": self.url + path, "OTEL_BSP_SCHEDULE_DELAY": 50}


def is_zipkin_v2(span):
    """The rules of https://zipkin.io/zipkin-api/zipkin2-api.yaml for one span."""
    known = {"traceId": str, "id": str, "parentId": str, "kind": str, "name": str,
             "timestamp": int, "duration": int, "debug": bool, "shared": bool,
             "localEndpoint": dict, "remoteEndpoint": dict, "annotations": list, "tags": dict}
    for key, value in span.items():
        assert key in known and isinstance(value, known[key]), f"{key}: {value!r}"
    assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"]), span
    assert re.fullmatch(r"[0-9a-f]{16}", span["id"]), span
    assert re.fullmatch(r"[0-9a-f]{16}", span.get("parentId", PARENT)), span
    assert span["kind"] in ("CLIENT", "SERVER"), span
    assert span["duration"] >= 1, span
    assert abs(span["timestamp"] / 1e6 - time.time()) < 600, span
    for endpoint in ("localEndpoint", "remoteEndpoint"):
        name = span.get(endpoint, {"serviceName": "x"})["serviceName"]
        assert name and name == name.lower(), span
    assert all(isinstance(value, str) for value in span["tags"].values()), span
    assert ("error" in span["tags"]) == ("otel.status_code" in span["tags"]), span


def by_kind(spans):
    servers = [s for s in spans if s["kind"] == "SERVER"]
    clients = [s for s in spans if s["kind"] == "CLIENT"]
    return servers, sorted(clients, key=lambda s: s["timestamp"])


def finished_calls(service, n):
    """The log's lines of n calls; the log is written a moment after the answer."""
    def found():
        lines = [line for line in service.log() if line.get("msg") == "finished call"]
        return lines if len(lines) == n else None
    return eventually(found, f"{n} calls are logged")


def a_call_is_told_as_zipkin_has_it():
    """A call's spans are good Zipkin v2, join the caller's trace and say what happened"""
    collector = Collector()
    with running(Sim()) as sim, running(Service(sim.url, **collector.settings())) as service:
        service.create(metadata=SAMPLED)
        spans = collector.wait_for(2)
        for span in spans:
            is_zipkin_v2(span)
            assert span["traceId"] == TRACE
            assert span["localEndpoint"]["serviceName"] == "extend-app-session-dsm"
        (server,), (client,) = by_kind(spans)
        assert server["parentId"] == PARENT and client["parentId"] == server["id"]
        assert server["name"] == METHOD + "CreateGameSession"
        assert server["tags"]["rpc.grpc.status_code"] == "0"
        assert server["tags"]["ags.session_id"] == "story-1"
        assert client["name"] == "GameLift.CreateGameSession"
        assert client["remoteEndpoint"] == {"serviceName": "gamelift"}
        assert client["tags"]["http.status_code"] == "200" and client["tags"]["attempt"] == "1"
        assert client["tags"]["cloud.region"] == "us-east-1" and client["tags"]["aws.request_id"]
        assert server["timestamp"] <= client["timestamp"] + 1000
        assert client["duration"] <= server["duration"] + 1000
        report = collector.requests[0]
        assert (report.method, report.path) == ("POST", "/api/v2/spans")
        assert report.header("content-type") == "application/json"
        assert report.header("b3") == "0"
        for request in sim.control("GET", "requests"):
            names = {name.lower() for name, _ in request["headers"]}
            assert not names & set(HEADERS), f"AWS was told: {names}"
    collector.stop()


def retries_are_seen():
    """Each attempt is a span of its own, failed ones with AWS's name for the error"""
    collector = Collector()
    with running(Sim()) as sim, running(Service(sim.url, **collector.settings())) as service:
        sim.fault(kind="throttle", count=2)
        service.create()
        _, clients = by_kind(collector.wait_for(4))
        assert [c["tags"]["attempt"] for c in clients] == ["1", "2", "3"], clients
        assert "Throttling" in clients[0]["tags"]["error"], clients[0]
        assert "error" not in clients[2]["tags"]
        assert len({c["id"] for c in clients}) == 3
    collector.stop()


def callers_decide_what_is_recorded():
    """Unsampled calls make no span; every form of header is understood; the log has the ids"""
    collector = Collector()
    with running(Sim()) as sim, running(Service(sim.url, **collector.settings())) as service:
        service.create(metadata=UNSAMPLED, session_id="u-1")
        service.create(metadata=(("b3", "0"),), session_id="u-2")
        service.create(metadata=(("x-b3-sampled", "0"),), session_id="u-3")
        service.health()
        trace = "80f198ee56343ba864fe8b2a57d3eff7"
        service.create(metadata=(("x-b3-traceid", trace), ("x-b3-spanid", PARENT),
                                 ("x-b3-sampled", "1")), session_id="s-1")
        spans = collector.wait_for(2)
        assert {s["traceId"] for s in spans} == {trace}, spans
        service.create(metadata=(("b3", f"{TRACE[:16]}-{PARENT}-d"),), session_id="s-2")
        debug = collector.wait_for(4)[2:]
        assert all(s["debug"] and s["traceId"] == "0" * 16 + TRACE[:16] for s in debug), debug
        lines = finished_calls(service, 6)
        for line in lines:
            assert re.fullmatch(r"[0-9a-f]{32}", line["traceID"]), line
            assert re.fullmatch(r"[0-9a-f]{16}", line["spanID"]), line
        assert [line["traceID"] for line in lines][0] == TRACE
        (server,), _ = by_kind(spans)
        assert server["id"] in [line["spanID"] for line in lines]
    collector.stop()


def ags_goes_on_with_the_trace():
    """AGS is told the trace in both forms, as children of its span; the token request is not"""
    def behave(connection, request):
        if request.path.endswith("/token"):
            send_answer(connection, 200, json.dumps(
                {"access_token": "t", "expires_in": 3600, "namespace": "n",
                 "token_type": "Bearer"}).encode())
        else:
            send_answer(connection, 404, b'{"errorMessage":"no such session"}')
    collector = Collector()
    ags = Upstream(behave)
    with running(Sim()) as sim, running(
            Service(sim.url, AB_BASE_URL=ags.url, **collector.settings())) as service:
        call = service.stubs.unary("/" + METHOD + "TerminateGameSession",
                                   "RequestTerminateGameSession", "ResponseTerminateGameSession")
        request = service.stubs.messages["RequestTerminateGameSession"](
            session_id="story-1", namespace="studio-game")
        try:
            call(request, timeout=10, metadata=(*SAMPLED, ("tracestate", "a=1,b=2"),
                                                ("baggage", "user=alice")))
        except grpc.RpcError:
            pass  # AGS does not know the session; what becomes of that is another story
        asked = [r for r in ags.requests if r.method == "GET"]
        _, clients = by_kind(collector.wait_for(2))
        told = {c["id"]: c for c in clients if c["name"] == "GET getGameSession"}
        assert asked and len(told) == len(asked)
        for r in asked:
            span = told[r.header("x-b3-spanid")]
            assert span["tags"]["http.status_code"] == "404"
            assert span["remoteEndpoint"] == {"serviceName": "ags"}
            assert r.header("x-b3-traceid") == TRACE and r.header("x-b3-sampled") == "1"
            assert r.header("traceparent") == f"00-{TRACE}-{span['id']}-01"
            assert r.header("tracestate") == "a=1,b=2" and r.header("baggage") == "user=alice"
        for r in ags.requests:
            if r.path.endswith("/token"):
                assert not any(r.header(name) for name in HEADERS)
    ags.stop()
    collector.stop()


def the_second_exporter_speaks_otlp():
    """The same spans as an OTLP export request, with the headers of the environment"""
    collector = Collector(200, otlp=True)
    more = {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=OtlpKeyValue%200001",
            "OTEL_SERVICE_NAME": "My-App", "OTEL_RESOURCE_ATTRIBUTES": "team=blue%20one"}
    with running(Sim()) as sim, running(
            Service(sim.url, **{**collector.settings(), **more})) as service:
        service.create(metadata=SAMPLED)
        spans = collector.wait_for(2)
        request = collector.requests[0]
        assert request.path == "/v1/traces" and request.header("api-key") == "OtlpKeyValue 0001"
        resource = collector.reports()[0]["resourceSpans"][0]["resource"]["attributes"]
        values = {a["key"]: a["value"]["stringValue"] for a in resource}
        assert values["service.name"] == "extend-app-sd-my-app" and values["team"] == "blue one"
        server = next(s for s in spans if s["kind"] == 2)
        client = next(s for s in spans if s["kind"] == 3)
        assert server["parentSpanId"] == PARENT and client["parentSpanId"] == server["spanId"]
        assert int(server["endTimeUnixNano"]) >= int(server["startTimeUnixNano"])
        assert "OtlpKeyValue" not in service.output() + service.errors()
    collector.stop()


def nothing_secret_is_in_a_span():
    """No session data, secret, key, token or player's address reaches a collector"""
    collector = Collector()
    with running(Sim()) as sim, running(Service(sim.url, **collector.settings())) as service:
        service.create(metadata=(("authorization", "Bearer TokenValue1"),), secret="SecretValue2",
                       session_data=json.dumps({"key": "DataValue3"}))
        fails(lambda: service.create(session_id="two", maximum_player=0,
                                     session_data="DataValue3"), CODE.INVALID_ARGUMENT)
        collector.wait_for(3)
        text = "".join(r.body.decode() for r in collector.requests)
        for value in ("TokenValue1", "SecretValue2", "DataValue3", "client-secret-value",
                      "wJalrXUtnFEMI", "127.0.0.1:" + service.target.split(":")[1]):
            assert value not in text, f"{value} is in {text}"
    collector.stop()


def what_is_left_is_sent_at_the_end():
    """Spans that still wait at SIGTERM are sent before the program ends"""
    collector = Collector()
    with running(Sim()) as sim:
        with running(Service(sim.url, **{**collector.settings(),
                                         "OTEL_BSP_SCHEDULE_DELAY": 600_000})) as service:
            for i in range(10):
                service.create(session_id=f"end-{i}")
            assert collector.requests == []
        assert len(collector.spans()) == 20 and len(collector.requests) == 1
    collector.stop()


def a_bad_collector_does_no_harm():
    """Calls are as quick and the end as clean with a collector that is gone, hangs or refuses"""
    hanging, refusing = Collector(None), Collector(500)
    gone = {"OTEL_EXPORTER_ZIPKIN_ENDPOINT": "http://127.0.0.1:9/", "OTEL_BSP_SCHEDULE_DELAY": 50}
    with running(Sim()) as sim:
        for settings in (gone, hanging.settings(), refusing.settings()):
            with running(Service(sim.url, **settings)) as service:
                began = time.monotonic()
                for i in range(30):
                    service.create(session_id=f"bad-{i}")
                    time.sleep(0.01)
                assert time.monotonic() - began < 5
                began = time.monotonic()
                service.stop()
                assert time.monotonic() - began < 5
                warned = [line for line in service.log() if "spans cannot" in line["msg"]]
                assert len(warned) <= 1, warned
    hanging.stop()
    refusing.stop()


def without_an_endpoint_nothing_is_sent():
    """Tracing is off unless an endpoint is set; the log has ids all the same"""
    with running(Sim()) as sim, running(Service(sim.url)) as service:
        service.create(metadata=SAMPLED)
        (line,) = finished_calls(service, 1)
        assert line["traceID"] == TRACE and line["spanID"] == PARENT


def wrong_settings_are_warned_about():
    """A wrong variable stops nothing and is told once"""
    with running(Sim()) as sim, running(
            Service(sim.url, OTEL_TRACES_SAMPLER="sometimes",
                    OTEL_BSP_SCHEDULE_DELAY="soon")) as service:
        service.create()
        warned = [line["reason"] for line in service.log() if "tracing" in line["msg"]]
        assert len(warned) == 2 and all("using" in reason for reason in warned), warned


if __name__ == "__main__":
    story([a_call_is_told_as_zipkin_has_it, retries_are_seen, callers_decide_what_is_recorded,
           ags_goes_on_with_the_trace, the_second_exporter_speaks_otlp,
           nothing_secret_is_in_a_span, what_is_left_is_sent_at_the_end,
           a_bad_collector_does_no_harm, without_an_endpoint_nothing_is_sent,
           wrong_settings_are_warned_about], shared=False)
