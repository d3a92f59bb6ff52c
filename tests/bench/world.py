# SPDX-License-Identifier: Apache-2.0
"""What the service is measured in: the fastest upstream that always says the same, the requests
that are sent to it, and a look at the CPU time and the memory of a process.

Everything is on loopback and on free ports. The answers of AGS, tokens included, are taken once
from the stand-in (gamelift-sim); from then on nginx gives them, and GameLift's.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))
import harness  # noqa: E402  (its BUILD is the first argument of the program)

CREATE = harness.SERVICE + "CreateGameSession"
ARN = ("arn:aws:gamelift:us-east-1::gamesession/fleet-6f9e1a52-2c15-4f0b-9a3c-0d4f2f1f8d11/"
       "gsess-2b0f6a6e-58a1-4c07-8b29-1e0a5f2f7c3d")
GAME_SESSION = {
    "CreationTime": 1767225600.123, "CurrentPlayerSessionCount": 0,
    "DnsName": "ec2-203-0-113-7.compute-1.amazonaws.com",
    "FleetArn": "arn:aws:gamelift:us-east-1:123456789012:fleet/"
                "fleet-6f9e1a52-2c15-4f0b-9a3c-0d4f2f1f8d11",
    "FleetId": "fleet-6f9e1a52-2c15-4f0b-9a3c-0d4f2f1f8d11",
    "GameProperties": [{"Key": "clientVersion", "Value": "1.4.2"},
                       {"Key": "gameMode", "Value": "5v5-ranked"},
                       {"Key": "sessionSecret", "Value": "b6c5d0f2f0e94a1fa2f5"},
                       {"Key": "sessionId", "Value": "7c9a0bfc4e5e4f4f9c1f4f1f6f5e3a21"},
                       {"Key": "namespace", "Value": "studio-game"}],
    "GameSessionData": "{\"map\":\"harbour\",\"skill\":1540}", "GameSessionId": ARN,
    "IpAddress": "203.0.113.7", "Location": "us-east-1", "MaximumPlayerSessionCount": 10,
    "PlayerSessionCreationPolicy": "ACCEPT_ALL", "Port": 7777, "Status": "ACTIVE",
}
REQUEST = {
    "session_id": "7c9a0bfc4e5e4f4f9c1f4f1f6f5e3a21", "namespace": "studio-game",
    "deployment": "alias-5c3b2a19-0a4d-4e1c-9f57-6b1d2c3e4f50", "requested_region": ["us-east-1"],
    "maximum_player": 10, "client_version": "1.4.2", "game_mode": "5v5-ranked",
    "secret": "b6c5d0f2f0e94a1fa2f5", "session_data": "{\"map\":\"harbour\",\"skill\":1540}",
}
CREATE_ASYNC = CREATE + "Async"
TERMINATE = harness.SERVICE + "TerminateGameSession"
QUEUE_REQUEST = {**REQUEST, "deployment": "matches-eu"}
PLACEMENT = {"PlacementId": "7c9a0bfc-4e5e-4f4f-9c1f-4f1f6f5e3a21", "Status": "PENDING",
             "GameSessionQueueName": "matches-eu", "MaximumPlayerSessionCount": 10,
             "StartTime": 1767225600.123, "GameProperties": GAME_SESSION["GameProperties"]}
ANSWERS = {"CreateGameSession": {"GameSession": GAME_SESSION},
           "StartGameSessionPlacement": {"GameSessionPlacement": PLACEMENT},
           "TerminateGameSession": {"GameSession": {**GAME_SESSION, "Status": "TERMINATING"}}}
SESSION_PATH = "/session/v1/public/namespaces/studio-game/gamesessions/" + REQUEST["session_id"]
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 30000; multi_accept on; }}
http {{
  map $http_x_amz_target $answer {{
    default '';
{answers}
  }}
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; tcp_nodelay on;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  client_body_buffer_size 1m; client_max_body_size 2m; large_client_header_buffers 8 32k;
  server {{
    listen 127.0.0.1:{port} backlog=20000;
    listen 127.0.0.1:{tls_port} ssl backlog=20000;
    ssl_certificate {folder}/server.crt; ssl_certificate_key {folder}/server.key;
    add_header x-amzn-requestid 5c5b0a3e-3f0f-4b39-8e0a-2d1f9b8b6a11;
    location = / {{ default_type application/x-amz-json-1.1; return 200 $answer; }}
    location = /_status {{ stub_status; }}
    location /service/GameLift/operation/ {{
      default_type application/cbor; add_header smithy-protocol rpc-v2-cbor;
      root {folder}/cbor; error_page 405 =200 $uri; open_file_cache max=10 inactive=1d;
    }}
    {ags}
  }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def make_certificate(folder):
    """A self-signed one for 127.0.0.1; its file is also the authority to trust."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/server.key", "-out",
         f"{folder}/server.crt"], check=True, capture_output=True)
    return f"{folder}/server.crt"


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Fixed:
    """nginx, with one answer for each question: GameLift in JSON, plain and over TLS, and AGS."""

    def __init__(self, folder):
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://127.0.0.1:{self.tls_port}"
        os.chmod(folder, 0o755)  # nginx started by root reads with less than root's rights
        self.authority = make_certificate(folder)
        ags = self._record_ags()
        write_cbor(pathlib.Path(folder, "cbor/service/GameLift/operation"))
        text = NGINX.format(
            folder=folder, port=self.port, tls_port=self.tls_port,
            answers="\n".join(f"    GameLift.{name} {quoted(compact(answer))};"
                              for name, answer in ANSWERS.items()),
            ags="\n".join(f"location = {path} {{ default_type application/json; "
                          f"return 200 {quoted(answer)}; }}" for path, answer in ags.items()))
        config = pathlib.Path(folder, "nginx.conf")
        config.write_text(text)
        self.process = subprocess.Popen(["nginx", "-c", str(config), "-p", folder])
        harness.eventually(lambda: self.process.poll() is not None or answers(self.port),
                           "nginx listens")

    def _record_ags(self):
        with harness.running(harness.Sim()) as sim:
            sim.put_ags_session(REQUEST["session_id"], "studio-game", deployment=ARN,
                                status="AVAILABLE")
            issued = sim.control("POST", "ags/tokens", {"claims": {
                "namespace": "studio", "extend_namespace": "studio-game",
                "exp": int(time.time()) + 86400}})
            self.token = issued["access_token"]
            user = "sim-client:sim-secret"
            own = get(sim.url + "/iam/v3/oauth/token", data=b"grant_type=client_credentials",
                       user=user)
            bearer = json.loads(own)["access_token"]
            return {
                "/iam/v3/oauth/token": own,
                "/iam/v3/oauth/jwks": get(sim.url + "/iam/v3/oauth/jwks", bearer=bearer),
                "/iam/v3/oauth/revocationlist": get(sim.url + "/iam/v3/oauth/revocationlist",
                                                     user=user),
                SESSION_PATH: get(sim.url + SESSION_PATH, bearer=bearer),
            }

    def requests(self):
        """How many it has answered so far."""
        return int(get(self.url + "/_status").split()[9])

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.terminate()  # killed outright it would leave its worker behind
            self.process.wait()


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def cbor(value):
    """RFC 8949, as much of it as GameLift's answers need; times are doubles with tag 1."""
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        size = 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4
        return bytes([major << 5 | {1: 24, 2: 25, 4: 26}[size]]) + n.to_bytes(size, "big")
    if isinstance(value, str):
        text = value.encode()
        return head(3, len(text)) + text
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, float):
        return b"\xc1\xfb" + struct.pack(">d", value)
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


