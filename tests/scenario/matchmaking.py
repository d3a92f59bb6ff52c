#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The example of another Extend Override with streams: examples/matchmaking and a stock client.

Usage: matchmaking.py MATCHMAKING
"""
import pathlib
import re
import sys
import threading

import grpc

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "golden")]
from generator import ROOT, run  # noqa: E402
from proto_client import Server, compile_protos, fails  # noqa: E402

EXAMPLE = ROOT / "examples" / "matchmaking"
compile_protos(EXAMPLE / "proto", "match_function.proto")
import match_function_pb2 as pb  # noqa: E402

CODE = grpc.StatusCode
SERVICE = "/accelbyte.matchmaking.matchfunction.MatchFunction/"
SERVER = Server(sys.argv[1])


def ticket(name, players=1):
    made = pb.Ticket(ticket_id=name, match_pool="duel", latencies={"eu-west-1": 20, "us-east-1": 90},
                     players=[pb.Ticket.PlayerData(player_id=f"{name}-{n}") for n in range(players)])
    made.CreatedAt.GetCurrentTime()
    made.ticket_attributes.update({"mmr": 1200.5, "mods": ["a", None, True], "nested": {"x": "y"}})
    made.players[0].attributes["level"] = 7
    return made


def call(name, request, answer):
    return SERVER.method(SERVICE + name, type(request), answer)(request, timeout=20)


def match(requests):
    method = SERVER.method(SERVICE + "MakeMatches", pb.MakeMatchesRequest, pb.MatchResponse,
                           "stream_stream")
    return method(requests, timeout=20)


def parameters():
    return pb.MakeMatchesRequest(parameters=pb.MakeMatchesRequest.MakeMatchesParameters(
        rules=pb.Rules(json="{}"), tickId=1))


def unary_methods_answer():
    """Tickets are judged and given back as they came"""
    assert list(call("GetStatCodes", pb.GetStatCodesRequest(), pb.StatCodesResponse).codes) == []
    for players, valid in ((1, True), (2, False)):
        assert call("ValidateTicket", pb.ValidateTicketRequest(ticket=ticket("t", players)),
                    pb.ValidateTicketResponse).valid_ticket is valid
    assert not call("ValidateTicket", pb.ValidateTicketRequest(),
                    pb.ValidateTicketResponse).valid_ticket
    sent = ticket("t")
    assert call("EnrichTicket", pb.EnrichTicketRequest(ticket=sent),
                pb.EnrichTicketResponse).ticket == sent


def every_two_tickets_are_a_match():
    """Matches come while tickets go, with the tickets as they were; one left over has none"""
    tickets = [ticket(f"t{n}") for n in range(201)]
    got = list(match(iter([parameters(), *(pb.MakeMatchesRequest(ticket=t) for t in tickets)])))
    assert len(got) == 100
    for n, answer in enumerate(got):
        assert list(answer.match.tickets) == tickets[2 * n:2 * n + 2], n
    assert list(match(iter(()))) == []


def a_match_comes_before_the_stream_ends():
    """The first match is there while the client has more to send"""
    def requests():
        yield parameters()
        yield pb.MakeMatchesRequest(ticket=ticket("a"))
        yield pb.MakeMatchesRequest(ticket=ticket("b"))
        assert seen.wait(20), "no match came"
        yield pb.MakeMatchesRequest(ticket=ticket("c"))
        yield pb.MakeMatchesRequest(ticket=ticket("d"))

    seen = threading.Event()
    answers = match(requests())
    assert [t.ticket_id for t in next(answers).match.tickets] == ["a", "b"]
    seen.set()
    assert [t.ticket_id for t in next(answers).match.tickets] == ["c", "d"]
    assert not list(answers)


def what_is_left_out_is_unimplemented():
    """BackfillMatches, which the example leaves out, answers UNIMPLEMENTED"""
    method = SERVER.method(SERVICE + "BackfillMatches", pb.BackfillMakeMatchesRequest,
                           pb.BackfillResponse, "stream_stream")
    fails(lambda: list(method(iter(()), timeout=20)), CODE.UNIMPLEMENTED, "BackfillMatches")


def a_client_may_leave():
    """A client that goes away in the middle of a stream leaves the server well"""
    answers = match(iter([pb.MakeMatchesRequest(ticket=ticket(n)) for n in "abc"]))
    next(answers)
    answers.cancel()
    unary_methods_answer()


def it_is_short():
    """All that is written by hand is less than 60 lines"""
    text = "".join((EXAMPLE / name).read_text() for name in ("matchmaking.c", "CMakeLists.txt"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    lines = [line for line in text.splitlines()
             if line.strip() and not line.strip().startswith(("//", "# "))]
    assert len(lines) < 60, f"{len(lines)} lines"
    hand_written = {p.relative_to(EXAMPLE).as_posix() for p in EXAMPLE.rglob("*") if p.is_file()}
    assert hand_written == {"matchmaking.c", "CMakeLists.txt", "proto/match_function.proto"}


run([unary_methods_answer, every_two_tickets_are_a_match, a_match_comes_before_the_stream_ends,
     what_is_left_out_is_unimplemented, a_client_may_leave, it_is_short],
    end=SERVER.stop)
