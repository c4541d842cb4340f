#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl scan: finds My Numbers in files and folders, and shows none."""

import json
import os
import socket
import types
import unittest

import ctl_fixture
from ctl_fixture import NOBODY, Files

NUMBER = "123456789018"
FULL = "１２３４５６７８９０１８"


def run(*words, user=None):
    return types.SimpleNamespace(**dict(zip(("returncode", "stdout", "stderr"), ctl_fixture.run(*words, user=user))))


def rows(done):
    return {row["path"]: row for row in map(json.loads, done.stdout.splitlines())}


class Scan(Files):
    def setUp(self):
        super().setUp()
        self.top = self.directory / "share"
        self.top.mkdir()

    def put(self, name, data):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return str(path)

    def test_kinds_and_places(self):
        wanted = {
            self.put("a.csv", f"名前,番号\n山田,{NUMBER}\n"): (21, 12, "ascii", "half"),
            self.put("b/c.txt", "個人番号 1234-5678-9018"): (13, 14, "ascii", "half-grouped"),
            self.put("b/full.txt", FULL): (0, 36, "utf-8", "full"),
            self.put("sjis.txt", f"番号{FULL}".encode("cp932")): (4, 24, "cp932", "full"),
            self.put("utf16.csv", f"x,{NUMBER}".encode("utf-16-le")): (4, 24, "utf-16le", "half"),
            self.put("jis.txt", FULL.encode("iso2022_jp")): (3, 24, "iso-2022-jp", "full"),
        }
        clean = self.put("clean.txt", "電話 0120-0000-9018, 法人番号 7000012050002")
        done = run("scan", "--json", self.top)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        found = rows(done)
        self.assertEqual(set(found), set(wanted) | {clean})
        self.assertEqual(found[clean]["matches"], [])
        for path, (offset, length, encoding, form) in wanted.items():
            [match] = found[path]["matches"]
            self.assertEqual((match["offset"], match["length"], match["encoding"], match["form"]),
                             (offset, length, encoding, form), path)
        self.assertEqual(found[str(self.top / "b/c.txt")]["matches"][0]["score"], 100)

    def test_the_number_is_never_shown(self):
        self.put("a.txt", f"マイナンバー {NUMBER} {FULL} 1234-5678-9018")
        for words in (["scan"], ["scan", "--json"], ["scan", "--min-score", "0"]):
            done = run(*words, self.top)
            self.assertEqual(done.returncode, 1)
            for secret in (NUMBER, FULL, "1234-5678-9018", "12345678"):
                self.assertNotIn(secret, done.stdout + done.stderr)

    def test_nothing_found(self):
        done = run("scan", self.put("a.txt", "123456789017"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("1 files, 0 with", done.stdout)

    def test_score(self):
        path = self.put("log", "202611281732 ok\n")
        self.assertEqual(run("scan", path).returncode, 0)
        self.assertEqual(run("scan", "--min-score", "30", path).returncode, 1)
        for bad in ("101", "-1", "x", ""):
            self.assertEqual(run("scan", "--min-score", bad, path).returncode, 2, bad)

    def test_pieces_of_a_large_file(self):
        """At every kind of place across the pieces in which a file is read."""
        size = 5 << 20
        data = bytearray(b"a" * size)
        places = [n * 65521 for n in range(size // 65521)] + [(1 << 20) + n for n in range(-1040, 1060, 20)]
        places = sorted(set(places))
        kept = [p for i, p in enumerate(places) if i == 0 or p - places[i - 1] >= 20]
        for p in kept:
            data[p:p + 12] = NUMBER.encode()
        [row] = rows(run("scan", "--json", self.put("large", bytes(data)))).values()
        self.assertEqual([m["offset"] for m in row["matches"]], kept)

    def test_many_in_one_file(self):
        row = rows(run("scan", "--json", self.put("many", f"{NUMBER}\n" * 30000))).popitem()[1]
        self.assertEqual((row["count"], len(row["matches"])), (30000, 10000))

    def test_what_is_no_file(self):
        """No symbolic link is followed, no pipe, socket or device is opened."""
        secret = self.directory / "elsewhere"
        secret.mkdir()
        (secret / "x").write_text(NUMBER)
        os.symlink(secret, self.top / "folder")
        os.symlink(secret / "x", self.top / "file")
        os.mkfifo(self.top / "pipe")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(self.top / "socket"))
            done = run("scan", "--json", self.top)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(run("scan", self.top / "folder").returncode, 1)  # twin: given by name, it is followed

    def test_unreadable(self):
        os.chmod(self.directory, 0o755)
        os.chmod(self.put("shut", NUMBER), 0)
        self.put("open", "nothing")
        done = run("scan", "--json", self.top, user=NOBODY)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(rows(done)[str(self.top / "shut")]["error"], "Permission denied")
        self.put("number", NUMBER)
        self.assertEqual(run("scan", self.top, user=NOBODY).returncode, 1)  # what was found comes first
        self.assertEqual(run("scan", self.top / "none").returncode, 2)

    def test_names_that_are_no_text(self):
        name = os.fsencode(self.top) + b"/\xff\x1b[31m"
        with open(name, "wb") as f:
            f.write(NUMBER.encode())
        done = run("scan", "--json", self.top)
        self.assertEqual(rows(done).popitem()[0], f"{self.top}/\\xFF\\u{{001B}}[31m")
        self.assertNotIn("\x1b", run("scan", self.top).stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
