# SPDX-License-Identifier: Apache-2.0
"""A door in front of the stand-in. While it is shut, who knocks is refused a connection; and answers that
pass through it can be bent: sent byte by byte, or with another length or type than theirs."""
import contextlib
import http.client
import socket
import threading
import time
import urllib.parse

from harness import Upstream


class Door(Upstream):
    """Passes requests on unchanged, one for each connection, so that every request knocks anew."""

    def __init__(self, url):
        self.house = urllib.parse.urlsplit(url)
        self.shut_after = None  # the operation whose answer is the last one that is passed on
        self.bent = None  # (operation, how, how often)
        super().__init__(self._pass_on)
        self.address = self.listener.getsockname()

    def shut(self):
        super().stop()

    def open(self):
        """Harmless for one that is open."""
        self.shut_after = None
        if self.listener.fileno() >= 0:
            return
        self.listener = socket.create_server(self.address, backlog=100)
        threading.Thread(target=self._accept, daemon=True).start()

    def bend(self, operation, how, count=None):
        """Answers to an operation (a part of its target or path) are bent, the next `count` or all."""
        self.bent = (operation, how, count)

    def straighten(self):
        self.bent = None

    def _bending(self, request):
        if self.bent is None or self.bent[0] not in (request.header("x-amz-target") or request.path):
            return None
        operation, how, count = self.bent
        if count is not None:
            self.bent = (operation, how, count - 1) if count > 1 else None
        return how

    def _pass_on(self, connection, request):
        inner = http.client.HTTPConnection(self.house.hostname, self.house.port, timeout=60)
        with contextlib.closing(inner):
            inner.putrequest(request.method, request.path, skip_host=True,
                             skip_accept_encoding=True)
            for name, value in request.headers:
                inner.putheader(name, value)
            inner.endheaders(request.body)
            answer = inner.getresponse()
            body = answer.read()
        if self.shut_after and self.shut_after in (request.header("x-amz-target") or request.path):
            self.shut()
        how = self._bending(request)
        length = len(body)
        if how == "length too great":
            length += 10
        elif how == "length too small":
            length //= 2
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}",
                 *(f"{k}: {'text/html' if how == 'wrong type' and k.lower() == 'content-type' else v}"
                   for k, v in answer.getheaders()
                   if k.lower() not in ("connection", "content-length", "transfer-encoding")),
                 f"Content-Length: {length}", "Connection: close", "", ""]
        wire = "\r\n".join(lines).encode("latin-1") + body
        if how != "byte by byte":
            connection.sendall(wire)
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(len(wire)):
            connection.sendall(wire[n:n + 1])
            time.sleep(0.0005)
