#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How much a permit lets through, and how it shuts: on a fake machine whose disks are real loop devices. What the kernel
counted as written stands in a file here."""
import pathlib
import shutil
import sys
import time

import fakeroot
from fakeroot import eventually, policy
from permit_fixture import PermitMixin
from test_storage import StorageTest

SECTORS = 2048  # one MiB


class Bytes(PermitMixin, StorageTest):
    def setUp(self):
        super().setUp()
        self.make_keys()
        self.machine.ship(policy())
        self.machine.start()
        self.machine.settled("1-2")
        self.trust()

    def opened(self, written=0, **options):
        """The permitted medium with its disk, of which so many sectors were written before."""
        self.install(serial="A", **options)
        disk = self.disk(getattr(self, "kinds", ("", "vfat")))
        self.count(disk, written)
        self.held()
        return disk

    def count(self, disk, sectors):
        (disk.directory / "stat").write_text(f"  90 0 720 40  12 3 {sectors} 55  0 60 95 0 0 0 0\n")

    def to_write(self, most="1MiB", **options):
        return self.opened(action="allow", more=f"encrypted: any\nmax-bytes: {most}\n", **options)

    def bytes(self):
        return self.permits()["p1"]["bytes"]

    def test_held_as_the_permit_says(self):
        disk = self.opened()
        self.assertEqual(self.machine.disks()["sda"]["held"], ["read-only", "users"])
        self.assertEqual(self.machine.disks()["sda"]["ticket"], "様式第1号の2 令和8年度-p1")
        self.assertFalse(self.writes("sda") or self.writes("sda1"))
        self.assertEqual([self.may("sda1", u) for u in ("yamada", "tanaka")], ["yes", "no"])
        self.assertEqual(disk.acl("sda1"), {("user", 1001): 4})

    def test_writing_asks_for_encryption(self):
        self.opened(action="allow", more="max-bytes: 1MiB\n")
        self.assertEqual(self.machine.disks()["sda"]["held"], ["users", "luks"])
        self.assertEqual(self.may("sda1", "yamada"), "no", "a plaintext volume")

    def test_over_the_limit_it_is_cut(self):
        disk = self.to_write()
        self.assertTrue(self.writes("sda1"))
        self.count(disk, SECTORS)
        eventually(lambda: self.bytes() == 1 << 20, "all of it")
        self.assertTrue(self.machine.open("1-2"), "the twin: the limit itself is within it")
        self.closer.gate.clear()  # somebody still writes
        self.count(disk, SECTORS + 1)
        eventually(lambda: not self.machine.open("1-2"), "the port to be shut, whatever is not written yet")
        self.closer.gate.set()
        self.assertEqual(self.state(), ("used", "max-bytes"))
        self.assertEqual(self.records("ended")[0]["bytes"], (1 << 20) + 512)

    def test_in_time_what_is_written_comes_first(self):
        self.to_write(duration="3s")
        self.closer.gate.clear()
        eventually(lambda: self.state()[0] == "used")
        eventually(lambda: self.closer.asked)
        self.assertTrue(self.machine.open("1-2"), "while it is being written back the port is open")
        self.assertEqual(self.may("sda1", "yamada"), "no", "nobody new gets in meanwhile")
        self.closer.gate.set()
        eventually(lambda: not self.machine.open("1-2"), "then it is shut")

    def test_the_count_outlives_the_agent(self):
        disk = self.to_write()
        self.count(disk, 1000)
        eventually(lambda: self.bytes() == 512000)
        time.sleep(0.3)
        self.machine.kill()
        self.count(disk, 1500)
        self.machine.start()
        eventually(lambda: self.bytes() == 1500 * 512, "what was written meanwhile, and nothing twice")
        self.machine.kill()
        self.count(disk, SECTORS + 8)
        self.machine.start()
        eventually(lambda: not self.machine.open("1-2"))
        self.assertEqual(self.state(), ("used", "max-bytes"))

    def test_what_was_there_before_is_anothers(self):
        self.machine.install(policy(2, rules=["    - {id: all, match: {class: [storage]}, action: read-only}"]))
        disk = self.disk()
        self.count(disk, 100000)
        self.held()
        self.install(serial="A", action="allow", more="encrypted: any\nmax-bytes: 1MiB\n")
        self.assertEqual(self.state(), ("live", ""))
        time.sleep(0.6)
        self.assertEqual(self.bytes(), 0)
        self.count(disk, 100000 + 100)
        eventually(lambda: self.bytes() == 51200)

    def test_a_file_that_is_no_count(self):
        disk = self.to_write()
        (disk.directory / "stat").write_text("garbage\n")
        time.sleep(0.6)
        self.assertEqual(self.state(), ("live", ""))
        self.count(disk, 10)
        eventually(lambda: self.bytes() == 5120)


if __name__ == "__main__":
    if not pathlib.Path("/dev/loop-control").exists() or not shutil.which("ssh-keygen"):
        print("needs loop devices and ssh-keygen")
        sys.exit(77)
    fakeroot.main()
