#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of card readers: each rule opens its device by its own id, and nothing that only says so."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["SEKISHO_BUILD"])
SOURCE = pathlib.Path(os.environ["SEKISHO_SOURCE"])
SEKISHOCTL = BUILD / "agent/ctl/sekishoctl"
POLICY = SOURCE / "packaging/examples/policy/readers.yaml"
RULE = re.compile(r"- id: (\S+)\n +note: .*\n +match: \{(.*)\}\n +action: allow")
READER, STICK, KEYBOARD, KEYS, CAMERA = "0b:00:00", "08:06:50", "03:01:01", "03:00:00", "0e:01:00"


def sekishoctl(*arguments):
    return subprocess.run([SEKISHOCTL, *arguments], capture_output=True, text=True, check=False,
                          env=dict(os.environ, LC_ALL="C.UTF-8"))


def decide(vendor, product, *interfaces):
    """(action, rule)"""
    facts = {"kind": "device", "bus": "usb", "vendor": vendor, "product": product, "interfaces": interfaces,
             "port": "1-2"}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(facts, file)
        file.flush()
        said = json.loads(sekishoctl("policy", "explain", POLICY, "--device", file.name, "--json").stdout)
    return said["action"], said["rule"]


def rows(rule, keys):
    """What each rule says of what is plugged in: (interfaces, what is expected)."""
    allowed, refused = ("allow", rule), ("block", None)
    if "interfaces" not in keys:
        return [([READER], allowed), ([READER, STICK], refused), ([STICK], refused), ([KEYBOARD, READER], refused)]
    # of the last but one the reader and the keyboard open, and the disk does not
    return [([KEYBOARD, READER], allowed), ([KEYBOARD, KEYS, READER], allowed), ([KEYBOARD, READER, STICK], allowed),
            ([STICK], refused), ([CAMERA], refused)]


def main():
    wrong, tried = [], 0
    done = sekishoctl("policy", "check", POLICY)
    if done.returncode != 0 or "never match" in done.stdout + done.stderr:
        wrong.append(f"the policy: {done.stdout}{done.stderr}")
    rules = RULE.findall(POLICY.read_text(encoding="utf-8"))
    for rule, match in rules:
        keys = dict(pair.split(": ") for pair in re.split(r", (?=\w+:)", match))
        for interfaces, expected in rows(rule, keys):
            tried += 1
            found = decide(keys["vendor"], keys["product"], *interfaces)
            if found != expected:
                wrong.append(f"{rule}, {interfaces}: {found}; should be {expected}")
        tried += 1
        if decide(keys["vendor"], f"{int(keys['product'], 16) ^ 0x8000:04x}", READER)[0] != "block":
            wrong.append(f"{rule}: another product of the vendor is let in")
    if len(rules) < 40 or decide("05e3", "0610", "09:00:01")[0] != "allow":
        wrong.append(f"{len(rules)} rules, or a hub that is refused")
    print("\n".join(wrong) if wrong else f"{len(rules)} rules, {tried} devices")
    return 1 if wrong else 0


sys.exit(main())
