# SPDX-License-Identifier: GPL-2.0-or-later
"""A private /etc for the system's own programs: accounts, passwords, pam.d with the shipped profile, in a mount namespace
of this process alone. Nothing of the machine's own is changed, and nothing is left when the process ends."""
import ctypes
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest

from otp_fixture import BUILD, MONDAY_NOON, Machine

MODULE = (BUILD / "pam_module/pam_sekisho.so").resolve()
PASSWORD = "himitsu-no-kotoba"
USERS = {"yamada": 3001, "suzuki": 3002, "gyosha": 3003, "kinkyu": 3004, "kaikei": 3005}
COMMON_AUTH = """auth [success=2 default=ignore] pam_unix.so nullok
auth [default=die] {module} decoy
auth requisite pam_deny.so
auth required pam_permit.so
auth requisite {module}
"""
# For who cannot read the shadow file by a setgid helper: the same with a script.
SCRIPT_AUTH = COMMON_AUTH.replace("pam_unix.so nullok", "pam_exec.so expose_authtok quiet {check}")
COMMON_ACCOUNT = "account requisite {module}\naccount required pam_unix.so\n"
COMMON_SESSION = "session required pam_permit.so\nsession requisite {module}\n"
ALL = "@include common-auth\n@include common-account\n@include common-session\n"
SERVICES = {
    "login": "auth optional pam_faildelay.so delay=1000\n" + ALL,
    "su": "auth sufficient pam_rootok.so\n" + ALL,
    "su-l": "@include su\n",
    "sudo": ALL,
    "sshd": ALL,
    "other": "auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_deny.so\n",
    "tester": ALL,
    "xsecurelock": "@include common-auth\n",
    "i3lock": "auth requisite {module} concat\nauth requisite pam_unix.so\nauth required {module}\n",
    "nnp": SCRIPT_AUTH,
    "nnp-concat": "auth requisite {module} concat\nauth requisite pam_exec.so expose_authtok quiet {check}\n"
                  "auth required {module}\n",
}
CHECK = f"#!/bin/sh\n[ \"$(tr -d '\\\\0')\" = {PASSWORD} ]\n"


def unshare_mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    if libc.unshare(0x00020000) != 0 or libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None) != 0:
        raise unittest.SkipTest("no mount namespace: " + os.strerror(ctypes.get_errno()))


def yescrypt(password):
    """As Debian 12 hashes passwords; Python's own module does not know the kind."""
    libcrypt = ctypes.CDLL("libcrypt.so.1")
    libcrypt.crypt.restype = ctypes.c_char_p
    return libcrypt.crypt(password.encode(), b"$y$j9T$abcdefghijklmnop$").decode()


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, **options)


class Etc:
    """Once for a process: what is mounted over stays until it ends."""

    def __init__(self):
        unshare_mounts()
        self.m = Machine()
        root = self.m.root
        os.chmod(root, 0o755)
        self.m.write("check", CHECK)
        (root / "check").chmod(0o755)
        self.module = f"{MODULE} root={root} lang=en"
        self.write_accounts(root)
        (root / "real/pam.d").mkdir()
        for name, text in {**SERVICES, "common-auth": COMMON_AUTH, "common-account": COMMON_ACCOUNT,
                           "common-session": COMMON_SESSION}.items():
            self.service(name, text)
        (root / "real/sudoers").write_text("Defaults !lecture\nsuzuki ALL=(ALL) ALL\n")
        (root / "real/sudoers").chmod(0o440)
        for name in ("passwd", "group", "shadow", "sudoers", "pam.d"):
            run("mount", "--bind", root / "real" / name, pathlib.Path("/etc") / name)
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        os.mkdir("/run/sshd")
        pathlib.Path("/run/utmp").touch()
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/home")
        for user, uid in USERS.items():
            os.mkdir(f"/home/{user}")
            os.chown(f"/home/{user}", uid, uid)
        with open(root / "etc/passwd", "a", encoding="ascii") as f:
            f.write(f"kaikei:x:{USERS['kaikei']}:{USERS['kaikei']}::/home/kaikei:/bin/sh\n")
        self.m.clock(MONDAY_NOON, 1000)
        self.m.start()
        self.minutes = 0

    def write_accounts(self, root):
        real = root / "real"
        real.mkdir()
        shutil.copy("/etc/passwd", real / "passwd")
        shutil.copy("/etc/group", real / "group")
        shutil.copy("/etc/shadow", real / "shadow")
        os.chown(real / "shadow", 0, os.stat("/etc/shadow").st_gid)
        (real / "shadow").chmod(0o640)
        hashed = yescrypt(PASSWORD)
        with open(real / "passwd", "a", encoding="ascii") as p, open(real / "group", "a", encoding="ascii") as g, \
                open(real / "shadow", "a", encoding="ascii") as s:
            for user, uid in USERS.items():
                p.write(f"{user}:x:{uid}:{uid}::/home/{user}:/bin/sh\n")
                g.write(f"{user}:x:{uid}:\n")
                s.write(f"{user}:{hashed}:19000:0:99999:7:::\n")

    def service(self, name, text):
        (self.m.root / "real/pam.d" / name).write_text(text.format(module=self.module, check=self.m.root / "check"))

    def later(self):
        """A minute has gone by, so that there is a code that was not used; no wait is left."""
        self.minutes += 1
        self.m.clock(MONDAY_NOON + 60 * self.minutes, 1000 + 2000 * self.minutes)

    def close(self):
        self.m.stop(signal.SIGKILL)
        subprocess.run(["umount", "-l", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/sudoers", "/etc/pam.d"], check=False)
        shutil.rmtree(self.m.root, ignore_errors=True)


class Terminal:
    """A program on a terminal of its own, and somebody who types when it asks."""

    def __init__(self, *command, user=None, environment=None):
        self.said = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if user is not None:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            os.execvpe(str(command[0]), [str(c) for c in command],
                       {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb", "LC_ALL": "C", **(environment or {})})
        self.status = None

    def read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            chunk = os.read(self.fd, 4096)
        except OSError:
            chunk = b""
        self.said += chunk.decode("utf-8", "replace")
        return bool(chunk)

    def expect(self, pattern, timeout=30):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.said):
            if time.monotonic() > end or (not self.read(1) and self.ended()):
                raise AssertionError(f"no {pattern!r} in {self.said!r}")
        self.said = re.split(pattern, self.said, maxsplit=1)[-1]

    def type(self, text):
        time.sleep(0.1)  # programs throw away what was typed before they asked
        os.write(self.fd, text.encode() + b"\n")

    def answer(self, *pairs):
        for pattern, text in pairs:
            self.expect(pattern)
            self.type(text)
        return self

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def finish(self, timeout=40):
        end = time.monotonic() + timeout
        while not self.ended() and time.monotonic() < end:
            self.read(0.1)
        while self.read(0.1):
            pass
        self.close()
        return self.said

    def close(self):
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -9
        try:
            os.close(self.fd)
        except OSError:
            pass
