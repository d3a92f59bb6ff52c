#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS on the gRPC port: stock clients, wrong ones, and a certificate that is replaced meanwhile."""
import contextlib
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import time

import grpc

from harness import CODE, PATIENCE, WRAPPER, Service, Sim, Stubs, eventually, fails, plain_environment, \
    program, running, story

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="dsm-tls-"))
# Large messages sent at once, and their bytes. Where a tool slows the service down tenfold and more,
# others would count as a flood: so much would be read between one call and the next.
LARGE, LARGE_SIZE = (3, 40_000) if WRAPPER else (3, 1_040_000) if "TSAN_OPTIONS" in os.environ else \
    (40, 1_040_000)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], cwd=FOLDER, check=True, capture_output=True)


def make_authority(name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(name, authority, kind="ec", common_name="localhost"):
    (FOLDER / "ext").write_text("subjectAltName=DNS:localhost\n")
    key = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if kind == "ec" else ["rsa:2048"]
    openssl("req", "-newkey", *key, "-nodes", "-subj", f"/CN={common_name}", "-keyout",
            f"{name}.key", "-out", f"{name}.csr")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey",
            f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out",
            f"{name}.pem")


def read(name):
    return (FOLDER / name).read_bytes()


def put(source, target):
    """As a secret that is mounted changes: at once, never half."""
    fresh = FOLDER / "fresh"
    fresh.write_bytes(read(source))
    fresh.replace(FOLDER / target)


make_authority("ca")
make_authority("other")
make_certificate("server", "ca")
make_certificate("second", "ca", "rsa", "second")
make_certificate("client", "ca", common_name="client")
make_certificate("stranger", "other", common_name="stranger")


@contextlib.contextmanager
def tls_service(client_ca=None, certificate="server", **settings):
    for part in ("pem", "key"):
        put(f"{certificate}.{part}", f"now.{part}")
    with running(Sim()) as sim, running(Service(
            sim.url, GRPC_TLS_CERTIFICATE_FILE=FOLDER / "now.pem", GRPC_TLS_KEY_FILE=FOLDER / "now.key",
            GRPC_TLS_CLIENT_CA_FILE=client_ca and FOLDER / client_ca, **settings)) as service:
        yield service


def port(service):
    return int(service.target.rsplit(":", 1)[1])


@contextlib.contextmanager
def client(service, ca="ca.pem", certificate=None):
    pair = (read(f"{certificate}.key"), read(f"{certificate}.pem")) if certificate else (None, None)
    stubs = Stubs(f"localhost:{port(service)}",
                  credentials=grpc.ssl_channel_credentials(read(ca), *pair))
    yield stubs
    stubs.close()


def handshake(service, ca="ca.pem", protocols=("h2",), version=None):
    """A TLS connection of Python's own; tells what the server shows of itself."""
    context = ssl.create_default_context(cafile=FOLDER / ca)
    if protocols:
        context.set_alpn_protocols(protocols)
    if version:
        context.minimum_version = context.maximum_version = version
    plain = socket.create_connection(("127.0.0.1", port(service)), timeout=PATIENCE)
    return context.wrap_socket(plain, server_hostname="localhost")


def name_shown(service):
    with handshake(service) as connection:
        return dict(part[0] for part in connection.getpeercert()["subject"])["commonName"]


# ---- the promises --------------------------------------------------------------------------------


def a_stock_client_is_served():
    """A stock client that trusts the authority is served, and sees HTTP/2 and TLS 1.3"""
    with tls_service() as service, client(service) as stubs:
        assert stubs.create().status == "READY"
        assert stubs.health() == 1
        with handshake(service) as connection:
            assert connection.selected_alpn_protocol() == "h2"
            assert connection.version() == "TLSv1.3"
        with handshake(service, version=ssl.TLSVersion.TLSv1_2) as connection:
            assert connection.version() == "TLSv1.2"
        peers = {line["peer.address"] for line in service.log() if line["msg"] == "finished call"}
        assert peers and all(peer.startswith(("ipv4:127.0.0.1:", "ipv6:[::1]:")) for peer in peers), peers


