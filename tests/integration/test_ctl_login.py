#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl login enable and disable, with Debian's pam-auth-update on a machine of files, and the real verifier."""
import json
import os
import shutil
import subprocess
import unittest

import test_ctl_agent
from ctl_fixture import FAKE_AGENT, NOBODY, SOURCE, run
from ctl_screen import Person
from otp_fixture import MONDAY_NOON, Machine
from pam_profile import Stacks

YES, NO, BAD, UNREACHABLE, NOT_PERMITTED = range(5)
SUCCESS = 0


class Switch(unittest.TestCase):
    extra = "  guard-required: {except: [\"group:joho\"]}\n"

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.m = Machine(extra=self.extra)
        self.addCleanup(self.m.close)
        os.chmod(self.m.root, 0o755)
        self.m.clock(MONDAY_NOON, 1000)
        self.stacks = Stacks(self.m)
        for path in ("etc/ssh/sshd_config.d", "usr/share/sekisho/sshd"):
            (self.m.root / path).mkdir(parents=True)
        shutil.copy(SOURCE / "packaging/sshd/sekisho.conf", self.m.root / "usr/share/sekisho/sshd")
        self.drop_in = self.m.root / "etc/ssh/sshd_config.d/00-sekisho.conf"
        self.m.start()

    def is_on(self):
        on = "pam_sekisho.so" in str([self.stacks.lines(kind) for kind in ("auth", "account", "session")])
        self.assertEqual(self.drop_in.exists(), on)
        return on

    def enable(self, code=None, admin="suzuki", words=()):
        """(exit status, what was said)"""
        p = Person("login", "enable", "--admin", admin, "--root", self.m.root, *words,
                   env={"DEBCONF_SYSTEMRC": str(self.m.root / "debconf.conf")})
        if code is not None:
            p.wait_for("One-time code of suzuki: ")
            p.type(code + "\n")
        status, out, shown = p.end()
        self.assertNotIn(code or "no code", shown, "the code does not show")
        return status, out

    def disable(self, *words, **options):
        return run("login", "disable", "--root", self.m.root, *words,
                   env={"DEBCONF_SYSTEMRC": str(self.m.root / "debconf.conf")}, **options)

    def test_refused_unless_the_admin_would_get_in(self):
        self.assertIn("would be locked out", self.enable()[1], "not enrolled")
        self.m.enroll("suzuki", confirmed=False)
        self.assertIn("would be locked out", self.enable()[1], "no code has verified yet")
        self.m.enroll("suzuki", replace=True)
        status, out = self.enable(self.m.wrong("suzuki"))
        self.assertEqual((status, "nothing is switched on" in out), (NO, True), out)
        self.m.enroll("yamada")
        self.assertIn("guard-required", self.enable(admin="yamada")[1], "staff, while no agent enforces")
        self.m.enroll("gyosha")
        self.assertEqual(self.enable(admin="gyosha")[0], NO, "needs an escort")
        self.assertFalse(self.is_on())
        code = self.m.code("suzuki")
        status, out = self.enable(code)
        self.assertEqual(status, YES, out)
        self.assertTrue(self.is_on())

    def test_on_and_off(self):
        self.m.enroll("suzuki")
        used = self.m.code("suzuki")
        status, out = self.enable(used, words=("--json",))
        self.assertEqual(status, YES, out)
        answer = json.loads(out[out.index("{"):])
        self.assertEqual((answer["enabled"], answer["sshd"], answer["policy_asks"]), (True, "in-force", True))
        self.assertEqual([p["user"] for p in answer["missing"]], ["root", "yamada", "gyosha", "kinkyu", "futago"])
        self.stacks.service("login", "auth", "account", "session")
        self.assertNotEqual(self.stacks.login("suzuki", "sesame", used)[0], SUCCESS, "the code that switched it on is used")
        self.assertEqual(self.stacks.login("suzuki", "sesame", self.m.code("suzuki", 1))[0], SUCCESS)
        self.m.stop()
        code, out, err = self.disable()
        self.assertEqual(code, YES, err)
        self.assertFalse(self.is_on(), "without the verifier too")

    def test_only_root_and_only_with_the_verifier(self):
        self.assertEqual(self.disable(user=NOBODY)[0], NOT_PERMITTED)
        code, _, err = run("login", "enable", "--admin", "suzuki", "--root", self.m.root, user=NOBODY)
        self.assertEqual(code, NOT_PERMITTED, err)
        self.m.call("Status")
        self.m.stop()
        self.assertEqual(self.enable()[0], UNREACHABLE)

    def test_files_changed_by_hand(self):
        """pam-auth-update leaves them as they are, and says yes; we do not."""
        self.m.enroll("suzuki")
        path = self.m.root / "etc/pam.d/common-auth"
        path.write_text(path.read_text().replace("auth\trequisite\t\t\tpam_deny.so", "auth required pam_deny.so")
                        .replace("# here are the per-package modules", "# by hand"))
        status, out = self.enable(self.m.code("suzuki"))
        self.assertEqual(status, NO, out)
        self.assertIn("changed by hand", out)
        self.assertFalse(self.is_on())

    def status(self):
        """(exit status, codes of what needs attention, the line about logins)"""
        code, out, err = run("status", "--json", "--root", self.m.root)
        line = [x for x in run("status", "--root", self.m.root)[1].splitlines() if x.startswith("  login")]
        return code, [f["code"] for f in json.loads(out)["attention"]], line[0].split(None, 1)[1]

    def test_status_asks_the_verifier_too(self):
        answers = self.m.root / "answers"
        answers.mkdir()
        (answers / "GetStatus.json").write_text(json.dumps({"parameters": test_ctl_agent.WithAgent.STATUS}))
        (answers / "GetPolicy.json").write_text(json.dumps({"parameters": {"text": test_ctl_agent.POLICY, "info": {}}}))
        agent = subprocess.Popen([FAKE_AGENT, self.m.root, answers], stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (agent.kill(), agent.wait(), agent.stdout.close()))
        agent.stdout.readline()
        self.m.enroll("suzuki")
        self.assertEqual(self.status(), (1, ["login-off"], "enforce: not switched on; enrolled: 1"))
        self.assertEqual(self.enable(self.m.code("suzuki"))[0], YES)
        self.assertEqual(self.status(), (0, [], "enforce: holding; enrolled: 1"))
        self.m.call("Challenge", user="kinkyu", service="login", tty="tty1")
        self.assertEqual(self.status()[:2], (1, ["break-glass"]))
        self.assertIn("way for emergencies", run("status", "--root", self.m.root)[1])
        self.m.stop()
        self.assertEqual(self.status(), (1, ["verifier-down"], "enforce: NOT HOLDING; the verifier does not answer"))


if __name__ == "__main__":
    unittest.main()
