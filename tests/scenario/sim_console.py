#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The stand-in's page: what there is, and buttons that make an outage to rehearse."""
import urllib.error
import urllib.parse
import urllib.request

from console import Page
from harness import CODE, eventually, fails, story


def fetch(w, path="/", form=None, **headers):
    data = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(w.sim.url + path, data=data, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as r:
        return r.read().decode(), r.headers


def page(w):
    text, _ = fetch(w)
    read = Page(text)
    assert read.problems == [], read.problems
    return read


def press(w, **form):
    """A button; the page that a browser then shows."""
    return Page(fetch(w, "/_sim/console", form)[0])


def sessions_and_fleets_show(w):
    """Fleets, queues, sessions and placements show"""
    w.service.create(session_id="shown-1")
    w.service.create_async(session_id="shown-2")
    text = page(w).text
    assert "us-west-2" in text["fleets"] and "fleet-demo" in text["fleets"], text
    assert "demo-queue" in text["queues"] and "alias-demo" in text["queues"], text
    assert "shown-1" in text["sessions"] and "shown-2" in text["placements"], text
    assert "None" in text["faults"] and "All well" in text["state"], text


def a_location_is_filled_and_freed(w):
    """Fill up: the location refuses; Give servers: it has some again"""
    text = press(w, action="fill", location="fleet-demo/us-east-1").text
    assert "Outage rehearsed" in text["state"], text
    fails(lambda: w.service.create(session_id="no-room"), CODE.RESOURCE_EXHAUSTED)
    press(w, action="free", location="fleet-demo/us-east-1")
    assert w.service.create(session_id="room-again").status == "READY"


def faults_strike_and_end(w):
    """A pressed fault strikes every request until it is ended"""
    text = press(w, action="refuse", service="gamelift").text
    assert "UnrecognizedClientException" in text["faults"], text
    fails(lambda: w.service.create(session_id="refused"), CODE.INTERNAL)
    for action, service in (("throttle", "gamelift"), ("slow", "gamelift"), ("fail", "gamelift"),
                            ("cut", "gamelift"), ("throttle", "ags"), ("slow", "ags"),
                            ("fail", "ags"), ("cut", "ags")):
        press(w, action=action, service=service)
    text = press(w, action="clear").text
    assert "None" in text["faults"], text
    assert w.service.create(session_id="fine-again").status == "READY"


def events_are_lost_repeated_and_late(w):
    """A pressed fault strikes the events of placements, until it is ended"""
    for action, words in (("lose", "events are lost"), ("repeat", "3 of each"), ("late", "10 s late")):
        text = press(w, action=action, service="events").text
        assert words in text["events"] and "Outage rehearsed" in text["state"], text
    w.service.create_async(session_id="lost-1")
    eventually(lambda: "FULFILLED" in page(w).text["placements"], "the placement has ended")
    assert w.sim.control("GET", "sqs/queues/placement-events")["sent"] == 0
    text = press(w, action="clear").text
    assert "placement-events" in text["events"] and "All well" in text["state"], text
    w.service.create_async(session_id="sent-1")
    eventually(lambda: w.sim.control("GET", "sqs/queues/placement-events")["sent"] == 1, "it comes")


def forms_of_other_sites_are_refused(w):
    """What a foreign page sends changes nothing"""
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        try:
            fetch(w, "/_sim/console", {"action": "cut", "service": "gamelift"}, **headers)
        except urllib.error.HTTPError as e:
            assert e.code == 403, e
        else:
            raise AssertionError("it was taken")
    for form in ({"action": "nonsense"}, {"action": "fill", "location": "nowhere"}, {"a": "b"}):
        try:
            fetch(w, "/_sim/console", form)
        except urllib.error.HTTPError as e:
            assert e.code in (400, 404), e
        else:
            raise AssertionError(f"{form} was taken")
    assert "None" in page(w).text["faults"]


def headers_are_safe(w):
    """Nothing loads from elsewhere; forms go nowhere else"""
    text, headers = fetch(w)
    assert "form-action 'self'" in headers["Content-Security-Policy"], headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], headers
    assert "http://" not in text and "https://" not in text


if __name__ == "__main__":
    story([sessions_and_fleets_show, a_location_is_filled_and_freed, faults_strike_and_end,
           events_are_lost_repeated_and_late, forms_of_other_sites_are_refused, headers_are_safe])
