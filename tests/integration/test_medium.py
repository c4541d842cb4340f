#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekisho-reader on images of sticks: file systems that other programs made, and damaged ones."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import media_images as media
from media_images import MIB

READER = pathlib.Path(os.environ.get("SEKISHO_BUILD", "build/dev")) / "agent/medium/sekisho-reader"
FILE, TOO_LARGE, UNREADABLE, END = 1, 2, 3, 4
TEXT = b"".join(b"line %d\n" % n for n in range(4000))
FILES = {"policy.yaml": TEXT, "policy.yaml.sig": b"-----BEGIN SSH SIGNATURE-----\n", "EMPTY": b"",
         "方針 令和8年度 第2版 とても長い名前のポリシー文書.yaml": b"sekisho: 1\n" * 3000}  # fmt: skip


class Reader(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-medium-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.image = self.directory / "stick"

    def read(self, path=None):
        """What it answers. It may write, by the file that it is given; afterwards the stick is what it was."""
        path = path or self.image
        before, changed = path.read_bytes(), path.stat().st_mtime_ns
        with path.open("r+b") as f:
            done = subprocess.run([READER, "image"], stdin=f, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.stderr, b"")
        self.assertTrue(path.read_bytes() == before and path.stat().st_mtime_ns == changed, "the stick was written to")
        found = media.frames(done.stdout)
        self.assertEqual(found[-1][0], END)
        return {name: (kind, content) for kind, name, content in found[:-1]}, found[-1][1]

    def holds(self, files, path=None):
        found, outcome = self.read(path)
        self.assertEqual(outcome, "ok")
        self.assertEqual(found, {name: (FILE, content) for name, content in files.items()})

    def test_fat12(self):
        self.holds(FILES, media.fat(self.image, FILES, bits=12, size=2 * MIB))

    def test_fat16(self):
        self.holds(FILES, media.fat(self.image, FILES, bits=16))

    def test_fat32(self):
        self.holds(FILES, media.fat(self.image, FILES, bits=32, size=40 * MIB, cluster=1))

    def test_exfat(self):
        self.holds(FILES, media.exfat(self.image, FILES))

    def test_partitions(self):
        volume = media.fat(self.directory / "volume", FILES)
        self.holds(FILES, media.mbr(self.image, volume))
        self.holds(FILES, media.gpt(self.image, volume))
        self.holds(FILES, media.gpt(self.image, media.exfat(self.directory / "other", FILES)))

    def test_fragments_and_a_folder_of_many_clusters(self):
        many = {f"{n:03} with a name that takes some entries.yaml": b"x" * (n * 97) for n in range(60)}
        media.fat(self.image, many, bits=16, size=16 * MIB, cluster=1)
        media.run("mdel", "-i", self.image, "::SEKISHO/00?*", "::SEKISHO/02?*", "::SEKISHO/04?*")
        left = {k: v for k, v in many.items() if k[:2] not in ("00", "02", "04")}
        (self.directory / "big").write_bytes(TEXT * 20)  # goes into the holes
        media.run("mcopy", "-i", self.image, self.directory / "big", "::SEKISHO/big")
        self.holds({**left, "big": TEXT * 20})

    def test_name_of_the_folder(self):
        for folder, found in (("sekisho", True), ("SEKISHO", True), ("SEKISHO2", False)):
            media.fat(self.image, {"a": b"1"}, folder=folder)
            self.assertEqual(self.read()[1], "ok" if found else "no-folder")

    def test_what_is_no_file_for_us(self):
        media.fat(self.image, {"a": b"1", "._a": b"2", "huge": b"#" * (4 * MIB + 1)}, size=16 * MIB)
        media.run("mmd", "-i", self.image, "::SEKISHO/folder")
        self.assertEqual(self.read()[0], {"a": (FILE, b"1"), "huge": (TOO_LARGE, b"")})

    def test_nothing_to_read(self):
        self.image.write_bytes(b"")
        self.assertEqual(self.read(), ({}, "no-volume"))
        self.image.write_bytes(b"\0" * MIB)
        self.assertEqual(self.read(), ({}, "no-volume"))

    def test_a_chain_that_bites_its_tail(self):
        media.fat(self.image, {"policy.yaml": TEXT}, bits=16, size=16 * MIB, cluster=1)
        content = bytearray(self.image.read_bytes())
        table = int.from_bytes(content[14:16], "little") * 512
        for at in range(table + 4, table + 512, 2):  # every used cluster leads to itself
            if content[at : at + 2] != b"\0\0":
                content[at : at + 2] = ((at - table) // 2).to_bytes(2, "little")
        self.image.write_bytes(content)
        found, outcome = self.read()
        self.assertIn(outcome, ("ok", "error", "no-folder"))
        self.assertNotEqual(found.get("policy.yaml"), (FILE, TEXT))

    def test_damaged_bytes_end_in_an_answer(self):
        media.fat(self.image, FILES, bits=12, size=MIB)
        whole, rng = self.image.read_bytes(), random.Random(1)
        for _ in range(150):
            content = bytearray(whole)
            for _ in range(rng.randrange(1, 30)):
                content[rng.randrange(0, 20000)] = rng.randrange(256)
            self.image.write_bytes(content)
            self.read()

    def test_sandbox(self):
        """What it cannot do any more once it reads: the calls it makes are on its list, and it opens nothing."""
        media.fat(self.image, FILES, bits=12, size=MIB)
        trace = self.directory / "trace"
        with self.image.open("rb") as f:
            subprocess.run(["strace", "-f", "-o", trace, READER, "image"], stdin=f, capture_output=True, check=False,
                           env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # fmt: skip
        lines = trace.read_text().splitlines()
        begin = next(i for i, line in enumerate(lines) if "seccomp(SECCOMP_SET_MODE_FILTER" in line or "PR_SET_SECCOMP" in line)
        after = [line.split(None, 1)[1].split("(")[0] for line in lines[begin + 1 :] if "(" in line]
        self.assertIn("pread64", after)
        self.assertEqual([c for c in after if c in ("open", "openat", "socket", "execve", "clone", "clone3", "ptrace")], [])


if __name__ == "__main__":
    missing = [p for p in ("mcopy", "/usr/sbin/mkfs.fat", "/usr/sbin/mkfs.exfat", "strace") if not shutil.which(p)]
    if missing:
        print(f"not installed: {', '.join(missing)} (packages mtools, dosfstools, exfatprogs, strace)")
        sys.exit(77)
    unittest.main(verbosity=2)