def write_cbor(folder):
    folder.mkdir(parents=True)
    for name, answer in ANSWERS.items():
        (folder / name).write_bytes(cbor(answer))


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def get(url, data=None, user=None, bearer=None):
    headers = {}
    if user is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    if bearer is not None:
        headers["Authorization"] = "Bearer " + bearer
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data=data, headers=headers)) as answer:
        return answer.read().decode()


class Service:
    """session-dsm as in production: authorization, metrics, info lines into a pipe. With a command
    another program that serves the same, on the port that it is said to use."""

    scheme = "http"

    def __init__(self, fixed, wrapper=(), command=None, port=None, **settings):
        self.port, self.metrics_port = port or free_port(), free_port()
        environment = harness.plain_environment(**{
            "GRPC_PORT": self.port, "METRICS_PORT": self.metrics_port, "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": harness.KEY, "AWS_SECRET_ACCESS_KEY": harness.SECRET,
            "AWS_ENDPOINT_URL_GAMELIFT": fixed.url, "AB_BASE_URL": fixed.url,
            "AB_CLIENT_ID": "sim-client", "AB_CLIENT_SECRET": "sim-secret",
            "AB_NAMESPACE": "studio-game", "PLUGIN_GRPC_SERVER_AUTH_ENABLED": "true",
            "LOG_LEVEL": "info", "SHUTDOWN_DELAY": 0, **settings})
        self.environment, self.foreign = environment, command is not None
        self.reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([*wrapper, *(command or [harness.program("session-dsm")])],
                                        env=environment, stdout=self.reader.stdin)
        self.reader.stdin.close()
        self.stubs = harness.Stubs(f"127.0.0.1:{self.port}")
        self.headers = {"authorization": "Bearer " + fixed.token}
        try:
            harness.eventually(self._serves, "the service answers", 120)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self):
        return self.process.pid

    def create(self):
        return self.stubs.create_method()(
            harness.MESSAGES["RequestCreateGameSession"](**REQUEST), timeout=60,
            metadata=list(self.headers.items()))

    def _serves(self):
        assert self.process.poll() is None, "the service ended instead of serving"
        try:
            return self.create().status == "READY"
        except harness.grpc.RpcError as error:  # a region may be full; that is an answer
            return error.code() == harness.CODE.RESOURCE_EXHAUSTED

    def answered_ok(self):
        """Calls of CreateGameSession that ended well so far."""
        text = get(f"http://127.0.0.1:{self.metrics_port}/metrics")
        line = re.search(r'^grpc_server_handled_total\{grpc_code="OK",grpc_method='
                         r'"CreateGameSession",.*\} (\S+)$', text, re.M)
        return int(float(line.group(1)))

    def stop(self):
        self.stubs.close()
        self.process.terminate()
        status = self.process.wait(30)
        assert self.foreign or status == 0, f"the service ended with {status}"
        self.reader.wait()

    def kill(self):
        self.process.kill()


