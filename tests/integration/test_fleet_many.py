#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fleet report over hundreds of terminals: lines of our own writer, with the id of each and a chain of its own. Some came twice,
some have a gap, some were changed: each is found with its terminal, and nobody else's is."""
import csv
import hashlib
import io
import json
import os
import pathlib
import random
import re
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", SOURCE / "build/dev"))
CTL = BUILD / "agent/ctl/sekishoctl"
TERMINALS, RECORDS = 400, 40
TWICE, GAPS, CHANGED = range(10, 30), range(40, 55), range(60, 67)


def chain(lines, number):
    """The same events of another terminal: a right chain, as its own agent would have written it."""
    head, out = b"0" * 64, []
    for line in lines:
        line = line.replace(b'"hostname":"madoguchi-1"', b'"hostname":"juki-%d"' % number)
        line = line.replace(b'"uid":"%032x"' % 1, b'"uid":"%032x"' % number)
        line = re.sub(rb'"prev":"[0-9a-f]{64}"', b'"prev":"%s"' % head, line)
        head = hashlib.sha256(line).hexdigest().encode()
        out.append(line)
    return out


class Many(unittest.TestCase):
    def report(self, form, *arguments):
        done = subprocess.run([CTL, "fleet", "report", "--format", form, "--stale", "36500d", *arguments], capture_output=True,
                              check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertNotIn(b"Sanitizer", done.stderr)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.returncode, done.stdout

    def fleet(self, directory):
        subprocess.run([BUILD / "agent/audit/make_record", directory / "one", str(RECORDS)], check=True)
        made = (directory / "one/var/log/sekisho/audit.jsonl").read_bytes().splitlines()
        store = directory / "store"
        store.mkdir()
        everything = []
        for n in range(1, TERMINALS + 1):
            lines = chain(made, n)
            if n in TWICE:
                lines = lines[:20] + lines[10:]
            if n in GAPS:
                lines = lines[:7] + lines[7 + n % 5 + 1:]
            if n in CHANGED:
                lines[25] = lines[25].replace(b'"severity_id":', b'"severity_id": ')
            everything += lines
            (store / f"{n}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        return store, everything

    def check(self, said):
        self.assertEqual(len(said["terminals"]), TERMINALS)
        by_number = {int(t["machine"], 16): t for t in said["terminals"]}
        self.assertEqual({n for n, t in by_number.items() if t["twice"]}, set(TWICE))
        self.assertEqual({n for n, t in by_number.items() if t["gaps"]}, set(GAPS))
        self.assertEqual({n for n, t in by_number.items() if t["altered"]}, set(CHANGED))
        self.assertEqual({n: by_number[n]["missing"] for n in GAPS}, {n: n % 5 + 1 for n in GAPS})
        self.assertEqual((said["twice"], said["with_gaps"], said["altered"], said["bad_lines"]),
                         (10 * len(TWICE), len(GAPS), len(CHANGED), 0))
        others = [t for n, t in by_number.items() if n not in (*TWICE, *GAPS, *CHANGED)]
        self.assertEqual({(t["chain"], t["records"], t["hostname"].startswith("juki-")) for t in others}, {("whole", RECORDS, True)})

    def test_more_permits_than_are_counted(self):
        """One terminal with more permits out than a report keeps: told of everywhere."""
        lines, head = [], "0" * 64
        for seq in range(1, 71):
            event = {"time": 1795390000000, "metadata": {"event_code": "permit-used"}, "device": {"uid": "m1", "hostname": "\x1b[2J"},
                     "unmapped": {"sekisho": {"permit": {"id": f"p{seq}"}, "log": "agent", "seq": seq, "prev": head}}}
            lines.append(json.dumps(event, separators=(",", ":")).encode())
            head = hashlib.sha256(lines[-1]).hexdigest()
        with tempfile.TemporaryDirectory(prefix="sekisho-") as directory:
            path = pathlib.Path(directory) / "one.jsonl"
            path.write_bytes(b"\n".join(lines) + b"\n")
            said = {form: self.report(form, path) for form in ("table", "csv", "html", "json")}
        self.assertEqual({code for code, _ in said.values()}, {1})
        self.assertIn(b"more permits out than are counted: 1", said["table"][1])
        for form in ("table", "csv", "html"):
            self.assertIn(b"64+", said[form][1])
            self.assertNotIn(b"\x1b", said[form][1])
        self.assertEqual(json.loads(said["json"][1])["with_more_permits"], 1)

    def test_many(self):
        with tempfile.TemporaryDirectory(prefix="sekisho-") as directory:
            store, lines = self.fleet(pathlib.Path(directory))
            status, out = self.report("json", store)
            self.assertEqual(status, 1)
            self.check(json.loads(out))
            rows = list(csv.reader(io.StringIO(self.report("csv", store)[1].decode("utf-8-sig"))))
            self.assertEqual(len(rows), TERMINALS + 1)
            # A collector that has one file for all, in the order in which they came.
            mixed = store.parent / "mixed.jsonl"
            last = random.Random(1)
            queues = {}
            for line in lines:
                queues.setdefault(re.search(rb'"uid":"([0-9a-f]{32})"', line)[1], []).append(line)
            waiting, out = [q[::-1] for q in queues.values()], []
            while waiting:
                queue = last.choice(waiting)
                out.append(queue.pop())
                if not queue:
                    waiting.remove(queue)
            mixed.write_bytes(b"\n".join(out) + b"\n")
            status, out = self.report("json", mixed)
            self.assertEqual(status, 1)
            self.check(json.loads(out))
            # The twin: nothing is wrong with one that nobody touched.
            whole = store.parent / "whole"
            whole.mkdir()
            for n in range(100, 200):
                (store / f"{n}.jsonl").rename(whole / f"{n}.jsonl")
            status, out = self.report("json", whole)
            self.assertEqual((status, json.loads(out)["records"]), (0, 100 * RECORDS))


if __name__ == "__main__":
    unittest.main(verbosity=2)
