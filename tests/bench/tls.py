#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What TLS on the gRPC port costs: CPU of a call with it and without, in turns.

    tests/bench/tls.py [BUILD_FOLDER] [CALLS]
"""
import os
import pathlib
import statistics
import sys
import tempfile

import measure
import world
from world import harness

HEALTH = "/grpc.health.v1.Health/Check"
ROUNDS, CONNECTIONS, STREAMS = 5, 8, 8
CALLS = int(harness.NAMED[0]) if harness.NAMED else 20000


class TlsService(world.Service):
    scheme = "https"

    def __init__(self, fixed, folder):
        super().__init__(fixed, GRPC_TLS_CERTIFICATE_FILE=f"{folder}/server.crt",
                         GRPC_TLS_KEY_FILE=f"{folder}/server.key")

    def _serves(self):
        """Its certificate names an address and nobody to trust, so that h2load asks."""
        assert self.process.poll() is None, "the service ended instead of serving"
        if not world.answers(self.port):
            return False
        world.h2load(self, self.request, world.CREATE, "-n", 1)
        return self.answered_ok() > 0


def request_of(folder, name, body):
    path = pathlib.Path(folder, name)
    path.write_bytes(b"\0" + len(body).to_bytes(4, "big") + body)
    return path


def cost(servers, request, path, calls):
    """Microseconds of CPU for a call, of each of the servers; each round has its ratio."""
    used = [[measure.closed_loop(s, request, path, calls, CONNECTIONS, STREAMS)[0] for s in servers]
            for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*used)] + [
        statistics.median(tls / plain for plain, tls in used)]


def main():
    with tempfile.TemporaryDirectory() as folder, \
            harness.running(world.Fixed(folder)) as fixed:
        create = request_of(folder, "create", harness.MESSAGES["RequestCreateGameSession"](
            **world.REQUEST).SerializeToString())
        TlsService.request = create
        with harness.running(world.Service(fixed)) as plain, \
                harness.running(TlsService(fixed, folder)) as tls:
            rows = [("health check", cost((plain, tls), request_of(folder, "health", b""), HEALTH, CALLS)),
                    ("CreateGameSession", cost((plain, tls), create, world.CREATE, CALLS))]
            done = ROUNDS * CALLS
            assert plain.answered_ok() > done and tls.answered_ok() > done, "calls failed"
    print("| CPU of a call | plain | TLS | ratio |\n|---|---|---|---|")
    for name, (without, with_tls, ratio) in rows:
        print(f"| {name} | {without:.0f} us | {with_tls:.0f} us | {ratio:.2f} |")
    print(f"\nLoad average {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    sys.exit(main())
