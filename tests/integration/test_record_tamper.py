#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A record with anchors and segments, tampered with in every way that is told of in SECURITY.md: found by ours and by the
independent verifier alike, at the same line, or named there as what cannot be found. The real agent wrote the record."""

import base64
import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import fakeroot
from fakeroot import STORAGE, AgentTest, eventually
from ctl_fixture import run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import verify_record  # noqa: E402

STICK = (0x0781, 0x5591, STORAGE)


def lines_of(path):
    return path.read_bytes().split(b"\n")[:-1]


class Tampering(AgentTest):
    def make(self):
        """Starts and stops: anchors at each stop, and three segments, since a day passes in between."""
        m = self.machine
        for n in range(3):
            m.start()
            m.plug(f"1-{n + 2}", *STICK)
            eventually(lambda: m.settled(f"1-{n + 2}"))
            m.stop()
        return m.root / "var/log/sekisho"

    def copy(self, source):
        target = pathlib.Path(self.machine.root) / "copy"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for f in source.glob("*.jsonl"):
            shutil.copy(f, target)
        return target

    def ours(self, directory, *more):
        code, out, err = run("audit", "verify", "--json", "--key", self.key, *more, directory)
        answer = json.loads(out)
        self.assertEqual(code, 0 if answer["whole"] else 1, err)
        bad = [f for f in answer["files"] if f["fault"] != "none"]
        return answer["whole"], (bad[0]["fault"], bad[0]["at"]["line"]) if bad else None

    def theirs(self, directory, head=None):
        arguments = ["--key", str(self.key)] + (["--head", head] if head else [])
        files = sorted(directory.glob("audit-*.jsonl")) + [directory / "audit.jsonl"]
        err = io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
            code = verify_record.main(arguments + [str(f) for f in files if f.exists()])
        return code == 0, err.getvalue()

    def judge(self, directory, whole, what, head=None):
        more = ["--head", head] if head else []
        our, fault = self.ours(directory, *more)
        their, text = self.theirs(directory, head)
        self.assertEqual((our, their), (whole, whole), f"{what}: {fault} {text}")
        if fault:
            self.assertIn(f"line {fault[1]}:", text, what)
        return fault


class Tamper(Tampering):
    def setUp(self):
        super().setUp()
        self.source = self.make()
        self.key = self.source / "audit.pub"
        self.assertTrue(self.key.read_text().startswith("ssh-ed25519 "))
        records = lines_of(self.source / "audit.jsonl")
        last = json.loads(records[-1])["unmapped"]["sekisho"]
        self.assertIn("anchor", last, "the last word of an agent that stops")
        self.head = f"agent:{last['anchor']['seq']}:{last['anchor']['head']}"

    def test_whole(self):
        self.judge(self.copy(self.source), True, "as it was written")
        self.judge(self.copy(self.source), True, "with a head", self.head)
        code, out, _ = run("audit", "verify", "--root", self.machine.root)
        self.assertEqual(code, 0, out)
        self.assertIn("signed up to record", out)
        self.assertEqual(run("audit", "key", "--root", self.machine.root)[0], 0)

    def test_lines(self):
        lines = lines_of(self.source / "audit.jsonl")
        anchors = [i for i, x in enumerate(lines) if b'"anchor":{' in x]
        self.assertGreaterEqual(len(anchors), 3)
        for i in range(0, len(lines)):
            is_last = i == len(lines) - 1
            rows = [("removed", lines[:i] + lines[i + 1:]), ("doubled", lines[:i + 1] + lines[i:])]
            if not is_last:
                rows.append(("swapped", lines[:i] + [lines[i + 1], lines[i]] + lines[i + 2:]))
            for what, changed in rows:
                directory = self.copy(self.source)
                (directory / "audit.jsonl").write_bytes(b"\n".join(changed) + b"\n")
                # The last line taken away is the tail cut: only a head from elsewhere tells.
                whole = what == "removed" and is_last
                self.assertEqual(self.ours(directory)[0], whole, f"{what} {i}")
                if i % 5 == 0 or is_last:
                    self.judge(directory, whole, f"{what} {i}")

    def test_tail(self):
        lines = lines_of(self.source / "audit.jsonl")
        for n in range(1, len(lines)):
            directory = self.copy(self.source)
            (directory / "audit.jsonl").write_bytes(b"\n".join(lines[:n]) + b"\n")
            self.assertTrue(self.ours(directory)[0], "not found without a head: SECURITY.md says so")
            seq = int(self.head.split(":")[1])
            self.assertEqual(self.ours(directory, "--head", self.head)[0], n >= seq, f"cut behind {n}")
        self.judge(directory, True, "cut behind the head: nothing that is known is missing", self.head)

    def test_rewritten_without_the_key(self):
        """Every line made anew with new hashes: the first anchor does not fit."""
        lines, prev, made = lines_of(self.source / "audit.jsonl"), "0" * 64, []
        for i, line in enumerate(lines):
            event = json.loads(line)
            own = event["unmapped"]["sekisho"]
            if i == 3:
                event["message"] = "nothing happened"
            own["prev"] = prev
            if "anchor" in own:
                own["anchor"]["head"] = prev
            made.append(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())
            prev = hashlib.sha256(made[-1]).hexdigest()
        directory = self.copy(self.source)
        (directory / "audit.jsonl").write_bytes(b"\n".join(made) + b"\n")
        self.assertEqual(self.judge(directory, False, "rewritten")[0], "signature-bad")
        # Without its anchors nothing is left that could be wrong: only a head from elsewhere tells.
        made, prev, seq = [], "0" * 64, 0
        for line in lines:
            event = json.loads(line)
            own = event["unmapped"]["sekisho"]
            if "anchor" in own:
                continue
            seq += 1
            own["prev"], own["seq"] = prev, seq
            made.append(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())
            prev = hashlib.sha256(made[-1]).hexdigest()
        (directory / "audit.jsonl").write_bytes(b"\n".join(made) + b"\n")
        self.judge(directory, True, "written anew without anchors: SECURITY.md says so")
        self.assertFalse(self.ours(directory, "--head", self.head)[0])

    def test_signed_with_another_key(self):
        """Every line made anew, and every anchor signed anew by a key of the forger's."""
        pem, text = (pathlib.Path(self.machine.root) / name for name in ("forger.pem", "anchor"))
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True)
        public = subprocess.run(["openssl", "pkey", "-in", pem, "-pubout", "-outform", "DER"], check=True, capture_output=True)
        forger = public.stdout[-32:].hex()
        prev, made = "0" * 64, []
        for i, line in enumerate(lines_of(self.source / "audit.jsonl")):
            event = json.loads(line)
            own = event["unmapped"]["sekisho"]
            if i == 3:
                event["message"] = "nothing happened"
            own["prev"] = prev
            if "anchor" in own:
                a = own["anchor"]
                a.update(head=prev, key=forger, next=forger if a["next"] else None)
                text.write_bytes(verify_record.anchor_text(own["log"], a))
                signed = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", pem, "-in", text], check=True,
                                        capture_output=True)
                a["signature"] = signed.stdout.hex()
            made.append(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())
            prev = hashlib.sha256(made[-1]).hexdigest()
        directory = self.copy(self.source)
        (directory / "audit.jsonl").write_bytes(b"\n".join(made) + b"\n")
        self.judge(directory, False, "signed with another key")
        self.judge(directory, False, "signed with another key, with a head", self.head)
        # The first key replaced as well: SECURITY.md says that then only a head from elsewhere tells.
        blob = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes.fromhex(forger)).decode()
        kept, self.key = self.key, pathlib.Path(self.machine.root) / "forger.pub"
        self.key.write_text(kept.read_text().replace(kept.read_text().split()[1], blob))
        self.judge(directory, True, "with the forger's key taken for the first one")
        self.judge(directory, False, "the same, with a head", self.head)

    def test_anchor_of_another_moment(self):
        lines = lines_of(self.source / "audit.jsonl")
        anchors = [i for i, x in enumerate(lines) if b'"anchor":{' in x]
        first, second = (json.loads(lines[i]) for i in anchors[:2])
        second["unmapped"]["sekisho"]["anchor"] = first["unmapped"]["sekisho"]["anchor"]
        lines[anchors[1]] = json.dumps(second, separators=(",", ":")).encode()
        directory = self.copy(self.source)
        (directory / "audit.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        self.assertEqual(self.judge(directory, False, "an older anchor in its place")[0], "anchor-differs")

    def test_every_byte(self):
        """At 400 places of the whole file, one bit changed; tests/unit/test_rotate.c changes every bit of one."""
        data = (self.source / "audit.jsonl").read_bytes()
        directory = self.copy(self.source)
        path = directory / "audit.jsonl"
        last_line = data.rstrip(b"\n").rfind(b"\n") + 1
        step = max(1, len(data) // 400)
        missed = []
        for i in list(range(0, len(data), step)):
            path.write_bytes(data[:i] + bytes([data[i] ^ 1]) + data[i + 1:])
            if self.ours(directory)[0]:
                missed.append(i)
        self.assertTrue(all(i >= last_line for i in missed), missed[:5])


class Segments(Tampering):
    """A whole segment taken away, each in turn."""

    def setUp(self):
        super().setUp()
        root = self.machine.root
        subprocess.run(["ninja", "-C", fakeroot.BUILD, "age_record"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([fakeroot.BUILD / "agent/audit/age_record", root, "4", "30"], check=True)
        self.source = root / "var/log/sekisho"
        self.key = self.source / "audit.pub"
        last = lines_of(self.source / "audit.jsonl")[-1]
        self.head = f"agent:{json.loads(last)['unmapped']['sekisho']['seq']}:{hashlib.sha256(last).hexdigest()}"
        self.names = sorted(p.name for p in self.source.glob("audit-*.jsonl")) + ["audit.jsonl"]
        self.assertEqual(len(self.names), 5)

    def without(self, *names):
        directory = self.copy(self.source)
        for name in names:
            (directory / name).unlink()
        return directory

    def test_each_segment(self):
        self.judge(self.without(), True, "nothing gone", self.head)
        for name in self.names[:-1]:
            self.assertEqual(self.judge(self.without(name), False, name)[0], "prev-differs")
            self.judge(self.without(name), False, f"{name}, with a head", self.head)
        for i in range(2, len(self.names)):
            self.judge(self.without(*self.names[1:i]), False, f"all between the first and {self.names[i]}")

    def test_the_end(self):
        """Whole segments at the end: SECURITY.md says that only a head from elsewhere tells."""
        for i in range(1, len(self.names)):
            directory = self.without(*self.names[i:])
            self.judge(directory, True, f"all from {self.names[i]} on")
            self.judge(directory, False, f"all from {self.names[i]} on, with a head", self.head)

    def test_the_beginning_without_a_key(self):
        """Nobody can say with what a record begins that has no key: SECURITY.md says so. The machine's own begins at 1."""
        directory = self.without(self.names[0])
        self.assertEqual(run("audit", "verify", directory)[0], 0)
        (self.source / self.names[0]).unlink()
        self.assertEqual(run("audit", "verify", "--root", self.machine.root)[0], 1)

if __name__ == "__main__":
    unittest.main(verbosity=2)
