#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pam_sekisho.so in a real libpam, in front of the real verifier. The password is checked by a script (pam_exec)."""
import os
import re
import subprocess
import time
import unittest

from otp_fixture import BUILD, MONDAY_NOON, Machine

LOGIN = BUILD / "pam_module/pam_login"
MODULE = BUILD / "pam_module/pam_sekisho.so"
SUCCESS, AUTH_ERR, UNAVAILABLE, SERVICE_ERR, PERM_DENIED, SESSION_ERR = 0, 7, 9, 3, 6, 14
PAM_SYMBOLS = {"pam_sm_" + n for n in ("authenticate", "setcred", "acct_mgmt", "open_session", "close_session",
                                        "chauthtok")}


class Module(unittest.TestCase):
    extra = ""

    def setUp(self):
        self.m = Machine(extra=self.extra)
        self.addCleanup(self.m.close)
        os.chmod(self.m.root, 0o755)
        self.m.clock(MONDAY_NOON, 1000)
        self.m.start()
        self.services = self.m.root / "pam.d"
        self.services.mkdir()
        sekisho = f"{MODULE.resolve()} root={self.m.root}"
        check = self.m.root / "check"
        check.write_text("#!/bin/sh\n[ \"$PAM_USER\" != nobody-here ] && [ \"$(tr -d '\\\\0')\" = sesame ]\n")
        check.chmod(0o755)
        password = f"pam_exec.so expose_authtok quiet {check}"
        self.service("code", f"auth required {sekisho}\naccount required {sekisho}\nsession required {sekisho}\n"
                     f"password required {sekisho}\n")
        self.service("english", f"auth required {sekisho} lang=en\n")
        self.service("wrong", f"auth required {sekisho} nosuchoption\naccount required {sekisho} debug\n"
                     f"session required {sekisho} debug_file=/tmp/x\n")
        self.service("sshd", f"session required {sekisho}\n")
        self.service("cron", f"auth required {sekisho}\nauth required pam_permit.so\n")
        self.service("both", f"auth [success=1 default=ignore] {password}\n"
                     f"auth [success=die default=die] {sekisho} decoy\nauth required {sekisho}\n")
        self.service("joined", f"auth required {sekisho} concat\nauth [success=1 default=ignore] {password}\n"
                     f"auth [default=die] {sekisho} decoy\nauth required {sekisho}\n")

    def service(self, name, text):
        (self.services / name).write_text(text)

    def login(self, service, user, *answers, options=(), wrapper=()):
        done = subprocess.run([*wrapper, LOGIN, *options, self.services, service, user, *answers], timeout=60,
                              capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        return [int(line.split()[1]) for line in lines if line.startswith("result ")], \
            [line for line in lines if not line.startswith("result ")]

    def result(self, *arguments, **options):
        return self.login(*arguments, **options)[0][0]

    def test_exports_only_what_pam_looks_for(self):
        out = subprocess.run(["nm", "-D", "--defined-only", MODULE], capture_output=True, text=True, check=True).stdout
        self.assertEqual({line.split()[-1] for line in out.splitlines()}, PAM_SYMBOLS)

    def test_one_prompt(self):
        self.m.enroll("yamada")
        results, said = self.login("code", "yamada", self.m.wrong("yamada"))
        self.assertEqual(results, [AUTH_ERR])
        self.assertEqual([s.split()[0] for s in said], ["secret", "error"], "one prompt, echo off, one message")
        self.assertIn("確認コード", said[0])
        self.assertIn("情報政策課", said[1])
        results, said = self.login("code", "yamada", self.m.code("yamada"))
        self.assertEqual((results, len(said)), ([SUCCESS], 1))
        self.assertEqual(self.result("code", "yamada", self.m.code("yamada")), AUTH_ERR, "used up")

    def test_languages(self):
        for options, service, japanese in ((("-t", "tty1"), "code", False), (("-t", "/dev/tty3"), "code", False),
                                           (("-t", "pts/0"), "code", True), (("-t", ":0"), "code", True),
                                           ((), "code", True), ((), "english", False)):
            said = self.login(service, "yamada", "000000", options=options)[1]
            for line in said:
                self.assertEqual(bool(re.search("[ぁ-ヶ一-龠]", line)), japanese, (options, line))

    def test_unknown_options(self):
        self.m.enroll("yamada")
        for phase in "acs":
            self.assertEqual(self.result("wrong", "yamada", self.m.code("yamada"), options=("-p", phase)), SERVICE_ERR)

    def test_exempt_is_ignored_not_granted(self):
        self.assertEqual(self.login("cron", "yamada"), ([SUCCESS], []))
        self.assertNotEqual(self.result("code", "kinkyu"), SUCCESS, "alone in the stack it grants nothing")

    def test_no_verifier(self):
        self.m.enroll("yamada")
        code = self.m.code("yamada")
        self.m.stop()
        for phase in "acs":
            results, said = self.login("code", "yamada", code, options=("-p", phase))
            self.assertEqual(results, [UNAVAILABLE])
            self.assertEqual([s.split()[0] for s in said], ["error"])
        self.m.start()
        self.assertEqual(self.result("code", "yamada", code), SUCCESS)

    def test_hanging_verifier(self):
        self.m.enroll("yamada")
        self.m.process.send_signal(19)
        try:
            began = time.monotonic()
            self.assertEqual(self.result("code", "yamada", "123456"), UNAVAILABLE)
            self.assertLess(time.monotonic() - began, 9)
        finally:
            self.m.process.send_signal(18)

    def test_decoy_looks_like_the_real_thing(self):
        self.m.enroll("yamada")
        shapes = set()
        for user, password, code in (("yamada", "sesame", self.m.wrong("yamada")), ("yamada", "wrong", "123456"),
                                     ("suzuki", "sesame", "123456"), ("nobody-here", "sesame", "123456"),
                                     ("gyosha", "wrong", "123456"), ("gyosha", "sesame", "123456"),
                                     ("kinkyu", "wrong", "123456")):
            results, said = self.login("both", user, password, code)
            self.assertEqual(results, [AUTH_ERR], (user, password))
            shapes.add(tuple(said))
        self.assertEqual(len(shapes), 1, shapes)
        self.assertEqual(self.result("both", "yamada", "wrong", self.m.code("yamada")), AUTH_ERR, "a right code does not help")
        self.assertEqual(self.m.user("yamada")["failures"], 1)
        self.assertEqual(self.result("both", "yamada", "sesame", self.m.code("yamada")), SUCCESS)

    def test_password_typed_twice_is_no_try(self):
        self.m.enroll("yamada")
        for answer in ("sesame", "", "  ", "^C"):
            self.assertEqual(self.result("both", "yamada", "sesame", answer), AUTH_ERR)
        self.assertEqual(self.m.user("yamada")["failures"], 0)

    def test_concat(self):
        self.m.enroll("yamada")
        code = self.m.code("yamada")
        results, said = self.login("joined", "yamada", "sesame" + code)
        self.assertEqual((results, [s.split()[0] for s in said]), ([SUCCESS], ["secret"]), "one prompt in all")
        self.assertEqual(self.result("joined", "yamada", "sesame"), AUTH_ERR, "no code")
        self.assertEqual(self.m.user("yamada")["failures"], 0)
        self.assertEqual(self.result("joined", "yamada", "wrong" + self.m.code("yamada", 1)), AUTH_ERR)
        self.assertEqual(self.m.user("yamada")["failures"], 0, "a stranger charges nobody")
        self.assertEqual(self.result("joined", "yamada", "sesame" + self.m.code("yamada", 1)), SUCCESS)

    def test_large_and_odd_answers(self):
        self.m.enroll("yamada")
        for answer in ("@1048576", "@5000", "@513", "\x7f\x01", "１２", "'; --", "\udcff\udcfe".encode(
                "utf-8", "surrogateescape")):
            self.assertEqual(self.result("code", "yamada", answer), AUTH_ERR)
            self.m.clock(MONDAY_NOON, 1e6 + time.monotonic() * 1000)
        self.assertEqual(self.result("code", "yamada", "１" * 0 + self.m.code("yamada")), SUCCESS)

    def test_escort(self):
        self.m.enroll("gyosha")
        self.m.enroll("suzuki")
        results, said = self.login("code", "gyosha", self.m.code("gyosha"), "suzuki", self.m.code("suzuki"))
        self.assertEqual((results, [s.split()[0] for s in said]), ([SUCCESS], ["secret", "prompt", "secret"]))

    def test_account_and_session(self):
        self.m.enroll("yamada")
        self.assertEqual(self.login("code", "yamada", self.m.code("yamada"), options=("-p", "acs"))[0], [SUCCESS])
        for value, result in (("", SESSION_ERR), ("publickey ssh-ed25519 AAAA\n", SESSION_ERR),
                              ("publickey keyboard-interactive/pam\n", SESSION_ERR),
                              ("keyboard-interactive/pamx\n", SESSION_ERR), ("keyboard-interactive/pam\n", SUCCESS),
                              ("publickey ssh-ed25519 AAAA\nkeyboard-interactive/pam\n", SUCCESS)):
            self.assertEqual(self.result("sshd", "yamada", options=("-p", "s", "-e", "SSH_AUTH_INFO_0=" + value)), result,
                             value)
        self.assertEqual(self.result("sshd", "yamada", options=("-p", "s")), SESSION_ERR)

    def test_locker_of_the_user(self):
        """As the user, without privileges to gain: an unprivileged process verifies its own code and nobody else's."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.m.enroll("yamada")
        self.m.enroll("suzuki")
        wrapper = ("setpriv", "--reuid=3001", "--regid=3001", "--clear-groups", "--no-new-privs", "--bounding-set=-all")
        for path in (BUILD, *BUILD.resolve().parents):
            if not path.stat().st_mode & 1:
                self.skipTest(f"{path} is closed to other users")
        self.assertEqual(self.result("code", "suzuki", self.m.code("suzuki"), wrapper=wrapper), UNAVAILABLE)
        self.assertEqual(self.result("code", "yamada", self.m.wrong("yamada"), wrapper=wrapper), AUTH_ERR)
        self.assertEqual(self.result("code", "yamada", self.m.code("yamada"), wrapper=wrapper), SUCCESS)
        self.assertEqual(self.m.user("yamada")["failures"], 0)

    def test_threads(self):
        self.m.enroll("yamada")
        for n in range(5):
            self.m.clock(MONDAY_NOON + 120 * n, 1000 + 1000 * n)
            results = self.login("code", "yamada", self.m.code("yamada"), options=("-n", "20"))[0]
            self.assertEqual(results.count(SUCCESS), 1, results)
            self.m.call("Unlock", user="yamada")


if __name__ == "__main__":
    unittest.main()
