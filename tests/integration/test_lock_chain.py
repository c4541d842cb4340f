#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole chain on one desktop: nobody touches it, the idle time is measured, the agent asks, logind (which is played)
tells, a locker covers the screen, and only password and code together open it."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

import dbus

import logindlab
from fakeroot import BUILD, Machine, eventually
from real_etc import PASSWORD, USERS, Etc
from test_screen_lock import policy

USER = "yamada"
AS_USER = ("setpriv", f"--reuid={USERS[USER]}", f"--regid={USERS[USER]}", "--clear-groups")


class Chain(unittest.TestCase):
    def start(self, *command, log="log", **environment):
        with open(self.machine.root / log, "ab") as f:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=f, start_new_session=True,
                                       env={"PATH": "/usr/bin:/bin", "HOME": f"/home/{USER}", "USER": USER, "LC_ALL": "C.UTF-8",
                                            "DISPLAY": self.display, "DBUS_SYSTEM_BUS_ADDRESS": self.address, **environment})
        self.addCleanup(process.wait)
        self.addCleanup(self.kill_group, process)
        return process

    @staticmethod
    def kill_group(process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def setUp(self):
        self.etc = Etc()
        self.addCleanup(self.etc.close)
        self.etc.m.enroll(USER)
        self.machine = Machine()
        self.addCleanup(self.machine.close)
        self.machine.root.chmod(0o755)
        self.machine.ship(policy(limit="10s"))
        daemon, self.address = logindlab.start_bus(self.machine.root / "run/dbus/system_bus_socket")
        self.addCleanup(logindlab.LogindTest.end, daemon)
        self.start_display()
        logind = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "played_logind.py"],
                                  env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}, stdout=subprocess.PIPE, text=True)
        self.addCleanup(logindlab.LogindTest.end, logind)
        self.assertEqual(logind.stdout.readline(), "ready\n")
        self.bus = dbus.bus.BusConnection(self.address)
        self.play("Add", "c7", dbus.UInt32(USERS[USER]), "x11", "seat0", signature="suss")
        self.machine.start()

    def start_display(self):
        read, write = os.pipe()
        server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp", "-noreset", "-screen", "0", "640x480x24"],
                                  pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        with os.fdopen(read) as f:
            self.display = ":" + f.readline().strip()

    def play(self, method, *arguments, signature=""):
        return self.bus.call_blocking("org.freedesktop.login1", "/org/freedesktop/login1", "org.sekisho.Test", method, signature,
                                      arguments)

    def requests(self):
        return [str(r) for r in self.play("Requests")]

    def type(self, text):
        for words in (("type", "--delay", "10", text), ("key", "Return")):
            subprocess.run(["xdotool", *words], env={"DISPLAY": self.display, "PATH": "/usr/bin:/bin"}, timeout=30, check=True)

    def test_idle_lock_code_open(self):
        self.start(*AS_USER, "xss-lock", "--session=c7", "--", "i3lock", "-n", "-c", "000000")
        self.start(*AS_USER, BUILD / "agent/notices/sekisho-notices", "--root", self.machine.root, "--session", "c7")
        began = time.monotonic()
        eventually(lambda: "SetLockedHint c7 True" in self.requests(), "locked", seconds=60)
        # Some seconds for programs to start; but not before the policy's time.
        self.assertGreater(time.monotonic() - began, 5)
        self.assertEqual(self.requests()[0], "LockSession c7")
        time.sleep(3)
        for wrong in (PASSWORD, PASSWORD + self.etc.m.wrong(USER)):
            self.type(wrong)
            time.sleep(3)
            self.assertNotIn("SetLockedHint c7 False", self.requests())
        self.etc.later()
        self.type(PASSWORD + self.etc.m.code(USER))
        eventually(lambda: "SetLockedHint c7 False" in self.requests(), "open", seconds=40)
        self.assertEqual(self.machine.status()["attention"], [f for f in self.machine.status()["attention"]
                                                              if f["code"] != "screen-stays-open"])
        # Whoever opened it is not locked out again at once, and is once nobody touches it any more.
        locks = self.requests().count("LockSession c7")
        time.sleep(4)
        self.assertEqual(self.requests().count("LockSession c7"), locks)
        eventually(lambda: self.requests().count("LockSession c7") > locks, "locked again", seconds=40)


if __name__ == "__main__":
    for program in ("Xvfb", "xdotool", "i3lock", "xss-lock"):
        if not shutil.which(program):
            print(f"skipped: {program} is not installed")
            sys.exit(77)
    unittest.main()
