#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A policy on trial: it holds until its time is over, over a restart of the agent, and not over a reboot."""

import fakeroot
from fakeroot import ALLOW_READER, READER, STORAGE, AgentTest, VarlinkError, eventually, policy

import json
import os
import pathlib
import subprocess
import time

STORE = "var/lib/sekisho/policy"
ALLOW_STICK = "    - {id: stick, match: {bus: usb, class: [storage]}, action: allow}"
CTL = fakeroot.BUILD / "agent/ctl/sekishoctl"


class Trial(AgentTest):
    def setUp(self):
        super().setUp()
        m = self.machine
        m.plug("1-1", 0x0781, 0x5591, STORAGE)
        m.plug("1-2", 0x04E6, 0x5116, READER)
        m.start()
        m.settled("1-1"), m.settled("1-2")
        m.install(policy(2, [ALLOW_READER]))

    def try_out(self, serial=3, seconds=60):
        return self.machine.call("InstallPolicy", text=policy(serial, [ALLOW_STICK]), trial=seconds)

    def holds(self, serial, trial):
        m = self.machine
        self.assertEqual(m.status()["policy"]["serial"], serial)
        self.assertEqual("policy-on-trial" in m.attention(), trial)
        stick = serial != 2
        eventually(lambda: m.open("1-1") == stick and m.open("1-2") != stick, "doors as the policy says")

    def shorten(self):
        """The trial's time is over, as the boot clock sees it."""
        path = self.machine.root / STORE / "state.json"
        state = json.loads(path.read_text())
        state["trial"]["ends"] = 1
        path.write_text(json.dumps(state))

    def ctl(self, *words, status=0):
        done = subprocess.run([CTL, *map(str, words), "--root", self.machine.root], capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def documents(self):
        events = [r["unmapped"]["sekisho"] for r in self.machine.record()]
        return [(e["document"]["serial"], e["document"]["outcome"], e["detail"]) for e in events if "document" in e]

    def test_confirmed_it_stays(self):
        self.try_out()
        self.holds(3, True)
        self.machine.call("ConfirmPolicy")
        self.holds(3, False)
        self.machine.kill()
        self.machine.start()
        self.holds(3, False)
        self.assertEqual(self.documents()[-2:], [(3, "installed", "trial"), (3, "installed", "confirmed")])
        with self.assertRaises(VarlinkError) as caught:
            self.machine.call("ConfirmPolicy")
        self.assertEqual(caught.exception.parameters["reason"], "no-trial")

    def test_it_goes_on_after_a_restart_of_the_agent(self):
        self.try_out()
        self.machine.kill()
        self.machine.start()
        self.holds(3, True)
        self.machine.call("ConfirmPolicy")
        self.holds(3, False)

    def test_over_while_the_agent_was_away(self):
        self.try_out()
        self.machine.kill()
        self.shorten()
        self.machine.start()
        self.holds(2, False)
        self.assertEqual(self.documents()[-1], (2, "restored", "not-confirmed"))
        self.try_out()  # the same serial again
        self.holds(3, True)

    def test_over_while_the_agent_runs(self):
        """By the boot clock, which is set nowhere: the end is moved near, and then waited for."""
        self.try_out()
        self.machine.kill()
        path = self.machine.root / STORE / "state.json"
        state = json.loads(path.read_text())
        state["trial"]["ends"] = int((time.clock_gettime(time.CLOCK_BOOTTIME) + 3) * 1e6)
        path.write_text(json.dumps(state))
        self.machine.start()
        self.holds(3, True)
        eventually(lambda: self.machine.status()["policy"]["serial"] == 2, "serial 2")
        self.holds(2, False)
        self.assertEqual(self.documents()[-1], (2, "restored", "not-confirmed"))

    def test_over_after_a_reboot(self):
        self.try_out(seconds=86400)
        self.machine.kill()
        self.machine.write("proc/sys/kernel/random/boot_id", "99999999-2222-3333-4444-555555555555\n")
        self.machine.start()
        self.holds(2, False)
        self.machine.kill()
        self.machine.start()
        self.holds(2, False)
        self.assertNotIn("trial", json.loads((self.machine.root / STORE / "state.json").read_text()))

    def test_installed_for_good_while_it_is_on_trial(self):
        self.try_out()
        self.machine.install(policy(3, [ALLOW_STICK]))
        self.holds(3, False)

    def test_another_one_comes_meanwhile(self):
        self.try_out()
        self.machine.install(policy(4, [ALLOW_STICK]))
        self.holds(4, False)
        self.assertEqual([d[1:] for d in self.documents()[-2:]], [("restored", "replaced"), ("installed", None)])

    def test_a_bad_one_does_not_end_it(self):
        self.try_out()
        with self.assertRaises(VarlinkError):
            self.machine.install("sekisho: 1\n")
        with self.assertRaises(VarlinkError):
            self.machine.install(policy(2, [ALLOW_STICK]))
        self.holds(3, True)

    def test_the_way_back_is_damaged(self):
        """Nothing is allowed then but the floor, once the time is over."""
        self.try_out()
        self.machine.kill()
        (self.machine.root / STORE / "before.yaml").write_text("")
        self.shorten()
        self.machine.start()
        m = self.machine
        self.assertEqual(m.status()["policy"]["source"], "built-in")
        eventually(lambda: not m.open("1-1") and not m.open("1-2"), "all shut")
        m.install(policy(3, [ALLOW_READER]))

    def test_times(self):
        for seconds in (-1, 0, 1, 59, 86401, 1 << 62):
            with self.assertRaises(VarlinkError) as caught:
                self.try_out(seconds=seconds)
            self.assertEqual(caught.exception.parameters["reason"], "trial-time")
        self.holds(2, False)

    def test_by_command(self):
        path = self.machine.root / "new.yaml"
        path.write_text(policy(3, [ALLOW_STICK]))
        for words in ("10", "0s", "2026-11-23T09:00:00+09:00", "soon"):
            self.ctl("policy", "install", path, "--for", words, status=2)
        self.ctl("policy", "install", path, "--for", "30s", status=2)
        self.assertIn("policy confirm", self.ctl("policy", "install", path, "--for", "10min"))
        self.holds(3, True)
        self.assertIn("serial 3", self.ctl("policy", "confirm"))
        self.assertIn("No policy is on trial", self.ctl("policy", "confirm", status=1))
        text = self.ctl("policy", "history")
        self.assertIn("on trial", text)
        self.assertIn("confirmed", text)


if __name__ == "__main__":
    fakeroot.main()
