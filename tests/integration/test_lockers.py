#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Screen lockers that run as the user, under Xvfb, with keys typed by xdotool: what counts is whether the locker ends."""
import os
import pathlib
import shutil
import subprocess
import time
import unittest

from real_etc import PASSWORD, SCRIPT_AUTH, SERVICES, USERS, Etc

USER = "yamada"
PLAIN = ("setpriv", f"--reuid={USERS[USER]}", f"--regid={USERS[USER]}", "--clear-groups")
NO_NEW_PRIVS = (*PLAIN, "--no-new-privs", "--bounding-set=-all")


def setUpModule():
    global etc
    for program in ("Xvfb", "xdotool", "i3lock", "xsecurelock", "pamtester"):
        if not shutil.which(program):
            raise unittest.SkipTest(program + " is not installed")
    etc = Etc()
    unittest.addModuleCleanup(etc.close)
    etc.m.enroll(USER)
    etc.m.enroll("suzuki")


class Locker(unittest.TestCase):
    command = ()
    environment = {}

    def setUp(self):
        etc.later()
        read, write = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp", "-noreset", "-screen", "0", "640x480x24"],
                                       pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        with os.fdopen(read) as f:
            self.display = ":" + f.readline().strip()
        self.assertNotEqual(self.display, ":")

    def lock(self, *wrapper):
        environment = {"DISPLAY": self.display, "PATH": "/usr/bin:/bin", "HOME": f"/home/{USER}", "LC_ALL": "C",
                       "USER": USER, **self.environment}
        self.log = etc.m.root / "locker.log"
        with open(self.log, "ab") as log:
            self.locker = subprocess.Popen([*wrapper, *self.command], env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log)
        self.addCleanup(self.locker.wait)
        self.addCleanup(self.locker.kill)
        self.wait_for_window()

    def xdotool(self, *words):
        return subprocess.run(["xdotool", *words], env={"DISPLAY": self.display, "PATH": "/usr/bin:/bin"}, timeout=30,
                              capture_output=True, text=True, check=False)

    def wait_for_window(self):
        for _ in range(200):
            if self.xdotool("search", "--onlyvisible", "--name", "").stdout.strip():
                time.sleep(0.5)  # and for its grabs
                return
            self.assertIsNone(self.locker.poll(), self.log.read_text())
            time.sleep(0.05)
        self.fail("the locker shows nothing")

    def type(self, text):
        self.xdotool("type", "--delay", "10", text)
        self.xdotool("key", "Return")

    def is_open_after(self, seconds):
        try:
            return self.locker.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False

    def tries(self):
        """How often a code was looked at or refused, by the record."""
        time.sleep(0.1)
        return sum(r["unmapped"]["sekisho"]["login"]["phase"] == "auth" for r in etc.m.records())

    def until_tried(self, before):
        for _ in range(150):
            if self.tries() > before:
                return
            time.sleep(0.1)
        self.fail("nothing was asked of the verifier: " + self.log.read_text())


class OnePrompt(Locker):
    """i3lock asks once, and gives that one answer to whatever is asked: password and code in one."""
    command = ("i3lock", "-n", "-c", "000000")

    def refuse_then_open(self, *wrapper, wrongs=2):
        code = etc.m.code(USER)
        self.lock(*wrapper)
        for wrong in (PASSWORD + etc.m.wrong(USER), PASSWORD, "wrong" + code, code)[:wrongs]:
            self.type(wrong)
            self.assertFalse(self.is_open_after(2.5), wrong)
        etc.later()
        self.type(PASSWORD + etc.m.code(USER))
        self.assertTrue(self.is_open_after(20), self.log.read_text())

    def test_as_the_user(self):
        self.refuse_then_open(*PLAIN, wrongs=4)

    def test_without_new_privileges(self):
        """Where a setgid helper cannot read the shadow file, the verifier still can."""
        etc.service("i3lock", SERVICES["nnp-concat"])
        self.addCleanup(etc.service, "i3lock", SERVICES["i3lock"])
        self.refuse_then_open(*NO_NEW_PRIVS)


class TwoPrompts(Locker):
    """xsecurelock asks whatever PAM asks."""
    command = ("xsecurelock",)
    environment = {"XSECURELOCK_PAM_SERVICE": "xsecurelock", "XSECURELOCK_NO_COMPOSITE": "1",
                   "XSECURELOCK_SAVER": "saver_blank", "XSECURELOCK_AUTH_TIMEOUT": "30"}

    def refuse_then_open(self, *wrapper):
        self.lock(*wrapper)
        before = self.tries()
        self.type(PASSWORD)
        time.sleep(1)
        self.type(etc.m.wrong(USER))
        self.until_tried(before)
        self.assertFalse(self.is_open_after(3))
        etc.later()
        self.type(PASSWORD)
        time.sleep(1)
        self.type(etc.m.code(USER))
        self.assertTrue(self.is_open_after(20), self.log.read_text())

    def test_as_the_user(self):
        self.refuse_then_open(*PLAIN)

    def test_without_new_privileges(self):
        etc.service("xsecurelock", SCRIPT_AUTH)
        self.addCleanup(etc.service, "xsecurelock", SERVICES["xsecurelock"])
        self.refuse_then_open(*NO_NEW_PRIVS)


class Others(unittest.TestCase):
    def test_nobody_elses_code(self):
        """A process of one user asks about itself alone, also without privileges to gain."""
        etc.later()
        etc.service("tester-script", SCRIPT_AUTH)
        for user, wanted in ((USER, True), ("suzuki", False)):
            done = subprocess.run([*NO_NEW_PRIVS, "pamtester", "tester-script", user, "authenticate"], text=True, timeout=60,
                                  input=f"{PASSWORD}\n{etc.m.code(user)}\n", capture_output=True, check=False)
            self.assertEqual(done.returncode == 0, wanted, done.stderr + done.stdout)
        self.assertTrue(pathlib.Path("/home/" + USER).exists())


if __name__ == "__main__":
    unittest.main()
