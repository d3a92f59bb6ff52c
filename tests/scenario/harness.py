# SPDX-License-Identifier: Apache-2.0
"""What every story of this folder needs: the real service and the GameLift stand-in as processes on
free ports, a stock gRPC client, and a runner that tells what it checks.

A story is a file of functions, one for each promise; the first line of a function's docstring is
the promise in words. Run one by itself:

    tests/scenario/create_falls_back.py [BUILD_FOLDER] [FUNCTION...]

TEST_WRAPPER in the environment is put in front of the service (instrumented.py).
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request

from instrumented import WRAPPER

ROOT = pathlib.Path(__file__).resolve().parents[2]

# An idle Python client looks at its connections every five seconds only, and so long it would leave
# a server that says goodbye waiting. Other clients look all the time.
os.environ.setdefault("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "100")

# A shell allows 1,024 descriptors as a rule, and some stories hold a thousand connections.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as missing:
    sys.exit(f"{missing}: these tests want Debian's Python and its packages; run scripts/deps, and "
             "/usr/bin/python3 instead of another Python")

CODE = grpc.StatusCode
KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # of AWS's own documentation
SERVICE = "/accelbyte.session.sessiondsm.SessionDsm/"
CREATE = "GameLift.CreateGameSession"
PATIENCE = 60 if WRAPPER else 20  # seconds before something counts as not coming
SHORT = 10 if WRAPPER else 1      # seconds that are enough for a quick call, even on a busy machine


# ---- messages, made from the proto file at run time ----------------------------------------------


def _messages(idl):
    """Every message of a proto file, by its short name."""
    done = subprocess.run(
        ["protoc", f"-I{idl.parent}", "--descriptor_set_out=/dev/stdout", str(idl)],
        check=True, capture_output=True)
    pool = descriptor_pool.DescriptorPool()
    made = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file:
        pool.Add(file)
        for message in file.message_type:
            descriptor = pool.FindMessageTypeByName(f"{file.package}.{message.name}")
            if hasattr(message_factory, "GetMessageClass"):
                made[message.name] = message_factory.GetMessageClass(descriptor)
            else:
                made[message.name] = message_factory.MessageFactory(pool).GetPrototype(descriptor)
    return made


class Stubs:
    """A gRPC client for one server; knows only the proto file and the server's address."""

    def __init__(self, target, messages=None, credentials=None):
        self.messages = messages or MESSAGES
        # Each client has connections of its own, and no proxy of the machine comes between.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0),
                   ("grpc.enable_retries", 0)]
        if credentials is None:
            self.channel = grpc.insecure_channel(target, options=options)
        else:
            self.channel = grpc.secure_channel(target, credentials, options=options)

    def unary(self, path, request, answer):
        return self.channel.unary_unary(
            path, request_serializer=self.messages[request].SerializeToString,
            response_deserializer=self.messages[answer].FromString)

    def create_method(self):
        return self.unary(SERVICE + "CreateGameSession", "RequestCreateGameSession",
                          "ResponseCreateGameSession")

    def create(self, timeout=PATIENCE, metadata=None, **fields):
        """CreateGameSession with good fields, unless given otherwise."""
        return self.create_method()(self.request(**fields), timeout=timeout, metadata=metadata)

    def create_soon(self, timeout=PATIENCE, **fields):
        """The same without waiting for the answer."""
        return self.create_method().future(self.request(**fields), timeout=timeout)

    def create_async(self, timeout=PATIENCE, **fields):
        """CreateGameSessionAsync with good fields, unless given otherwise."""
        call = self.unary(SERVICE + "CreateGameSessionAsync", "RequestCreateGameSession",
                          "ResponseCreateGameSessionAsync")
        return call(self.request(**{"deployment": "demo-queue", **fields}), timeout=timeout)

    def terminate(self, session_id="story-1", namespace="studio-game", timeout=PATIENCE):
        call = self.unary(SERVICE + "TerminateGameSession", "RequestTerminateGameSession",
                          "ResponseTerminateGameSession")
        request = self.messages["RequestTerminateGameSession"]
        return call(request(session_id=session_id, namespace=namespace), timeout=timeout)

    def request(self, **fields):
        good = {"session_id": "story-1", "namespace": "studio-game", "deployment": "alias-demo",
                "requested_region": ["us-east-1"], "maximum_player": 4}
        return self.messages["RequestCreateGameSession"](**{**good, **fields})

    def raw(self, data, method="CreateGameSession", timeout=PATIENCE):
        """Any bytes as a request, any bytes as the answer."""
        return self.channel.unary_unary(SERVICE + method)(data, timeout=timeout)

    def health(self, service=""):
        answer = self.unary("/grpc.health.v1.Health/Check", "HealthCheckRequest",
                            "HealthCheckResponse")(
            self.messages["HealthCheckRequest"](service=service), timeout=PATIENCE)
        return answer.status

    def close(self):
        self.channel.close()


