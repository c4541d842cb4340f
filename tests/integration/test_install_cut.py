#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An installation that is cut short: the agent is killed at, or refused, each call that changes the disk. Afterwards the old
policy holds or the new one, never neither, and a policy on trial never outlives its boot."""

import fakeroot
from fakeroot import ALLOW_READER, READER, STORAGE, AgentTest, VarlinkError, eventually, policy
from test_trust import TrustTest

import shutil
import subprocess
import sys
import time

ALLOW_STICK = "    - {id: stick, match: {bus: usb, class: [storage]}, action: allow}"
CALLS = ("renameat", "fsync")


class Cut(AgentTest):
    def setUp(self):
        super().setUp()
        m = self.machine
        m.plug("1-1", 0x0781, 0x5591, STORAGE)
        m.plug("1-2", 0x04E6, 0x5116, READER)
        m.start()
        m.settled("1-1"), m.settled("1-2")
        self.serial = 2
        m.install(policy(self.serial, [ALLOW_READER]))

    def inject(self, call, what, when):
        """strace holds the agent from here on; ends with it, or by terminate()."""
        time.sleep(0.4)  # what it wrote down of the doors, 50 ms after they moved, is no part of this
        tracer = subprocess.Popen(
            ["strace", "-p", str(self.machine.agent.pid), "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}",
             "-o", "/dev/null"], stderr=subprocess.PIPE)  # fmt: skip
        self.assertIn(b"attached", tracer.stderr.readline())
        return tracer

    def attempt(self, serial, **trial):
        try:
            self.machine.call("InstallPolicy", text=policy(serial, [ALLOW_STICK]), **trial)
            return "done"
        except VarlinkError as e:
            return e.parameters["reason"]
        except (EOFError, ConnectionError):
            return "cut"

    def holds(self, *serials):
        m = self.machine
        info = m.status()["policy"]
        self.assertIn(info["serial"], serials)
        self.assertIn(info["source"], ("file", "last-good"))
        new = info["serial"] != self.serial
        eventually(lambda: m.open("1-1") == new and m.open("1-2") != new, "the doors are as the policy says")

    def cut_at_each(self, call, **trial):
        """How often it was cut; the last attempt goes through."""
        m, cuts = self.machine, 0
        for when in range(1, 40):
            tracer = self.inject(call, "signal=KILL", when)
            outcome = self.attempt(self.serial + 1, **trial)
            if outcome == "done":
                tracer.terminate()
                tracer.communicate()
                break
            self.assertEqual(outcome, "cut")
            tracer.communicate()
            m.agent.wait(20)
            cuts += 1
            if trial:
                m.write("proc/sys/kernel/random/boot_id", f"{when:08}-2222-3333-4444-555555555555\n")
            m.start()
            self.holds(self.serial, *([] if trial else [self.serial + 1]))
            if m.status()["policy"]["serial"] != self.serial:  # it came through: the next one starts from there
                self.serial += 2
                m.install(policy(self.serial, [ALLOW_READER]))
        self.assertGreaterEqual(cuts, 3)

    def test_killed_at_each_rename(self):
        self.cut_at_each("renameat")

    def test_killed_at_each_fsync(self):
        self.cut_at_each("fsync")

    def test_a_trial_that_is_cut_is_over(self):
        self.cut_at_each("renameat", trial=600)

    def test_a_disk_that_refuses(self):
        """EIO at each of the calls up to the commit: the agent says so, and the old policy goes on."""
        for call in CALLS:
            refused = 0
            for when in range(1, 20):
                tracer = self.inject(call, "error=EIO", when)
                outcome = self.attempt(self.serial + 1)
                tracer.terminate()
                tracer.communicate()
                if outcome == "done":
                    break
                refused += 1
                self.assertEqual(outcome, "not-stored")
                self.holds(self.serial)
            self.assertGreaterEqual(refused, 1)
            self.serial += 2
            self.machine.install(policy(self.serial, [ALLOW_READER]))


class TrustCut(TrustTest):
    """A trust document: the version before or the new one, whole, and the chain goes on from there."""

    inject = Cut.inject

    def rotate(self, version):
        path = self.sign(self.document(version), "kacho", "kakaricho")
        try:
            self.machine.call("InstallTrust", text=path.read_text(), signatures=path.with_suffix(".yaml.sig").read_text())
            return "done"
        except VarlinkError as e:
            return e.parameters["reason"]
        except (EOFError, ConnectionError):
            return "cut"

    def attempts(self, call, what):
        """What became of each, until one goes through: (outcome, versions further)."""
        for when in range(1, 40):
            before = self.version()
            tracer = self.inject(call, what, when)
            outcome = self.rotate(before + 1)
            if outcome != "cut":
                tracer.terminate()
            tracer.communicate()
            if outcome == "cut":
                self.machine.agent.wait(20)
                self.machine.start()
            self.assertNotIn("trust-damaged", self.machine.attention())
            yield outcome, self.version() - before
            if outcome == "done":
                return

    def setUp(self):
        super().setUp()
        self.assertEqual(self.rotate(1), "done")

    def test_killed(self):
        for call in CALLS:
            seen = list(self.attempts(call, "signal=KILL"))
            self.assertEqual(seen[-1], ("done", 1))
            self.assertLessEqual(set(seen[:-1]), {("cut", 0), ("cut", 1)})
            self.assertIn(("cut", 0), seen)

    def test_a_disk_that_refuses(self):
        for call in CALLS:
            seen = list(self.attempts(call, "error=EIO"))
            self.assertEqual(seen[-1], ("done", 1))
            self.assertEqual(set(seen[:-1]), {("not-stored", 0)})


if __name__ == "__main__":
    for program in ("strace", "ssh-keygen"):
        if not shutil.which(program):
            print(f"{program} is not installed")
            sys.exit(77)
    fakeroot.main()
