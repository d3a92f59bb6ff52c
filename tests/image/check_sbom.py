#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the list of contents in an image's root: `check_sbom.py ROOT`.

It must be SPDX 2.3, tell every file of the root with its right checksum, give every file a package,
and every package its licence text.
"""

import hashlib
import json
import os
import re
import sys

DATA = ("usr/share/session-dsm", "usr/share/doc", "usr/share/common-licenses")
OWN = {"./etc/passwd", "./etc/group", "./etc/nsswitch.conf"}  # made by the image's build


def files_of(root):
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            if not os.path.islink(os.path.join(root, path)) and not path.startswith(DATA):
                yield "./" + path


def complaints(root):
    with open(os.path.join(root, "usr/share/session-dsm/sbom.spdx.json"), encoding="utf-8") as f:
        sbom = json.load(f)
    if sbom["spdxVersion"] != "SPDX-2.3" or sbom["dataLicense"] != "CC0-1.0":
        yield "it is not SPDX 2.3"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sbom["creationInfo"]["created"]):
        yield "the time of its creation is no time"
    ids = {"SPDXRef-DOCUMENT"} | {x["SPDXID"] for x in sbom["packages"] + sbom["files"]}
    if len(ids) != 1 + len(sbom["packages"]) + len(sbom["files"]):
        yield "an id is there twice"
    for ref in ids:
        if not re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", ref):
            yield f"{ref} is no id"
    listed = {f["fileName"]: f for f in sbom["files"]}
    present = set(files_of(root))
    for name in sorted(present ^ set(listed)):
        yield f"{name} is {'not listed' if name in present else 'listed and not there'}"
    for name in sorted(present & set(listed)):
        with open(os.path.join(root, name), "rb") as f:
            data = f.read()
        sums = {c["algorithm"]: c["checksumValue"] for c in listed[name]["checksums"]}
        if (sums["SHA256"] != hashlib.sha256(data).hexdigest()
                or sums["SHA1"] != hashlib.sha1(data).hexdigest()):
            yield f"{name} has another checksum"
    owned = set()
    for r in sbom["relationships"]:
        if r["spdxElementId"] not in ids or r["relatedSpdxElement"] not in ids:
            yield f"a relationship of something unknown: {r}"
        if r["relationshipType"] == "CONTAINS":
            owned.add(r["relatedSpdxElement"])
    for name, entry in sorted(listed.items()):
        if entry["SPDXID"] not in owned and name not in OWN:
            yield f"{name} belongs to no package"
    for package in sbom["packages"]:
        text = "LICENSE" if package["name"] == "session-dsm" else "copyright"
        path = os.path.join(root, "usr/share/doc", package["name"], text)
        if not os.path.getsize(path):
            yield f"{package['name']} has no licence text"


def main():
    found = list(complaints(sys.argv[1]))
    for line in found:
        print(f"    {line}")
    sys.exit(1 if found else 0)


main()