# ---- processes -----------------------------------------------------------------------------------


def plain_environment(**more):
    """The caller's environment without what would change the programs under test."""
    unwanted = re.compile(r"(AWS|AB|GRPC|OTEL|PLUGIN|GAMELIFT|RECLAIM|AUTH|SHUTDOWN)_|.*_PORT$|LOG_LEVEL$|.*_proxy$|.*_PROXY$")
    kept = {k: v for k, v in os.environ.items() if not unwanted.match(k)}
    # No credentials of this machine are looked for.
    kept.update(AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent",
                AWS_EC2_METADATA_DISABLED="true")
    return {**kept, **{k: str(v) for k, v in more.items() if v is not None}}


class Process:
    """A program under test, its output in files that can be read at any time."""

    def __init__(self, name, command, environment):
        self.name = name
        self.out = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.err = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(command, stdout=self.out, stderr=self.err, env=environment,
                                        stdin=subprocess.DEVNULL)

    def text(self, file):
        # pread leaves the offset alone, which the program shares with us.
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0).decode("utf-8", "replace")

    def output(self):
        return self.text(self.out)

    def errors(self):
        return self.text(self.err)

    def wait_for_line(self, pattern):
        """The first line of its output that matches, as a match."""
        def found():
            for line in self.output().splitlines(keepends=True):
                if line.endswith("\n") and (match := re.search(pattern, line)):
                    return match
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode} instead of "
                                     f"starting: {self.errors().strip() or self.output().strip()}")
            return None
        return eventually(found, f"{self.name} prints {pattern!r}")

    def resident_bytes(self):
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        return self.process.wait(seconds)

    def stop(self):
        """SIGTERM; a clean end is part of every story."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait(60)
        assert status == 0, f"{self.name} ended with {status}: {self.errors()[-3000:]}"
        assert self.errors() == "", f"{self.name} complained: {self.errors()[-3000:]}"

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.out.close()
        self.err.close()


class Sim(Process):
    """gamelift-sim, and its controls under /_sim/."""

    def __init__(self, *options, world=None):
        self.world = None
        if world is not None:
            self.world = tempfile.NamedTemporaryFile("w", suffix=".json")
            json.dump(world, self.world)
            self.world.flush()
            options = ("--world", self.world.name, *options)
        super().__init__("gamelift-sim", [program("gamelift-sim"), *options], plain_environment())
        self.url = self.wait_for_line(r"^listening on (http://\S+)$").group(1)

    def control(self, method, path, body=None):
        return http_json(method, f"{self.url}/_sim/{path}", body)

    def requests(self):
        """The GameLift requests so far, oldest first; the body as JSON, or as text if it was cut."""
        seen = self.control("GET", "requests")
        for entry in seen:
            # CBOR is shown as JSON, which is longer; as it came where the request was refused.
            if len(entry["body"].encode()) >= entry["body_bytes"]:
                with contextlib.suppress(ValueError):
                    entry["body"] = json.loads(entry["body"])
        return seen

    def regions_asked(self):
        return [r["location"] for r in self.requests()]

    def attempts(self):
        """The numbers of the attempts that were made. libcurl itself sends once more what meets an
        idle connection that breaks, so two requests in a row may be one attempt."""
        seen = [dict(map(tuple, r["headers"]))["amz-sdk-request"] for r in self.requests()]
        numbers = [int(re.fullmatch(r"attempt=(\d+); max=\d+", text).group(1)) for text in seen]
        return [n for i, n in enumerate(numbers) if i == 0 or numbers[i - 1] != n]

    def forget_requests(self):
        self.control("DELETE", "requests")

    def sessions(self):
        return self.control("GET", "state")["sessions"]

    def placements(self):
        return self.control("GET", "state")["placements"]

    def operations(self):
        """The names of the requests so far, of GameLift and of AGS, oldest first."""
        return [r.get("operation", r["path"]) for r in self.control("GET", "requests")]

    def ags_settings(self):
        """For a service whose AGS is this stand-in as well."""
        return {"AB_BASE_URL": self.url, "AB_CLIENT_ID": "sim-client",
                "AB_CLIENT_SECRET": "sim-secret"}

    def put_ags_session(self, session_id="story-1", namespace="studio-game", **members):
        """What AGS says of a session; the members are told in sim/control.h."""
        self.control("PUT", f"ags/sessions/{namespace}/{session_id}", members)

    def fault(self, **rule):
        """The next calls go wrong; rules are told in sim/faults.h."""
        self.control("POST", "faults", rule)

    def no_faults(self):
        self.control("DELETE", "faults")


class Service(Process):
    """session-dsm, set up for a GameLift at `url`; settings are environment variables.

    TEST_PROTOCOL in the environment is the GAMELIFT_PROTOCOL of all services.
    """

    def __init__(self, url, **settings):
        environment = {
            "GRPC_PORT": 0, "METRICS_PORT": 0, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL_GAMELIFT": url,
            # Nothing listens on the discard port, and nothing in these stories needs AGS.
            "AB_BASE_URL": "http://127.0.0.1:9", "AB_CLIENT_ID": "client",
            "AB_CLIENT_SECRET": "client-secret-value", "AB_NAMESPACE": "studio-game",
            "PLUGIN_GRPC_SERVER_AUTH_ENABLED": "false", "LOG_LEVEL": "debug",
            # No balancer has to notice that a test ends.
            "SHUTDOWN_DELAY": 0,
            # Nor does anybody, for servers that are looked for in vain where nothing plays AGS.
            "SHUTDOWN_GRACE": 2,
            # Looking for servers left behind by failed calls would come between the checks.
            "RECLAIM_DELAY_MS": 600_000,
            "GAMELIFT_PROTOCOL": os.environ.get("TEST_PROTOCOL"), **settings}
        super().__init__("session-dsm", [*WRAPPER, program("session-dsm")],
                         plain_environment(**environment))
        port = self.wait_for_line(r'"msg":"serving".*"grpc\.port":(\d+)').group(1)
        self.target = f"127.0.0.1:{port}"
        self.stubs = Stubs(self.target)

    def __getattr__(self, name):
        # create, create_soon, raw, health and so on are the stubs'.
        return getattr(self.stubs, name)

    def log(self):
        """The log so far, line by line as objects."""
        return [json.loads(line) for line in self.output().splitlines()]

    def stop(self):
        self.stubs.close()
        super().stop()


def program(name):
    for place in (BUILD / name, BUILD / "sim" / name):
        if place.is_file():
            return str(place)
    sys.exit(f"{BUILD} holds no {name}: run scripts/build, or name the build folder")


def preloaded(name, **environment):
    """Settings that put a library of this folder (NAME.c) in front of the C library."""
    library = BUILD / "tests" / "scenario" / f"{name}.so"
    if not library.is_file():
        sys.exit(f"{BUILD} holds no {name}.so: run scripts/test, or name the build folder")
    # A sanitizer wants to be the first, and need not be.
    sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    return {"LD_PRELOAD": library, "ASAN_OPTIONS": sanitizer, **environment}


# ---- an upstream that can do anything ------------------------------------------------------------


class Upstream:
    """A bare HTTP server that keeps every byte of a request and answers what it is told.

    behave(connection, request) runs on a thread of its own; `request` has method, path, headers (a
    list of pairs as they came) and body.
    """

    def __init__(self, behave, address="127.0.0.1", port=0):
        self.behave = behave
        self.requests = []
        self.closed = []  # when a peer hung up, as seen by wait_for_close
        self.listener = socket.create_server((address, port), backlog=100)
        self.url = f"http://{address}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while (request := self._read(connection)) is not None:
                self.requests.append(request)
                self.behave(connection, request)

    @staticmethod
    def _read(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            block = connection.recv(65536)
            if not block:
                return None
            data += block
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        length = int(dict((k.lower(), v) for k, v in headers).get("content-length", 0))
        while len(body) < length:
            body += connection.recv(65536)
        return Request(method, path, headers, body)

    def wait_for_close(self, connection):
        """For behave: says nothing until the other side hangs up."""
        connection.settimeout(PATIENCE)
        if connection.recv(1) == b"":
            self.closed.append(time.monotonic())
        raise OSError("the peer has gone")

    def stop(self):
        # Closing alone would leave the accepting thread with a socket that still listens.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    kill = stop


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def header(self, name):
        """The value, or None; more than one is a fault of the sender."""
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


def gamelift_says(connection, value, status=200):
    """An answer of GameLift's, in the protocol that this run's services speak with it."""
    if SPEAKS_CBOR:
        import cbor2
        send_answer(connection, status, cbor2.dumps(value), "smithy-protocol: rpc-v2-cbor")
    else:
        send_answer(connection, status, json.dumps(value).encode())


def send_answer(connection, status, body, *headers):
    head = [f"HTTP/1.1 {status} X", "Content-Type: application/x-amz-json-1.1",
            f"Content-Length: {len(body)}", *headers]
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)


# ---- small helpers -------------------------------------------------------------------------------


def http_json(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    # No proxy of the machine for what is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data=data, method=method),
                     timeout=PATIENCE) as answer:
        return json.load(answer)


def eventually(condition, what, seconds=PATIENCE):
    """What `condition` gives as soon as it gives something true."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"it did not happen in {seconds} s: {what}"
        time.sleep(0.02)


