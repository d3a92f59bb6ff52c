# SPDX-License-Identifier: Apache-2.0
"""A door in front of the stand-in that can be shut: who knocks then is refused a connection."""
import contextlib
import http.client
import socket
import threading
import urllib.parse

from harness import Upstream


class Door(Upstream):
    """Passes requests on unchanged, one for each connection, so that every request knocks anew."""

    def __init__(self, url):
        self.house = urllib.parse.urlsplit(url)
        self.shut_after = None  # the operation whose answer is the last one that is passed on
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
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}",
                 *(f"{k}: {v}" for k, v in answer.getheaders()
                   if k.lower() not in ("connection", "content-length", "transfer-encoding")),
                 f"Content-Length: {len(body)}", "Connection: close", "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1") + body)
