#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The model of the placement protocol and the code have the same names of states and steps."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    header = (ROOT / "src/placements/decide.h").read_text()
    model = (ROOT / "tests/model/placement.pml").read_text()
    sets = [set(re.findall(r"[A-Z_]+", names)) for names in re.findall(r"^mtype = \{([^}]*)\}",
                                                                      model, re.M)]
    failed = 0
    for what in ("AGS_VIEWS", "ACTIONS", "STEPS"):
        block = re.search(rf"#define PLACEMENT_{what}\(X\)(.*?)\n\n", header, re.S).group(1)
        code = set(re.findall(r"X\(([A-Z_]+)\)", block))
        good = bool(code) and code in sets
        failed += not good
        print(f"{'ok     ' if good else 'FAILED '} {what} are the same: {sorted(code)}")
    steps = set(re.findall(r"do_([A-Z_]+)[:,]", model))
    code = set(re.findall(r"X\(([A-Z_]+)\)", re.search(r"#define PLACEMENT_STEPS\(X\)(.*?)\n\n",
                                                      header, re.S).group(1)))
    failed += steps != code
    print(f"{'ok     ' if steps == code else 'FAILED '} the model goes through every step: "
          f"{sorted(steps ^ code)}")
    idl = (ROOT / "generated/gamelift.h").read_text()
    states = {s for s in re.findall(r"GL_GAME_SESSION_PLACEMENT_STATE_([A-Z_]+)", idl)}
    mine = {"PENDING", "FULFILLED", "FAILED"}
    good = mine <= states and {"NONE", *mine} in sets
    failed += not good
    print(f"{'ok     ' if good else 'FAILED '} states are GameLift's")
    print(f"{5 - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
