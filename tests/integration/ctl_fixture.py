# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of sekishoctl share: the binary, a policy, a record, and a directory for each test."""

import contextlib
import hashlib
import json
import os
import pathlib
import pty
import select
import subprocess
import tempfile
import unicodedata
import unittest

BUILD = pathlib.Path(os.environ["SEKISHO_BUILD"])
SOURCE = pathlib.Path(os.environ["SEKISHO_SOURCE"])
CTL = BUILD / "agent/ctl/sekishoctl"
FAKE_AGENT = BUILD / "agent/ipc/fake_agent"
NOBODY = 65534

POLICY = """\
sekisho: 1
header:
  fleet: test
  serial: 12
  issued: 2026-11-23T09:00:00+09:00
  expires: 2027-03-31T23:59:59+09:00
  target: [all]
mode: enforce
contact: 情報政策課 内線 2345
devices:
  default: block
  keyboards: present
  rules:
    - id: card-reader
      note: 個人番号カードのリーダ
      match: {bus: usb, class: [smartcard], vendor: 04e6, product: 5116}
      action: allow
    - id: joho-stick
      match: {class: [storage], vendor: 0781, product: 5591, serial: 4C53}
      action: read-only
      hours: [Mon-Fri 08:30-17:15]
network:
  mode: observe
  default: block
  interfaces: {allow: [eno1]}
  rules:
    - id: juki-server
      to: [10.20.30.0/24, "2001:db8:20::/48"]
      protocol: tcp
      ports: [443, 8443-8450]
      next-hop: [52:54:00:12:34:56]
    - id: names
      to: [10.20.1.53/32]
      protocol: udp
      ports: [53]
  inbound:
    - {id: admin-ssh, from: [10.20.1.5/32], protocol: tcp, ports: [22]}
clipboard:
  default: block
  zones:
    - {id: juminhyo, programs: [/usr/bin/firefox-esr]}
    - {id: office, programs: [/usr/lib/libreoffice/program/soffice.bin]}
  flows:
    - {from: juminhyo, to: office, allow: [text]}
login:
  second-factor:
    default: required
    rules:
      - {id: timers, services: [cron], action: exempt}
      - {id: vendors, groups: [hoshu], action: block}
"""

STICK = {
    "kind": "device",
    "bus": "usb",
    "vendor": "0781",
    "product": "5591",
    "serial": "4C53",
    "name": "SanDisk Ultra",
    "interfaces": ["08:06:50"],
    "port": "1-2",
    "present_at_boot": False,
}
READER = {"kind": "device", "bus": "usb", "vendor": "04e6", "product": "5116", "interfaces": ["0b:00:00"]}
MONDAY_MORNING = "2026-11-23T09:00:00+09:00"
MONDAY_NIGHT = "2026-11-23T22:00:00+09:00"


def run(*words, given=None, env=None, user=None, cwd=None):
    """(exit status, stdout, stderr); the time zone is Japan's, the language English."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", **(env or {})}
    done = subprocess.run(
        [CTL, *map(str, words)],
        input=given,
        capture_output=True,
        env=environment,
        timeout=60,
        cwd=cwd,
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run_on_terminal(*words, env=None):
    """stdout, as a terminal gets it."""
    controller, terminal = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm", "TZ": "Asia/Tokyo", **(env or {})}
    process = subprocess.Popen([CTL, *map(str, words)], stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    output = b""
    with contextlib.suppress(OSError):  # the end of a terminal is an error
        while chunk := os.read(controller, 65536):
            output += chunk
    os.close(controller)
    process.wait(60)
    return output.decode()


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def record_line(seq, previous, code="device-refused", **more):
    event = {
        "time": 1795392000000 + seq * 1000,
        "metadata": {"event_code": code, "version": "1.7.0"},
        "message": f"message {seq}",
        "unmapped": {"sekisho": {"log": "agent", "seq": seq, "prev": previous, "rule": None, "reason": "default"}},
        **more,
    }
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def record(n, first=1, **more):
    """n chained lines."""
    lines, previous = [], "0" * 64
    for seq in range(first, first + n):
        line = record_line(seq, previous, **more)
        previous = hashlib.sha256(line).hexdigest()
        lines.append(line)
    return lines


class Files(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.directory.chmod(0o755)

    def file(self, name, content):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def policy(self, *replacements, name="policy.yaml"):
        text = POLICY
        for old, new in replacements:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return self.file(name, text)

    def start(self, *words):
        """A verb that goes on: the process, and a function that waits for its next line."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}
        process = subprocess.Popen([CTL, *words], stdout=subprocess.PIPE, env=environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        pending = b""

        def next_line():
            nonlocal pending
            while b"\n" not in pending:
                self.assertTrue(select.select([process.stdout], [], [], 10)[0], "nothing came")
                chunk = os.read(process.stdout.fileno(), 65536)
                self.assertTrue(chunk, "it ended")
                pending += chunk
            line, pending = pending.split(b"\n", 1)
            return line.decode() + "\n"

        return process, next_line

    def json(self, *words, status=None, **options):
        code, out, err = run(*words, "--json", **options)
        if status is not None:
            self.assertEqual(code, status, err)
        self.assertTrue(out.isascii())
        return json.loads(out)