def fails(call, code, *words):
    """The call fails with this code and a text that holds all these words; gives the text."""
    try:
        answer = call()
    except grpc.RpcError as error:
        text = error.details()
        assert error.code() == code, f"{error.code().name} instead of {code.name}: {text}"
        for word in words:
            assert word in text, f"{word!r} is not in {text!r}"
        return text
    raise AssertionError(f"{code.name} was due, but the answer is {answer!r}")


@contextlib.contextmanager
def running(made):
    """made.stop() at the end, which checks that it ended well; killed if the check failed."""
    try:
        yield made
        made.stop()
    finally:
        made.kill()


# ---- the runner ----------------------------------------------------------------------------------


class World:
    """What the checks of a story share: one stand-in and one service, set back between checks."""

    def __init__(self, sim, service):
        self.sim = sim
        self.service = service

    def another(self, **settings):
        """A second service on the same stand-in, for `with`."""
        return running(Service(self.sim.url, **settings))


def _promise(check):
    return (check.__doc__ or check.__name__.replace("_", " ")).strip().splitlines()[0].rstrip(".")


def _run(checks, world):
    failed = 0
    for check in checks:
        began = time.monotonic()
        try:
            if world is None:
                check()
            else:
                world.sim.control("POST", "reset")
                check(world)
            print(f"ok      {_promise(check)} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {_promise(check)} [{check.__name__}]", flush=True)
            traceback.print_exc(file=sys.stdout)
            if world is not None:
                print("---- end of the service's log\n" + world.service.output()[-3000:]
                      + world.service.errors()[-3000:], flush=True)
    return failed


def story(checks, shared=True, world=None, ags=False, **settings):
    """Runs a story as a program. shared: each check gets the World; settings are the service's.
    ags: the stand-in is the service's AGS, too."""
    print(sys.modules["__main__"].__doc__.strip().splitlines()[0], flush=True)
    wanted = [c for c in checks if not NAMED or c.__name__ in NAMED]
    with contextlib.ExitStack() as stack:
        if shared:
            sim = stack.enter_context(running(Sim(world=world)))
            if ags:
                settings = {**sim.ags_settings(), **settings}
            service = stack.enter_context(running(Service(sim.url, **settings)))
            failed = _run(wanted, World(sim, service))
        else:
            failed = _run(wanted, None)
    print(f"{len(wanted) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


_arguments = sys.argv[1:]
BUILD = pathlib.Path(_arguments.pop(0) if _arguments and os.path.isdir(_arguments[0])
                     else ROOT / "build").resolve()
NAMED = _arguments
SPEAKS_CBOR = os.environ.get("TEST_PROTOCOL") == "cbor"
MESSAGES = {**_messages(ROOT / "idl" / "session-dsm.proto"), **_messages(ROOT / "idl" / "health.proto")}
