#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a service takes until its health is SERVING: `start_up.py PORT COMMAND...`.

Starts it several times and prints the median and the best, in milliseconds of time and of CPU.
"""

import os
import signal
import statistics
import subprocess
import sys
import time

import grpc

ROUNDS = 7


def once(port, command):
    """Seconds until SERVING, and seconds of CPU that the process had used by then."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        with grpc.insecure_channel(f"127.0.0.1:{port}",
                                   options=[("grpc.initial_reconnect_backoff_ms", 5),
                                            ("grpc.min_reconnect_backoff_ms", 5),
                                            ("grpc.max_reconnect_backoff_ms", 5)]) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            answer = check(b"", wait_for_ready=True, timeout=20)
            took = time.monotonic() - began
            with open(f"/proc/{child.pid}/stat", encoding="ascii") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        child.send_signal(signal.SIGTERM)
        if answer != b"\x08\x01" or child.wait(30) != 0:
            sys.exit("it did not serve, or did not stop")
    return took, cpu


def main():
    rounds = [once(sys.argv[1], sys.argv[2:]) for _ in range(ROUNDS)]
    took = [r[0] * 1000 for r in rounds]
    cpu = [r[1] * 1000 for r in rounds]
    print(f"  SERVING after {statistics.median(took):.0f} ms (median of {ROUNDS}; "
          f"best {min(took):.0f} ms), having used {statistics.median(cpu):.0f} ms of CPU")


main()
