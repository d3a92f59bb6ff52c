#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The name server: names that move, a server that falls silent, another that takes its place.

The service alone sees these servers, by an /etc/resolv.conf of its own; the C library asks them.
"""
import contextlib
import pathlib
import socket
import struct
import subprocess
import tempfile
import threading

from door import Door
from harness import CODE, SHORT, Sim, eventually, fails, running, story
from process_faults import Bare

NAME = "gamelift.test"
SERVERS = "127.77.0.53", "127.77.0.54"  # addresses of this machine that nothing else uses
A, IN, NO_SUCH_NAME = 1, 1, 3
FOLDER = tempfile.TemporaryDirectory(prefix="dsm-names-")


class NameServer:
    """Answers questions for IPv4 addresses from `zone`, with no time to live."""

    def __init__(self, address):
        self.zone, self.silent, self.asked = {}, False, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.socket.settimeout(0.1)
        self.stopping = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.stopping:
            with contextlib.suppress(TimeoutError):
                question, peer = self.socket.recvfrom(512)
                name, kind, end = self._read(question)
                self.asked.append(name)
                if not self.silent:
                    self.socket.sendto(self._answer(question, name, kind, end), peer)

    @staticmethod
    def _read(question):
        labels, at = [], 12
        while question[at] > 0:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        return ".".join(labels), struct.unpack(">H", question[at + 1:at + 3])[0], at + 5

    def _answer(self, question, name, kind, end):
        address = self.zone.get(name)
        found = address is not None and kind == A
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | (0 if address else NO_SUCH_NAME), 1, found, 0, 0)
        record = struct.pack(">HHHIH", 0xC00C, A, IN, 0, 4) + socket.inet_aton(address) if found else b""
        return head + question[12:end] + record

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()

    kill = stop


class ResolvConf:
    """The service's own, in a mount namespace."""

    def __init__(self):
        self.file = pathlib.Path(FOLDER.name) / "resolv.conf"
        self.within = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
                       str(self.file)]

    def name(self, server):
        self.file.write_text(f"nameserver {server}\n")


def with_name_servers(check):
    """Skipped where nobody may be the name server of a process."""
    def wrapped():
        conf = ResolvConf()
        conf.name(SERVERS[0])
        try:
            servers = [NameServer(address) for address in SERVERS]
        except OSError as error:
            print(f"skipped: no name server can be had here ({error})")
            return
        if subprocess.run([*conf.within, "true"], check=False, capture_output=True).returncode != 0:
            print("skipped: only root can put another file in the place of /etc/resolv.conf, and not in a "
                  "chroot")
            return
        with contextlib.ExitStack() as stack:
            for server in servers:
                stack.enter_context(running(server))
            check(stack.enter_context(running(Sim())), servers, conf)
    wrapped.__doc__, wrapped.__name__ = check.__doc__, check.__name__
    return wrapped


def service(url, conf, **settings):
    return running(Bare(url, subprocess.DEVNULL, within=conf.within, **settings))


def port_of(door):
    return door.url.rsplit(":", 1)[1]


def created(bare, name):
    with contextlib.suppress(Exception):
        return bare.stubs.create(session_id=name, timeout=5).status == "READY"
    return False


def threads(bare):
    return len(list(pathlib.Path(f"/proc/{bare.process.pid}/task").iterdir()))


# ---- the promises --------------------------------------------------------------------------------


@with_name_servers
def a_name_that_moves_is_followed(sim, servers, conf):
    """A name that comes to mean another address: new connections go there, a minute later at most"""
    with running(Door(sim.url, address="127.77.0.1")) as old, \
            running(Door(sim.url, address="127.77.0.2", port=int(port_of(old)))) as new:
        servers[0].zone[NAME] = "127.77.0.1"
        with service(f"http://{NAME}:{port_of(old)}", conf) as bare:
            assert created(bare, "before") and len(old.requests) == 1
            servers[0].zone[NAME] = "127.77.0.2"
            assert created(bare, "soon-after")
            eventually(lambda: created(bare, "later") and new.requests, "the new address is used", 90)


@with_name_servers
def another_name_server_is_asked(sim, servers, conf):
    """Another name server in /etc/resolv.conf is asked without a restart"""
    servers[1].zone[NAME] = "127.0.0.1"
    with service(f"http://{NAME}:{sim.url.rsplit(':', 1)[1]}", conf) as bare:
        fails(lambda: bare.stubs.create(session_id="nowhere", timeout=10), CODE.UNAVAILABLE)
        assert NAME in servers[0].asked and servers[1].asked == []
        conf.name(SERVERS[1])
        eventually(lambda: created(bare, "found"), "the other one is asked")


@with_name_servers
def a_silent_name_server_holds_up_nobody(sim, servers, conf):
    """A name server that falls silent: calls end in time, health is answered, threads come and go, and the
    service ends when it is told to"""
    servers[0].zone[NAME] = "127.0.0.1"
    servers[0].silent = True
    with service(f"http://{NAME}:{sim.url.rsplit(':', 1)[1]}", conf) as bare:
        at_rest = threads(bare)
        calls = [bare.stubs.create_soon(session_id=f"silent-{n}", timeout=3 * SHORT) for n in range(100)]
        eventually(lambda: servers[0].asked, "it is asked")
        assert bare.stubs.health() == 1
        assert {call.code() for call in calls} <= {CODE.UNAVAILABLE, CODE.DEADLINE_EXCEEDED}
        servers[0].silent = False
        eventually(lambda: created(bare, "again"), "names are found again", 60)
        eventually(lambda: threads(bare) <= at_rest + 2, "the threads that asked have gone", 60)
    with service(f"http://{NAME}:{sim.url.rsplit(':', 1)[1]}", conf) as bare:
        servers[0].silent = True
        held = bare.stubs.create_soon(session_id="held", timeout=30)
        asked = len(servers[0].asked)
        eventually(lambda: len(servers[0].asked) > asked or held.done(), "it is asked")
        bare.process.terminate()
        assert held.code() in (CODE.UNAVAILABLE, CODE.CANCELLED), held.code()
        assert bare.process.wait(20) == 0


@with_name_servers
def what_stands_outlives_the_name_server(sim, servers, conf):
    """Without any name server, connections that stand are used on"""
    servers[0].zone[NAME] = "127.0.0.1"
    with service(f"http://{NAME}:{sim.url.rsplit(':', 1)[1]}", conf) as bare:
        assert created(bare, "before")
        servers[0].silent = True
        for n in range(5):
            assert bare.stubs.create(session_id=f"kept-{n}", timeout=5).status == "READY"


if __name__ == "__main__":
    story([
        a_name_that_moves_is_followed, another_name_server_is_asked,
        a_silent_name_server_holds_up_nobody, what_stands_outlives_the_name_server,
    ], shared=False)
