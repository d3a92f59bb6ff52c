#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for AccelByte's extend-helper-cli: remembers its calls and an app's state in a file.

FAKE_EXTEND_STATE names the file: {"calls": [...], "app": {...} or null, "fail": {COMMAND: [STATUS,
WORDS]}, "states": [...]}; get-app-info takes the next of the states, and keeps the last.
"""
import json
import os
import pathlib
import sys


def main():
    path = pathlib.Path(os.environ["FAKE_EXTEND_STATE"])
    world = json.loads(path.read_text())
    command, flags = sys.argv[1], {}
    rest = sys.argv[2:]
    while rest:
        name = rest.pop(0)
        flags[name] = rest.pop(0) if rest and not rest[0].startswith("--") else True
    world["calls"].append({"command": command, "flags": flags,
                           "secret": os.environ.get("AB_CLIENT_SECRET")})
    status, words = 0, f"{command}: done"
    if command in world.get("fail", {}):
        status, words = world["fail"][command]
    elif command == "get-app-info":
        if world["app"] is None:
            status, words = 1, "app not found"
        else:
            states = world["states"]
            words = json.dumps({"app": flags["--app"], "appStatus": states[0]})
            if len(states) > 1:
                states.pop(0)
    elif command == "create-app":
        world["app"] = {"name": flags["--app"]}
    elif command in ("update-var", "update-secret"):
        # As careless as a program can be.
        words = f"set {flags['--key']}={flags['--value']}"
    elif command not in ("image-upload", "deploy-app"):
        status, words = 2, f"unknown command {command}"
    path.write_text(json.dumps(world))
    print(words)
    sys.exit(status)


main()