class GrpcFloor:
    """floor_grpc: the same requests, headers included, and the same answers."""

    scheme = "http"

    def __init__(self, folder, fixed, reply, wrapper=()):
        self.headers = {"authorization": "Bearer " + fixed.token}
        file = pathlib.Path(folder, "reply.bin")
        file.write_bytes(reply)
        self.process = subprocess.Popen([*wrapper, bench_program("floor_grpc"), CREATE, str(file)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[-1])

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()


def bench_program(name):
    file = harness.BUILD / "tests" / "bench" / name
    if not file.is_file():
        sys.exit(f"{file} is missing: build with -DBUILD_BENCH=ON")
    return str(file)


# ---- load ----------------------------------------------------------------------------------------


def request_file(folder, name="request", message="RequestCreateGameSession", fields=None):
    """A request as HTTP/2 carries it: one message, its length in front."""
    data = harness.MESSAGES[message](**(fields or REQUEST)).SerializeToString()
    file = pathlib.Path(folder, name + ".bin")
    file.write_bytes(b"\0" + struct.pack(">I", len(data)) + data)
    return file


def h2load(server, request, path, *options):
    command = ["h2load", "-t", "1", "-d", str(request), "-H", "content-type: application/grpc",
               "-H", "te: trailers", *map(str, options)]
    for name, value in server.headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, f"{server.scheme}://127.0.0.1:{server.port}{path}"],
                          capture_output=True, text=True)
    good = re.search(r"(\d+) total, .* (\d+) succeeded, 0 failed, 0 errored", done.stdout)
    assert done.returncode == 0 and good and good.group(1) == good.group(2), \
        f"{done.stdout}{done.stderr}"
    return done.stdout


def load(server, request, calls, connections, streams, path=CREATE):
    """So many calls with h2load, all answered with HTTP 200; gives calls per second."""
    text = h2load(server, request, path, "-n", calls, "-c", connections, "-m", streams)
    return float(re.search(r"finished in \S+, (\S+) req/s", text).group(1))


def upstream_request(folder, fixed):
    """The bytes that the service sends to GameLift for one call: files for floor_curl."""
    def behave(connection, request):
        body = json.dumps({"GameSession": GAME_SESSION}, separators=(",", ":")).encode()
        harness.send_answer(connection, 200, body)

    with harness.running(harness.Upstream(behave)) as upstream:
        with harness.running(Service(fixed, AWS_ENDPOINT_URL_GAMELIFT=upstream.url)) as service:
            reply = service.create().SerializeToString()
        request = upstream.requests[-1]
    headers, body = pathlib.Path(folder, "headers.txt"), pathlib.Path(folder, "body.json")
    sent = [f"{name}: {value}" for name, value in request.headers
            if name.lower() not in ("host", "content-length")]
    headers.write_text("\n".join(["Accept:", "Expect:", *sent]) + "\n")
    body.write_bytes(request.body)
    return headers, body, reply


# ---- what a process uses -------------------------------------------------------------------------


def family(pid):
    """The process and all that it started."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def cpu_us(pid):
    """User and system time so far, to the nanosecond, ended threads included."""
    # The clock id of a process, as clock_getcpuclockid(3) makes it.
    return sum(time.clock_gettime_ns((~p << 3) | 2) for p in family(pid)) / 1000


def cpu_us_by_thread(pid):
    used = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            name = (task / "comm").read_text().strip()
            used[name] = used.get(name, 0) + int((task / "schedstat").read_text().split()[0]) / 1000
    return used


def times_put_aside(pid):
    """How often a thread that still runs lost its processor to another while it could go on."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            text = (task / "status").read_text()
            total += int(re.search(r"^nonvoluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
    return total


def status(pid):
    """Resident memory in kB and the number of threads of one process."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1))
            for name in ("VmRSS", "RssAnon", "RssFile", "Threads")}
