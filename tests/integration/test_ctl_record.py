#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl audit: reading and verifying records, whole and tampered with."""

import hashlib
import json
import os
import signal
import time
import unittest

from ctl_fixture import NOBODY, run, record, Files


class Record(Files):
    def machine(self, lines, end=b"\n"):
        path = self.file("var/log/sekisho/audit.jsonl", b"\n".join(lines) + (end if lines else b""))
        return path

    def verify(self, *words, status):
        return self.json("audit", "verify", *words, "--root", self.directory, status=status)

    def test_whole(self):
        self.machine(record(100))
        answer = self.verify(status=0)
        (f,) = answer["files"]
        self.assertTrue(answer["whole"])
        self.assertEqual((f["fault"], f["at"], f["records"], f["first_seq"], f["last_seq"]), ("none", None, 100, 1, 100))
        self.assertEqual(f["head"], hashlib.sha256(record(100)[-1]).hexdigest())

    def test_every_way_to_tamper(self):
        good = record(50)
        changed = list(good)
        changed[20] = changed[20].replace(b"message 21", b"message 12")
        swapped = list(good)
        swapped[10], swapped[11] = swapped[11], swapped[10]
        rows = [
            ("one byte changed", changed, b"\n", "prev-differs", 22),
            ("one line deleted", good[:20] + good[21:], b"\n", None, 21),
            ("first line deleted", good[1:], b"\n", "prev-differs", 1),
            ("lines swapped", swapped, b"\n", None, 11),
            ("line doubled", good[:20] + good[19:], b"\n", None, 21),
            ("torn tail", good, b"", "torn", 50),
            ("not JSON", good[:30] + [b"hello"] + good[30:], b"\n", "not-json", 31),
            ("no chain", good[:30] + [b"{}"] + good[30:], b"\n", "no-chain", 31),
        ]
        for name, lines, end, fault, line in rows:
            with self.subTest(name):
                path = self.machine(lines, end)
                (f,) = self.verify(status=1)["files"]
                self.assertFalse(f["whole"])
                self.assertEqual(f["at"]["line"], line)
                self.assertEqual(f["at"]["offset"], sum(len(x) + 1 for x in lines[: line - 1]))
                if fault:
                    self.assertEqual(f["fault"], fault)
                code, out, _ = run("audit", "verify", "--root", self.directory)
                self.assertEqual(code, 1)
                self.assertIn(f"line {line}", out)
                if name != "first line deleted":  # a copy of a later part is whole in itself
                    self.assertEqual(run("audit", "verify", path)[0], 1)
        self.machine(good)
        self.verify(status=0)

    def test_several_files(self):
        lines = record(9)

        def part(name, some, end=b"\n"):
            return self.file(name, b"\n".join(some) + end)

        a, b, c = part("a", lines[:3]), part("b", lines[3:6]), part("c", lines[6:])
        for order in [(a, b, c), (c, a, b)]:
            self.assertEqual(len(self.verify(*order, status=0)["files"]), 3)
        answer = self.verify(a, c, status=1)  # the one between is missing
        self.assertEqual([f["fault"] for f in answer["files"]], ["none", "prev-differs"])
        self.assertFalse(self.verify(a, part("d", lines[3:6], b""), c, status=1)["whole"])
        self.verify(a, a, status=1)
        head = hashlib.sha256(lines[5]).hexdigest()
        self.verify(a, b, "--head", f"agent:6:{head}", status=0)
        answer = self.verify(a, "--head", f"agent:6:{head}", status=1)
        self.assertEqual((answer["logs"][0]["end_missing"], answer["logs"][0]["known_elsewhere"]), (True, 6))
        answer = self.verify(a, b, "--head", f"agent:5:{head}", status=1)
        self.assertEqual(answer["files"][1]["fault"], "head-differs")
        self.verify(a, "--head", f"otp:1:{head}", status=1)
        self.assertEqual(run("audit", "verify", a, "--head", "agent:x:y")[0], 2)
        code, _, err = run("audit", "verify", a, self.directory / "missing")
        self.assertEqual(code, 2, err)

    def test_no_record(self):
        for verb in ["verify", "tail", "show"]:
            self.assertEqual(run("audit", verb, "--root", self.directory)[0], 1)

    @unittest.skipUnless(os.getuid() == 0, "needs root, to become somebody else")
    def test_not_permitted(self):
        self.machine(record(1)).chmod(0o640)
        for verb in ["verify", "tail", "show"]:
            code, out, err = run("audit", verb, "--root", self.directory, user=NOBODY, cwd="/")
            self.assertEqual((code, out), (4, ""))
            self.assertIn("sekisho-audit", err)

    def test_tail(self):
        self.machine(record(30))
        for n, expected in [([], range(21, 31)), (["-n", "3"], range(28, 31)), (["--lines=100"], range(1, 31)), (["-n0"], [])]:
            code, out, _ = run("audit", "tail", *n, "--json", "--root", self.directory)
            self.assertEqual(code, 0)
            self.assertEqual([json.loads(x)["unmapped"]["sekisho"]["seq"] for x in out.splitlines()], list(expected))
        self.assertEqual(len(run("audit", "tail", "--root", self.directory)[1].splitlines()), 10)

    def test_tail_follows_and_changes_over(self):
        lines = record(5)
        path = self.machine(lines[:2])
        process, next_line = self.start("audit", "tail", "-f", "--json", "--root", self.directory)

        def next_seq():
            return json.loads(next_line())["unmapped"]["sekisho"]["seq"]

        self.assertEqual([next_seq(), next_seq()], [1, 2])
        with path.open("ab") as f:
            f.write(lines[2][:40])  # half a line is none yet
            f.flush()
            time.sleep(0.4)
            f.write(lines[2][40:] + b"\n")
        self.assertEqual(next_seq(), 3)
        path.rename(path.with_suffix(".old"))
        self.machine(lines[3:])
        self.assertEqual([next_seq(), next_seq()], [4, 5])
        process.terminate()
        self.assertEqual(process.wait(10), -signal.SIGTERM)

    def test_show(self):
        self.machine(record(30))
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1795392000 + 25))
        _, out, _ = run("audit", "show", "--since", moment, "--json", "--root", self.directory)
        self.assertEqual([json.loads(x)["unmapped"]["sekisho"]["seq"] for x in out.splitlines()], list(range(25, 31)))
        self.assertEqual(self.json("audit", "show", "--seq", "7", "--root", self.directory, status=0)["message"], "message 7")
        self.assertEqual(run("audit", "show", "--seq", "31", "--root", self.directory)[0], 1)

    def test_transfer(self):
        own = {"log": "agent", "seq": 1, "prev": "0" * 64, "rule": "stick", "facts": {"name": "Ultra"},
               "transfer": {"path": "/list\\x0a\033.csv", "old_path": "/draft", "size": 5120, "uid": 1000,
                            "program": "/usr/bin/mv", "disk": "sdb1"}}
        self.machine(record(1, code="file-renamed", class_uid=1001, unmapped={"sekisho": own}))
        code, out, _ = run("audit", "tail", "--root", self.directory)
        self.assertEqual(code, 0)
        for part in ("file renamed on a medium", "/draft -> /list\\x0a\\u{001B}.csv", "5120 bytes", "user 1000",
                     "/usr/bin/mv, Ultra, sdb1, stick"):
            self.assertIn(part, out)

    def test_hostile_record(self):
        evil = {"name": "\u202e\033]0;x\a\u009b31m\u200b", "vendor_id": "0781"}
        self.machine([*record(1, peripheral_device=evil), b"\xff\xfe damage", b"{}"])
        for words in [["tail"], ["show"], ["tail", "--json"]]:
            code, out, err = run("audit", *words, "--root", self.directory)
            self.assertEqual(code, 0)
            self.assertRegex(out, r"\\u(202E|\{202E\})")
            for c in "\033\a\u009b\u202e\u200b":
                self.assertNotIn(c, out + err)
            self.assertIn("damaged", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
