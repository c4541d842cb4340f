#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped profile: what pam-auth-update makes of it, and who gets in through that."""
import time
import unittest

from otp_fixture import MONDAY_NOON, Machine
from pam_profile import PROFILES, Stacks

SUCCESS, PERM_DENIED, AUTH_ERR, UNAVAILABLE, NEW_AUTHTOK = 0, 6, 7, 9, 12


class Profile(unittest.TestCase):
    extra = "  guard-required: {except: [\"group:joho\"]}\n"

    def setUp(self):
        self.m = Machine(extra=self.extra)
        self.addCleanup(self.m.close)
        self.m.clock(MONDAY_NOON, 1000)
        self.stacks = Stacks(self.m)

    def state(self):
        return {kind: self.stacks.lines(kind) for kind in ("auth", "account", "session", "session-noninteractive")}

    def enable(self):
        self.stacks.enable()
        self.m.start()

    def test_off_until_switched_on_and_off_again(self):
        before = self.state()
        self.assertNotIn("sekisho", str(before))
        self.stacks.update()  # as the package's own postinst
        self.assertEqual(self.state(), before)
        self.stacks.update("--enable", *PROFILES)
        self.assertEqual([line for lines in self.state().values() for line in lines if "sekisho" in line[2]], [
            ("auth", "[default=die]", "pam_sekisho.so decoy"), ("auth", "requisite", "pam_sekisho.so"),
            ("account", "requisite", "pam_sekisho.so"), ("session", "requisite", "pam_sekisho.so")])
        self.stacks.update()
        self.assertIn("sekisho", str(self.state()), "an upgrade leaves it on")
        self.stacks.update("--remove", *PROFILES)
        self.assertEqual(self.state(), before)

    def test_before_whatever_else_a_password_opens(self):
        """A key ring or an encrypted home must not open before the code was right."""
        self.m.write("usr/share/pam-configs/keyring", "Name: opened by the password\nDefault: yes\nPriority: 0\n"
                     "Auth-Type: Additional\nAuth:\n\toptional\tpam_permit.so keyring\n")
        self.m.write("usr/share/pam-configs/directory", "Name: passwords elsewhere\nDefault: yes\nPriority: 128\n"
                     "Auth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_deny.so use_first_pass\n")
        self.stacks.update("--enable", *PROFILES)
        modules = [line[2].split(" ", 1) for line in self.stacks.lines("auth")]
        self.assertEqual([m[0] for m in modules], ["pam_exec.so", "pam_deny.so", "pam_sekisho.so", "pam_deny.so",
                                                   "pam_permit.so", "pam_sekisho.so", "pam_permit.so"])
        self.assertEqual(self.stacks.lines("auth")[0][1], "[success=3 default=ignore]", "over the decoy, not onto it")

    def test_both_factors(self):
        self.enable()
        self.m.enroll("suzuki")
        code = self.m.code("suzuki")
        for answers in (("sesame", self.m.wrong("suzuki")), ("sesame", ""), ("wrong", code), ("", code)):
            self.assertEqual(self.stacks.login("suzuki", *answers)[0], AUTH_ERR, answers)
        self.assertEqual(self.stacks.login("suzuki", "sesame", code)[0], SUCCESS)
        self.assertEqual(self.stacks.login("suzuki", "sesame", code)[0], AUTH_ERR, "the same code again")

    def test_nothing_tells_which_factor_failed(self):
        self.enable()
        self.m.enroll("suzuki")
        rows = [self.stacks.login(*row) for row in (
            ("suzuki", "sesame", self.m.wrong("suzuki")), ("suzuki", "wrong", self.m.code("suzuki")),
            ("yamada", "sesame", "123456"), ("nobody-here", "sesame", "123456"))]
        self.assertEqual(len({str(row) for row in rows}), 1, rows)

    def test_guard_required(self):
        self.enable()
        for user in ("suzuki", "yamada"):
            self.m.enroll(user)
        status, said = self.stacks.login("yamada", "sesame", self.m.code("yamada"))
        self.assertEqual(status, PERM_DENIED, "staff, and no agent")
        self.assertIn("Sekisho", said[-1])
        self.assertEqual(self.stacks.login("suzuki", "sesame", self.m.code("suzuki"))[0], SUCCESS, "an admin")

    def test_the_console_shows_the_reason_for_a_while(self):
        self.enable()
        self.m.enroll("yamada")
        took = {}
        for n, tty in enumerate(("pts/0", "tty1")):
            self.m.clock(MONDAY_NOON + 60 * n, 1000 + n)
            began = time.monotonic()
            self.assertEqual(self.stacks.login("yamada", "sesame", self.m.code("yamada"), tty=tty)[0], PERM_DENIED)
            took[tty] = time.monotonic() - began
        self.assertGreater(took["tty1"], 6)
        self.assertLess(took["pts/0"], 6)

    def test_an_expired_password_opens_no_way_round(self):
        self.stacks = Stacks(self.m, account="pam_debug.so acct=new_authtok_reqd")
        self.enable()
        for user in ("suzuki", "yamada"):
            self.m.enroll(user)
        self.assertEqual(self.stacks.login("suzuki", "sesame", self.m.code("suzuki"))[0], NEW_AUTHTOK, "must change it")
        self.assertEqual(self.stacks.login("yamada", "sesame", self.m.code("yamada"))[0], PERM_DENIED)

    def test_without_the_verifier_nobody(self):
        self.enable()
        self.m.enroll("suzuki")
        code = self.m.code("suzuki")
        self.m.stop()
        self.assertEqual(self.stacks.login("suzuki", "sesame", code)[0], UNAVAILABLE)
        self.m.start()
        self.assertEqual(self.stacks.login("suzuki", "sesame", code)[0], SUCCESS)


if __name__ == "__main__":
    unittest.main()
