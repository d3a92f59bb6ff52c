# SPDX-License-Identifier: Apache-2.0
"""A door in front of the stand-in. While it is shut, who knocks is refused a connection; while it is deaf,
who knocks hears nothing; its certificate can be a wrong one, its handshake break off; and answers that pass
through it can be bent: sent byte by byte, or with another length or type than theirs."""
import contextlib
import http.client
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

from harness import Upstream


class Certificates:
    """One for 127.0.0.1, the authority that it comes from, and one that nobody trusts."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="dsm-door-")
        self.authority = pathlib.Path(self.folder.name) / "good.pem"
        self.good, self.untrusted = self._make("good"), self._make("untrusted")

    def _make(self, name):
        key, certificate = (f"{self.folder.name}/{name}.{part}" for part in ("key", "pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


class Door(Upstream):
    """Passes requests on unchanged, one for each connection, so that every request knocks anew."""

    def __init__(self, url, certificates=None, **where):
        self.house = urllib.parse.urlsplit(url)
        self.certificates = certificates  # None: no TLS
        self.then = None  # (operation, what is done as soon as its answer is there)
        self.bent = None  # (operation, how, how often)
        self.handshakes = None  # (how they go wrong, how often)
        self.queue = []  # of a deaf door
        super().__init__(self._pass_on, **where)
        self.address = self.listener.getsockname()
        if certificates is not None:
            self.url = self.url.replace("http:", "https:")

    # ---- what goes wrong ----

    def shut(self):
        super().stop()

    def deafen(self):
        """Its queue of connections is full, so that the kernel drops whatever else comes."""
        self.shut()
        self.listener = socket.create_server(self.address, backlog=0)
        knocks = socket.socket()
        knocks.connect(self.address)
        self.queue.append(knocks)

    def open(self):
        """Harmless for one that is open."""
        self.then = self.bent = self.handshakes = None
        if self.queue:
            self.shut()
            self.queue.pop().close()
        if self.listener.fileno() >= 0:
            return
        self.listener = socket.create_server(self.address, backlog=100)
        threading.Thread(target=self._accept, daemon=True).start()

    def after(self, operation, action):
        """`action` is due once an operation (a part of its target or path) has its answer, which still
        passes; at once without an operation."""
        if operation is None:
            action()
        else:
            self.then = (operation, action)

    def bend(self, operation, how, count=None):
        """Answers to an operation are bent, the next `count` or all."""
        self.bent = (operation, how, count)

    def spoil_handshakes(self, how, count=None):
        self.handshakes = (how, count)

    # ---- a connection ----

    def _serve(self, connection):
        if self.certificates is not None:
            try:
                connection = self._shake_hands(connection)
            except OSError:
                connection.close()
                return
        super()._serve(connection)

    def _shake_hands(self, connection):
        how, count = self.handshakes or (None, None)
        if count is not None:
            self.handshakes = (how, count - 1) if count > 1 else None
        if how == "broken handshake":
            connection.recv(1)
            raise OSError("it breaks off")
        context = self.certificates.untrusted if how == "untrusted" else self.certificates.good
        return context.wrap_socket(connection, server_side=True)

    def _bending(self, where):
        if self.bent is None or self.bent[0] not in where:
            return None
        operation, how, count = self.bent
        if count is not None:
            self.bent = (operation, how, count - 1) if count > 1 else None
        return how

    def _ask_inside(self, request):
        inner = http.client.HTTPConnection(self.house.hostname, self.house.port, timeout=60)
        with contextlib.closing(inner):
            inner.putrequest(request.method, request.path, skip_host=True,
                             skip_accept_encoding=True)
            for name, value in request.headers:
                inner.putheader(name, value)
            inner.endheaders(request.body)
            answer = inner.getresponse()
            return answer, answer.read()

    def _pass_on(self, connection, request):
        answer, body = self._ask_inside(request)
        where = request.header("x-amz-target") or request.path
        how = self._bending(where)
        if self.then is not None and self.then[0] in where:
            action, self.then = self.then[1], None
            action()
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
