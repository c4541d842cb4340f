#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Installing on a desktop breaks nothing but the stick: what the shipped policy says of the things that people plug in."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["SEKISHO_BUILD"])
SOURCE = pathlib.Path(os.environ["SEKISHO_SOURCE"])
SEKISHOCTL = BUILD / "agent/ctl/sekishoctl"
POLICY = SOURCE / "packaging/default-policy.yaml"

DEVICES = [
    # what, vendor, interfaces, action
    ("stick", "0781", ["08:06:50"], "block"),
    ("disk by UAS", "0bc2", ["08:06:50", "08:06:62"], "block"),
    ("floppy drive", "0644", ["08:04:00"], "block"),
    ("DVD drive", "13fd", ["08:02:50"], "block"),
    ("phone, MTP", "0fce", ["06:01:01"], "block"),
    ("phone, MTP and debugging", "18d1", ["06:01:01", "ff:42:01"], "block"),
    ("iPhone", "05ac", ["06:01:01", "ff:fe:02"], "block"),
    ("older phone, MTP as vendor", "04e8", ["ff:ff:00"], "block"),
    ("older phone, debugging only", "18d1", ["ff:42:01"], "block"),
    ("still camera", "04a9", ["06:01:01"], "block"),
    ("card reader for residents' cards that is a stick too", "04e6", ["0b:00:00", "08:06:50"], "block"),
    ("keyboard that is a stick too", "feed", ["03:01:01", "08:06:50"], "block"),
    ("modem that brings its driver on a disk", "12d1", ["02:02:01", "0a:00:00", "08:06:50"], "block"),
    ("printer with a card slot", "04b8", ["07:01:02", "ff:ff:ff", "08:06:50"], "block"),
    ("keyboard", "046d", ["03:01:01", "03:00:00"], "allow"),
    ("mouse", "046d", ["03:01:02"], "allow"),
    ("barcode reader as keyboard", "0c2e", ["03:01:01"], "allow"),
    ("smart card reader", "04e6", ["0b:00:00"], "allow"),
    ("FeliCa reader", "054c", ["ff:00:00"], "allow"),
    ("fingerprint reader", "06cb", ["ff:00:00"], "allow"),
    ("printer", "04b8", ["07:01:02"], "allow"),
    ("printer and scanner", "04b8", ["07:01:02", "ff:ff:ff"], "allow"),
    ("webcam", "046d", ["0e:01:00", "0e:02:00", "01:01:00", "01:02:00"], "allow"),
    ("headset", "0b0e", ["01:01:00", "01:02:00", "03:00:00"], "allow"),
    ("LAN adapter", "0bda", ["ff:ff:00", "02:06:00", "0a:00:00"], "allow"),
    ("serial adapter", "0403", ["ff:ff:ff"], "allow"),
    ("Bluetooth adapter", "0a12", ["e0:01:01"], "allow"),
    ("hub", "05e3", ["09:00:01", "09:00:02"], "allow"),
    ("display adapter with sound and LAN", "17e9", ["ff:00:00", "01:01:00", "01:02:00", "02:0d:00", "0a:00:01"], "allow"),
]
# Other buses, in their own codes.
OTHER = [
    ("SD card", "mmc", ["00:00:00"], "block"),
    ("SATA disk", "ata", ["00:00:00"], "block"),
    ("CD drive", "ata", ["05:00:00"], "block"),
    ("SCSI tape", "scsi", ["01:00:00"], "block"),
    ("NVMe disk", "nvme", ["01:08:02"], "block"),
    ("SATA controller", "pci", ["01:06:01"], "block"),
    ("SD card reader", "pci", ["08:05:01"], "block"),
    ("floppy", "floppy", ["00:00:00"], "block"),
    ("Thunderbolt dock", "thunderbolt", ["00:00:00"], "block"),
    ("FireWire", "firewire", ["00:00:00"], "block"),
    ("dock's USB controller", "pci", ["0c:03:30"], "allow"),
    ("dock's bridge", "pci", ["06:04:00"], "allow"),
    ("dock's network card", "pci", ["02:00:00"], "allow"),
    ("serial card", "pci", ["07:00:02"], "allow"),
    ("wireless by SDIO", "mmc", ["01:07:00"], "allow"),
    ("Bluetooth by UART", "bluetooth", ["00:00:00"], "allow"),
]
# Whatever the verdict on these is: the section only observes.
OBSERVED = [
    ("--connect", "tcp:203.0.113.1:443"),
    ("--connect", "in:udp:203.0.113.1:5353"),
    ("--login", "yamada:login"),
]


def sekishoctl(*arguments):
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    return subprocess.run([SEKISHOCTL, *arguments], capture_output=True, text=True, check=False, env=environment)


def decide(vendor, interfaces, bus="usb"):
    facts = {"kind": "device", "bus": bus, "vendor": vendor, "product": "1234", "serial": "1", "name": "test",
             "interfaces": interfaces, "port": "1-2", "present_at_boot": False}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(facts, file)
        file.flush()
        return sekishoctl("policy", "explain", POLICY, "--device", file.name, "--json")


def main():
    wrong = []
    done = sekishoctl("policy", "check", POLICY)
    if done.returncode != 0:
        wrong.append(f"the policy is not valid: {done.stdout}{done.stderr}")
    rows = [(what, vendor, interfaces, "usb", expected) for what, vendor, interfaces, expected in DEVICES]
    rows += [(what, "1234", interfaces, bus, expected) for what, bus, interfaces, expected in OTHER]
    for what, vendor, interfaces, bus, expected in rows:
        done = decide(vendor, interfaces, bus)
        action = json.loads(done.stdout)["action"] if done.stdout else done.stderr
        if action != expected or done.returncode != (1 if expected == "block" else 0):
            wrong.append(f"{what}: {action}, exit {done.returncode}; should be {expected}")
    for option, value in OBSERVED:
        done = sekishoctl("policy", "explain", POLICY, option, value)
        if "only observes" not in done.stdout:
            wrong.append(f"{option} {value}: exit {done.returncode}: {done.stdout}{done.stderr}")
    print("\n".join(wrong) if wrong else f"{len(rows) + len(OBSERVED)} rows")
    return 1 if wrong else 0


sys.exit(main())