def many_calls_and_large_ones_pass():
    """Hundreds of calls at once and messages of a megabyte pass unharmed"""
    with tls_service() as service, client(service) as stubs:
        assert stubs.create().status == "READY"  # a tool has then seen most of the code
        data = "\U0001f3ae" * (LARGE_SIZE // 4)
        calls = [stubs.create_soon(session_id="large", session_data=data) for _ in range(LARGE)]
        calls += [stubs.create_soon(session_id="small") for _ in range(300)]
        answers = [call.result() for call in calls]
        assert all(answer.session_data == data for answer in answers[:LARGE])
        assert {answer.status for answer in answers} == {"READY"}
        if not WRAPPER:
            fails(lambda: stubs.create(session_data="x" * 1_300_000), CODE.RESOURCE_EXHAUSTED)


def a_record_may_come_in_pieces_of_any_size():
    """A TLS record whose last few bytes come by themselves, as on a path with losses, is not waited on"""
    with tls_service() as service:
        context = ssl.create_default_context(cafile=FOLDER / "ca.pem")
        context.set_alpn_protocols(["h2"])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port(service)), timeout=5) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def send():
                text = outgoing.read()
                for piece in (text[:-5], text[-5:-2], text[-2:]):
                    plain.sendall(piece)
                    time.sleep(0.2)  # it has been read

            def until(work):
                while True:
                    try:
                        return work()
                    except ssl.SSLWantReadError:
                        if outgoing.pending:
                            send()
                        incoming.write(plain.recv(65536))

            until(session.do_handshake)
            session.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5))
            send()
            frame = until(lambda: session.read(9))
            assert frame[3] == 4, frame  # SETTINGS


def who_does_not_trust_or_does_not_speak_tls_is_not_served():
    """Plain text, unknown protocols and old versions of TLS get nothing; others are served on"""
    with tls_service() as service, client(service) as good:
        assert good.create().status == "READY"
        with client(service, ca="other.pem") as stubs:
            fails(lambda: stubs.create(timeout=5), CODE.UNAVAILABLE)
        fails(lambda: service.create(timeout=5), CODE.UNAVAILABLE)  # plain text
        for wrong in ({"protocols": ("http/1.1",)}, {"version": ssl.TLSVersion.TLSv1_1}):
            try:
                handshake(service, **wrong).close()
                raise AssertionError(f"{wrong} was taken")
            except (ssl.SSLError, OSError):
                pass
        assert good.create(session_id="after").status == "READY"


def mutual_tls_asks_for_a_certificate():
    """With a client CA, only callers with a certificate of it are served"""
    with tls_service(client_ca="ca.pem") as service:
        with client(service, certificate="client") as stubs:
            assert stubs.create().status == "READY"
        for certificate in (None, "stranger"):
            with client(service, certificate=certificate) as stubs:
                fails(lambda: stubs.create(timeout=5), CODE.UNAVAILABLE)


def a_replaced_certificate_is_used_without_a_restart():
    """A replaced certificate is used without a restart, and connections from before live on"""
    with tls_service() as service, client(service) as before:
        assert before.create().status == "READY"
        assert name_shown(service) == "localhost"
        put("second.key", "now.key")
        put("second.pem", "now.pem")
        eventually(lambda: name_shown(service) == "second", "the new certificate is shown")
        assert before.create(session_id="before").status == "READY"
        with client(service) as after:
            assert after.create(session_id="after").status == "READY"


def a_broken_replacement_leaves_the_old_one_in_use():
    """A replacement that is broken leaves the old certificate in use and is told in the log"""
    with tls_service() as service:
        assert name_shown(service) == "localhost"
        (FOLDER / "now.pem").write_text("no certificate\n")

        def told():
            return [line for line in service.log() if line["msg"].startswith("TLS certificate cannot")]
        line = eventually(told, "the log tells")[0]
        assert line["level"] == "ERROR" and "now.pem: holds no PEM certificate" in line["error"], line
        assert name_shown(service) == "localhost"
        put("second.key", "now.key")
        put("second.pem", "now.pem")
        eventually(lambda: name_shown(service) == "second", "the mended one is shown")


