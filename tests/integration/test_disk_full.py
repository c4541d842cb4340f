#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk is full and the record goes on in its reserve: what would open is refused and what shuts is not, every record is
there, and all of it is over when there is room. On a real file system of its own, with the real agent."""

import fakeroot
from fakeroot import BLOCK_CAMERA, ALLOW_READER, READER, AgentTest, VarlinkError, eventually, policy
from permit_fixture import SERIAL, STICK, PermitMixin
from ctl_fixture import run

import json
import shutil
import signal
import subprocess
import sys

CARD = (0x04E6, 0x5116, READER)
ALLOW_STICK = "    - {id: stick, match: {bus: usb, vendor: '0781'}, action: read-only}"


class Reserve(PermitMixin, AgentTest):
    def setUp(self):
        super().setUp()
        m = self.machine
        self.directory = m.root / "var/log/sekisho"
        self.directory.mkdir()
        self.directory.chmod(0o750)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0750", "tmpfs", self.directory],
                          capture_output=True).returncode:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.directory], capture_output=True)
        self.filler = self.directory / "filler"
        self.make_keys()
        m.ship(policy())
        m.plug("1-2", *STICK, serial=SERIAL, label="Ultra")
        m.start()
        self.trust()

    def fill(self):
        with self.filler.open("ab", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def until_reserve(self):
        """Records, until one of them does not fit beside what fills the disk."""
        self.fill()
        m = self.machine
        for i in range(20, 120):
            if m.status()["record"]["on_reserve"]:
                return
            self.plug_once(f"1-{i}")
        self.fail("the record never came into its reserve")

    def plug_once(self, port):
        m = self.machine
        m.plug(port, *STICK)
        m.settled(port)
        m.unplug(port)
        eventually(lambda: m.device(port) is None)

    def policy_refused(self, reason, text):
        with self.assertRaises(VarlinkError) as caught:
            self.machine.install(text)
        self.assertEqual(caught.exception.parameters["reason"], reason)

    def test_in_the_reserve(self):
        m = self.machine
        self.assertFalse(m.status()["record"]["on_reserve"])
        self.assertNotIn("disk-full", m.attention())
        m.plug("1-9", *CARD)
        eventually(lambda: m.open("1-9"))
        self.until_reserve()
        eventually(lambda: "disk-full" in m.attention(), "it is said")

        # What opens is refused: a permit, a policy with a rule more, a policy that observes.
        self.install_refused("disk-full", self.permit())
        self.assertNotIn("p1", self.permits())
        self.policy_refused("disk-full", policy(2, rules=(ALLOW_READER, ALLOW_STICK)))
        self.policy_refused("disk-full", policy(2, mode="observe"))
        self.assertEqual(m.status()["policy"]["serial"], 1)
        self.assertFalse(m.open("1-2"))
        path = m.root / "wider.yaml"
        path.write_text(policy(2, rules=(ALLOW_READER, ALLOW_STICK)))
        code, out, err = run("policy", "install", "--root", m.root, path)
        self.assertEqual(code, 1, out + err)
        self.assertIn("disk is full", err)

        # What was open and is allowed opens still: its record has room.
        m.plug("1-10", *CARD)
        eventually(lambda: m.open("1-10"))
        # What shuts goes through.
        m.install(policy(2, rules=(BLOCK_CAMERA,)))
        eventually(lambda: not m.open("1-9") and not m.open("1-10"))
        self.assertEqual(m.status()["policy"]["serial"], 2)
        before = len(m.record())
        self.plug_once("1-130")
        self.assertGreater(len(m.record()), before, "records go on")
        self.assertNotIn("record-failing", m.attention())
        self.assertTrue(m.status()["record"]["on_reserve"])
        own = [r["unmapped"]["sekisho"] for r in m.record()]
        self.assertTrue(any("disk-full" in json.dumps(o) for o in own), "the refusals are recorded")

        # Room again: it is over with the next look, and what was refused goes through.
        self.filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", self.directory], check=True)
        m.kill()
        m.start()
        self.assertFalse(m.status()["record"]["on_reserve"])
        self.assertNotIn("disk-full", m.attention())
        self.install()
        eventually(lambda: m.open("1-2"), "the permit opens the stick")
        m.install(policy(3, rules=(ALLOW_READER,)))
        eventually(lambda: m.open("1-9"))
        m.stop(signal.SIGTERM)
        code, out, err = run("audit", "verify", "--json", "--key", self.directory / "audit.pub", self.directory)
        self.assertEqual(code, 0, out + err)
        self.assertTrue(json.loads(out)["whole"])

    def test_by_itself(self):
        """Room is noticed by the minute's tick, without anybody's doing."""
        m = self.machine
        self.until_reserve()
        eventually(lambda: "disk-full" in m.attention())
        self.filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", self.directory], check=True)
        eventually(lambda: "disk-full" not in m.attention(), "the tick sees the room", seconds=90)
        self.assertFalse(m.status()["record"]["on_reserve"])
        self.install()
        eventually(lambda: m.open("1-2"))


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
