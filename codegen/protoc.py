# SPDX-License-Identifier: Apache-2.0
"""Running protoc and protoc-c: proto files -> descriptors, descriptors -> C of the messages.

protoc sees each file under the name by which others import it, never under a path of this machine,
so nothing of where it ran gets into what is made. protoc-c is given descriptors, not files: they
can be put into a form that it handles first (see pbc.py).
"""
import importlib
import os
import re
import subprocess
import tempfile

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from google.protobuf.message import DecodeError

import ir

MAX_FILE_BYTES = 4 << 20
_SECONDS = 120

# Google's own files, as Debian's python3-protobuf holds them: protoc has them only beside the
# headers of the C++ library.
_WELL_KNOWN = ("any", "api", "descriptor", "duration", "empty", "field_mask", "source_context",
               "struct", "timestamp", "type", "wrappers")
_IMPORT = re.compile(rb"""^\s*import\s+(?:public\s+|weak\s+)?["']([^"'\n]+)["']""", re.MULTILINE)


def is_well_known(name):
    return name.startswith("google/protobuf/")


class Files:
    """Where proto files lie: some by their names, others below folders, as --proto_path has them."""

    def __init__(self, named, folders, hint):
        self.named = named      # {name: path}
        self.folders = folders  # searched in this order
        self.hint = hint        # what to do about an import that is not there

    def find(self, name):
        """The path of a file, or None."""
        places = [self.named.get(name), *(os.path.join(f, name) for f in self.folders)]
        return next((p for p in places if p is not None and os.path.isfile(p)), None)

    def label(self, name):
        """A file as error lines call it."""
        return self.find(name) or name


def descriptors(files, names, label):
    """The descriptors of these files and of all that they import, imported ones first."""
    _check_sources(files, names, label)
    with tempfile.TemporaryDirectory() as tmp:
        # Links, for protoc has its own ideas about "=" and ":" in paths.
        paths = []
        for name, path in files.named.items():
            os.makedirs(os.path.join(tmp, "named", os.path.dirname(name)), exist_ok=True)
            os.symlink(os.path.abspath(path), os.path.join(tmp, "named", name))
            paths = ["-Inamed"]
        for i, folder in enumerate(files.folders):
            os.symlink(os.path.abspath(folder), os.path.join(tmp, str(i)))
            paths.append(f"-I{i}")
        with open(os.path.join(tmp, "known"), "wb") as f:
            f.write(well_known().SerializeToString(deterministic=True))
        _protoc(files, names, label, tmp, *paths, "--descriptor_set_in=known",
                "--descriptor_set_out=out", "--include_source_info", "--include_imports")
        with open(os.path.join(tmp, "out"), "rb") as f:
            try:
                made = descriptor_pb2.FileDescriptorSet.FromString(f.read())
            except (DecodeError, UnicodeDecodeError) as e:
                raise ir.IdlError(label(names[0]), "file", f"protoc's description of it: {e}") from e
    for file in made.file:
        if is_well_known(file.name):
            # Whether they have comments depends on what else is installed.
            file.ClearField("source_code_info")
    return made.file


def protoc_c(fed, label):
    """What protoc-c makes of descriptors, as {file name: text}."""
    request = plugin_pb2.CodeGeneratorRequest(proto_file=fed,
                                              file_to_generate=[file.name for file in fed])
    try:
        done = subprocess.run(["protoc-gen-c"], input=request.SerializeToString(), check=False,
                              capture_output=True, timeout=_SECONDS)
    except FileNotFoundError as e:
        raise ir.IdlError(label, "protoc-c",
                          "not found (Debian: apt install protobuf-c-compiler)") from e
    response = plugin_pb2.CodeGeneratorResponse()
    if done.returncode == 0:
        response.ParseFromString(done.stdout)
    said = response.error or done.stderr.decode("utf-8", "replace").strip()
    if done.returncode != 0 or response.error:
        raise ir.IdlError(label, "protoc-c", (said or "failed without saying why").splitlines()[0])
    return {file.name: file.content for file in response.file}


def well_known():
    """Google's own files, for --descriptor_set_in."""
    found = descriptor_pb2.FileDescriptorSet()
    for name in _WELL_KNOWN:
        module = importlib.import_module(f"google.protobuf.{name}_pb2")
        module.DESCRIPTOR.CopyToProto(found.file.add())
    return found


def _check_sources(files, names, label):
    """Size and encoding of the files and of what they import; protoc looks at neither."""
    waiting, seen = list(names), set(names)
    while waiting:
        name = waiting.pop()
        path = files.find(name)
        if path is None:
            if name in names:
                raise ir.IdlError(label(name), "file", "there is no such file")
            continue  # protoc has a line number for it
        try:
            size = os.path.getsize(path)
            with open(path, "rb") as f:
                data = f.read(MAX_FILE_BYTES + 1)
        except OSError as e:
            raise ir.IdlError(label(name), "file", e.strerror) from e
        if len(data) > MAX_FILE_BYTES:
            raise ir.IdlError(label(name), "file",
                              f"holds {size} bytes; more than {MAX_FILE_BYTES} is no contract")
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as e:
            line = data.count(b"\n", 0, e.start) + 1
            raise ir.IdlError(label(name), f"{line}:1", "is not UTF-8") from e
        imports = {m.decode("utf-8") for m in _IMPORT.findall(data)} - seen
        waiting += sorted(imports)
        seen |= imports


def _protoc(files, names, label, folder, *options):
    try:
        done = subprocess.run(["protoc", *options, *names], cwd=folder, check=False,
                              capture_output=True, timeout=_SECONDS)
    except FileNotFoundError as e:
        raise ir.IdlError(label(names[0]), "protoc",
                          "not found (Debian: apt install protobuf-compiler)") from e
    except subprocess.TimeoutExpired as e:
        raise ir.IdlError(label(names[0]), "protoc", f"took more than {_SECONDS} s") from e
    if done.returncode != 0:
        name, place, reason = _complaint(done.stderr.decode("utf-8", "replace"))
        if "was not found" in reason:
            reason += f" ({files.hint})"
        raise ir.IdlError(label(name or names[0]), place, reason)


def _complaint(stderr):
    """protoc's first error as (file, line:column, text); warnings come before and are no news."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for line in lines:
        if "warning:" in line or line.endswith(": File not found."):
            continue  # the import of what was not found has a line number
        at = re.match(r"([^:]+\.proto):(\d+):(\d+): (.*)", line)
        if at:
            return at[1], f"{at[2]}:{at[3]}", at[4]
        at = re.match(r"([^:]+\.proto): (.*)", line)
        if at:
            return at[1], "protoc", at[2]
    return None, "protoc", lines[-1] if lines else "failed without saying why"
