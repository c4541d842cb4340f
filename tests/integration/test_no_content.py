#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A marked text is copied, with a My Number and without; programs to which a flow leads get it, others do not. It is then looked
for in every file of the machine: the record, what the agent and the helper say, the journal, the export, the reports and the
evidence. That the search would find it is shown at what the program got that may have it."""
import fakeroot
from fakeroot import BUILD, eventually
from x11lab import SessionTest

import base64
import json
import os
import pathlib
import socket
import subprocess
import time

from test_collectors_journal import store

CTL = BUILD / "agent/ctl/sekishoctl"
MARK, NUMBER = "marked-5f3a81", "123456789018"
TEXT = f"氏名 関所花子 {MARK}\n".encode()
WITH_NUMBER = f"関所花子 {MARK} {NUMBER}\n".encode()


def forms(text):
    """As it is, escaped, in hexadecimal, and what does not hang on its place in base64."""
    raw = text.encode()
    whole = [base64.b64encode(b"-" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, json.dumps(text)[1:-1].encode(), raw.hex().encode(), *whole]


FORBIDDEN = [form.lower() for text in (MARK, "関所花子", NUMBER) for form in forms(text)]


def holds_content(text):
    return any(form in text.lower() for form in FORBIDDEN)


def files_that_hold_it(directory, but=()):
    files = [f for f in pathlib.Path(directory).rglob("*") if f.is_file() and not f.is_symlink() and
             not any(f.is_relative_to(b) for b in but)]
    return len(files), [str(f) for f in files if holds_content(f.read_bytes())]


class Content(SessionTest):
    MORE = "audit: {send: [journal]}\n"

    def start_display(self):
        """The journal is there before the agent is."""
        super().start_display()
        place = self.machine.root / "run/systemd/journal"
        place.mkdir(parents=True)
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.journal.close)
        self.journal.bind(str(place / "socket"))
        self.journal.setblocking(False)
        self.sent = []

    def drain(self):
        try:
            while True:
                self.sent.append(self.journal.recv(1 << 20))
        except BlockingIOError:
            return self.sent

    def ctl(self, *words):
        done = subprocess.run([CTL, *words, "--root", self.machine.root], capture_output=True, check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertIn(done.returncode, (0, 1), (words, done.stderr))
        self.assertNotIn(b"Sanitizer", done.stderr)
        return done.stdout + done.stderr

    def pasted(self):
        """What may have it has it; the others get nothing, and that is recorded."""
        got = self.machine.root / "got"
        got.mkdir()
        for n, (text, to, arrives) in enumerate([(TEXT, "juminhyo", True), (TEXT, "office", True), (TEXT, "outside", False),
                                                 (WITH_NUMBER, "juminhyo", True), (WITH_NUMBER, "office", False),
                                                 (WITH_NUMBER, "outside", False)]):
            self.settle(self.copy("juminhyo", text))
            data = self.paste(to) or b""
            self.assertEqual(data, text if arrives else b"", (text, to))
            (got / f"{n}-{to}").write_bytes(data)
        self.drain()
        eventually(lambda: {"my-number", "default"} <= {p["reason"] for p in self.pastes()}, "both refusals are recorded")
        return got

    def test_nothing_has_it(self):
        got = self.pasted()
        out = self.machine.root / "out"
        out.mkdir()
        today = time.strftime("%Y-%m-%d")
        for name, words in {
                "show": ("audit", "show"), "json": ("audit", "show", "--json"), "status": ("status", "--json"),
                "devices": ("devices", "--json"),
                **{f"inspect.{form}": ("inspect", "--format", form) for form in ("csv", "json", "html")},
                **{f"digest.{form}": ("digest", "--month", today[:7], "--format", form) for form in ("json", "html")},
                "media.csv": ("media", "export", self.machine.record_file), "history": ("policy", "history"),
                "learn": ("network", "learn", "--blocked"), "permits": ("permit", "list", "--json"),
                **{f"fleet.{form}": ("fleet", "report", "--format", form, self.machine.record_file)
                   for form in ("table", "csv", "json", "html")},
                "export.said": ("audit", "export", out / "export"), "tar.said": ("audit", "export", out / "export.tar"),
                "evidence.said": ("evidence", "--from", today, "--to", today, "--output", out / "bundle")}.items():
            (out / name).write_bytes(self.ctl(*words))
        self.drain()
        store(out, self.sent, 0)
        told = subprocess.run(["journalctl", f"--file={out}/system.journal", "-o", "export", "--all"], capture_output=True, check=True)
        (out / "journal.export").write_bytes(told.stdout)
        self.helper.terminate()
        self.helper.wait(timeout=30)
        self.machine.stop()

        # The search finds what is there: with the programs that may have it, and in none of the others.
        self.assertEqual({pathlib.Path(f).name for f in files_that_hold_it(got)[1]}, {"0-juminhyo", "1-office", "3-juminhyo"})
        self.assertIn(b"paste-refused", told.stdout)
        self.assertIn(b"paste-refused", self.machine.record_file.read_bytes())
        for path in ("export.tar", "export/manifest.json", "export/agent/audit.jsonl", "bundle/SHA256SUMS", "bundle/record/agent/audit.jsonl"):
            self.assertTrue((out / path).is_file(), path)
        n, holding = files_that_hold_it(self.machine.root, but=(got, self.programs))
        print(f"{n} files, {len(self.sent)} messages to the journal")
        self.assertGreater(n, 40)
        self.assertEqual(holding, [])


if __name__ == "__main__":
    fakeroot.main()