def silent_and_half_open_peers_hold_nothing_up():
    """Peers that stop in the middle of a handshake, or read nothing, hold up nobody and no shutdown"""
    with tls_service() as service, client(service) as stubs:
        silent = [socket.create_connection(("127.0.0.1", port(service))) for _ in range(50)]
        half = handshake(service)
        half.sendall(b"PRI * HTTP")
        deaf = handshake(service)
        deaf.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        assert stubs.create().status == "READY"
        descriptors = pathlib.Path(f"/proc/{service.process.pid}/fd")
        if not WRAPPER:
            held = len(list(descriptors.iterdir()))
            for peer in [*silent, half]:
                peer.close()
            # Each silent peer takes its own socket and a pair, with a second descriptor of one end.
            eventually(lambda: len(list(descriptors.iterdir())) <= held - 200, "they are closed")
        began = time.monotonic()
        stubs.close()
        service.stop()
        assert time.monotonic() - began < 15
        deaf.close()


def wrong_files_stop_the_start():
    """What is wrong with the files is told in one line that names the file, and nothing starts"""
    (FOLDER / "text.pem").write_text("hello\n")
    (FOLDER / "empty.pem").write_text("")
    rows = [
        ({"GRPC_TLS_CERTIFICATE_FILE": "none.pem"}, "none.pem: No such file or directory"),
        ({"GRPC_TLS_CERTIFICATE_FILE": "empty.pem"}, "empty.pem: is empty"),
        ({"GRPC_TLS_CERTIFICATE_FILE": "text.pem"}, "text.pem: holds no PEM certificate"),
        ({"GRPC_TLS_KEY_FILE": "server.pem"}, "server.pem: holds no PEM private key"),
        ({"GRPC_TLS_KEY_FILE": "client.key"}, "client.key: is not the key of the certificate"),
        ({"GRPC_TLS_CLIENT_CA_FILE": "text.pem"}, "text.pem: holds no PEM certificate of an authority"),
        ({"GRPC_TLS_KEY_FILE": None}, "GRPC_TLS_CERTIFICATE_FILE and GRPC_TLS_KEY_FILE go together"),
        ({"GRPC_TLS_KEY_FILE": None, "GRPC_TLS_CERTIFICATE_FILE": None,
          "GRPC_TLS_CLIENT_CA_FILE": "ca.pem"}, "GRPC_TLS_CLIENT_CA_FILE needs"),
    ]
    for changes, told in rows:
        files = {"GRPC_TLS_CERTIFICATE_FILE": "server.pem", "GRPC_TLS_KEY_FILE": "server.key", **changes}
        done = subprocess.run(
            [program("session-dsm")], text=True, capture_output=True, timeout=60,
            env=plain_environment(
                GRPC_PORT=0, METRICS_PORT=0, AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="a",
                AWS_SECRET_ACCESS_KEY="b", AB_BASE_URL="http://127.0.0.1:9", AB_CLIENT_ID="c",
                AB_CLIENT_SECRET="d", AB_NAMESPACE="studio-game", LOG_LEVEL="off",
                **{k: v and FOLDER / v for k, v in files.items()}))
        assert done.returncode == 1, (changes, done)
        assert told in done.stderr and done.stderr.count("\n") == 1, (changes, done.stderr)
        assert "PRIVATE KEY" not in done.stderr


if __name__ == "__main__":
    try:
        story([a_stock_client_is_served, many_calls_and_large_ones_pass,
               a_record_may_come_in_pieces_of_any_size,
               who_does_not_trust_or_does_not_speak_tls_is_not_served, mutual_tls_asks_for_a_certificate,
               a_replaced_certificate_is_used_without_a_restart,
               a_broken_replacement_leaves_the_old_one_in_use,
               silent_and_half_open_peers_hold_nothing_up, wrong_files_stop_the_start], shared=False)
    finally:
        subprocess.run(["rm", "-rf", str(FOLDER)], check=False)
