#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The system's own programs in front of pam_sekisho.so: login, su, sudo, pamtester, sshd. What counts is whether a command
runs, and as whom."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
import unittest

from otp_fixture import BUILD
from real_etc import PASSWORD, USERS, Etc, Terminal, run

CODE, ASKED = r"(?i)code.*: ?$", r"(?i)password: ?$"
LOGIN = BUILD / "pam_module/pam_login"
RAN = "uid-of-the-session="


def setUpModule():
    global etc
    etc = Etc()
    unittest.addModuleCleanup(etc.close)
    for user in ("yamada", "suzuki"):
        etc.m.enroll(user)


class Programs(unittest.TestCase):
    def setUp(self):
        etc.later()
        self.terminals = []
        self.addCleanup(lambda: [t.close() for t in self.terminals])

    def terminal(self, *command, **options):
        t = Terminal(*command, **options)
        self.terminals.append(t)
        return t

    def failures(self, user):
        return etc.m.user(user)["failures"]

    def outcomes(self, **wanted):
        time.sleep(0.1)
        return [r for r in etc.m.records() if all(r["unmapped"]["sekisho"]["login"].get(k) == v for k, v in wanted.items())]


class OnTerminals(Programs):
    def test_login(self):
        code = etc.m.code("yamada")
        t = self.terminal("/bin/login", "yamada").answer((ASKED, PASSWORD), (CODE, etc.m.wrong("yamada")))
        t.expect(r"(?i)incorrect")
        t.answer((r"login: ?$", "yamada"), (ASKED, "not the password"), (CODE, code))
        t.expect(r"(?i)incorrect")
        etc.later()
        t.answer((r"login: ?$", "yamada"), (ASKED, PASSWORD), (CODE, etc.m.code("yamada")))
        t.expect(r"\$ ?$")
        t.type(f"echo {RAN}$(id -u)")
        t.expect(RAN + "3001")
        t.type("exit")
        t.finish()
        self.assertTrue(self.outcomes(service="login", phase="session"))

    def test_su(self):
        command = ("su", "yamada", "-c", f"echo {RAN}$(id -u)")
        t = self.terminal(*command, user=USERS["suzuki"]).answer((ASKED, PASSWORD), (CODE, etc.m.wrong("yamada")))
        self.assertNotIn(RAN, t.finish())
        t = self.terminal(*command, user=USERS["suzuki"]).answer((ASKED, PASSWORD), (CODE, etc.m.code("suzuki")))
        self.assertNotIn(RAN, t.finish(), "the code of who calls is not that of who is meant")
        etc.later()
        t = self.terminal(*command, user=USERS["suzuki"]).answer((ASKED, PASSWORD), (CODE, etc.m.code("yamada")))
        self.assertIn(RAN + "3001", t.finish())

    def test_sudo(self):
        command = ("sudo", "-k", "sh", "-c", f"echo {RAN}$(id -u)")
        t = self.terminal(*command, user=USERS["suzuki"]).answer((r"suzuki: ?$", PASSWORD), (CODE, etc.m.wrong("suzuki")))
        t.expect(r"(?i)try again")
        t.answer((r"suzuki: ?$", "wrong"), (CODE, etc.m.code("suzuki")))
        t.expect(r"(?i)try again")
        t.close()
        etc.later()
        t = self.terminal(*command, user=USERS["suzuki"]).answer((r"suzuki: ?$", PASSWORD), (CODE, etc.m.code("suzuki")))
        self.assertIn(RAN + "0", t.finish())
        etc.later()
        t = self.terminal(*command, user=USERS["yamada"]).answer((r"yamada: ?$", PASSWORD), (CODE, etc.m.code("yamada")))
        self.assertNotIn(RAN, t.finish(), "both factors, and not in sudoers")


class Pamtester(Programs):
    def try_it(self, user, *answers):
        done = subprocess.run(["pamtester", "tester", user, "authenticate", "acct_mgmt", "open_session"], text=True,
                              input="".join(a + "\n" for a in answers), capture_output=True, timeout=60, check=False)
        return done.returncode == 0

    def test_phases(self):
        self.assertFalse(self.try_it("yamada", PASSWORD, etc.m.wrong("yamada")))
        self.assertFalse(self.try_it("yamada", PASSWORD, PASSWORD))
        self.assertFalse(self.try_it("yamada", "wrong", etc.m.code("yamada")))
        self.assertTrue(self.try_it("yamada", PASSWORD, etc.m.code("yamada")))
        self.assertFalse(self.try_it("yamada", PASSWORD, etc.m.code("yamada")), "used up")

    def test_verifier_masked(self):
        code = etc.m.code("yamada")
        etc.m.stop()
        try:
            self.assertFalse(self.try_it("yamada", PASSWORD, code))
        finally:
            etc.m.start()
        self.assertTrue(self.try_it("yamada", PASSWORD, code))


class Time(Programs):
    """What a stranger could tell from how long it takes. Measured in processor time, of the program and of the verifier, since
    the clock on the wall shows what else the machine does."""

    ROUNDS, TRIES = 8, 5
    BOUNDS = 1.35, 1.2  # of the program, which has little to do, and of the verifier

    def spent(self):
        with open(f"/proc/{etc.m.process.pid}/schedstat", encoding="ascii") as f:
            verifier = int(f.read().split()[0]) / 1e9
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime, verifier

    def cost(self, user, password, code):
        etc.later()
        before = self.spent()
        done = subprocess.run([LOGIN, "/etc/pam.d", "tester", user, password, code], capture_output=True, text=True,
                              timeout=60, check=True)
        self.assertIn("result 7", done.stdout)
        return [b - a for a, b in zip(before, self.spent())]

    def test_nobody_takes_as_long_as_somebody(self):
        """Least costs, of rounds in which all take turns: what the machine does besides only adds. More rounds bring those
        of one kind together, and leave a difference in the work itself."""
        code = etc.m.wrong("yamada")
        who = {
            "unknown": ("nobody-here", "wrong-wrong-wrong", code), "locked": ("daemon", "wrong-wrong-wrong", code),
            "not enrolled": ("kaikei", "wrong-wrong-wrong", code), "not enrolled, right": ("kaikei", PASSWORD, code),
            "enrolled": ("yamada", "wrong-wrong-wrong", code), "enrolled, right": ("yamada", PASSWORD, code)}
        least = {name: [float("inf")] * 2 for name in who}
        for _ in range(self.TRIES):
            for _ in range(self.ROUNDS):
                for name, row in who.items():
                    least[name] = list(map(min, least[name], self.cost(*row)))
            ratios = [max(column) / min(column) for column in zip(*least.values())]
            if all(ratio < bound for ratio, bound in zip(ratios, self.BOUNDS)):
                return
        self.fail(f"{ratios}: {least}")


class Sshd(Programs):
    @classmethod
    def setUpClass(cls):
        cls.directory = etc.m.root / "ssh"
        cls.directory.mkdir()
        for name in ("host", "key"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", cls.directory / name)
        shutil.copy(cls.directory / "key.pub", cls.directory / "authorized")

    def sshd(self, methods):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        config = self.directory / "config"
        config.write_text(f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.directory}/host\nUsePAM yes\n"
                          f"PidFile none\nStrictModes no\nAuthorizedKeysFile {self.directory}/authorized\n"
                          f"KbdInteractiveAuthentication yes\nPasswordAuthentication no\n{methods}\n")
        log = open(self.directory / "log", "ab")
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stderr=log)
        log.close()
        self.addCleanup(process.wait)
        self.addCleanup(process.send_signal, signal.SIGTERM)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self.directory / "log").read_text()) from None
                time.sleep(0.05)

    def ssh(self, user, *options):
        return self.terminal("ssh", "-F", "none", "-p", self.port, "-o", "StrictHostKeyChecking=no", "-o",
                             "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1",
                             *options, f"{user}@127.0.0.1", f"echo {RAN}$(id -u)", environment={"HOME": str(self.directory)})

    def key(self):
        return ("-i", self.directory / "key", "-o", "IdentitiesOnly=yes")

    def test_keyboard_interactive(self):
        self.sshd("AuthenticationMethods keyboard-interactive:pam")
        t = self.ssh("yamada").answer((ASKED, PASSWORD), (CODE, etc.m.wrong("yamada")))
        self.assertNotIn(RAN, t.finish())
        t = self.ssh("yamada").answer((ASKED, "wrong"), (CODE, etc.m.code("yamada")))
        self.assertNotIn(RAN, t.finish())
        etc.later()
        t = self.ssh("yamada").answer((ASKED, PASSWORD), (CODE, etc.m.code("yamada")))
        self.assertIn(RAN + "3001", t.finish())
        self.assertTrue(self.outcomes(service="sshd", rhost="127.0.0.1"))

    def test_key_and_code(self):
        self.sshd("AuthenticationMethods publickey,keyboard-interactive:pam")
        t = self.ssh("yamada", *self.key()).answer((ASKED, PASSWORD), (CODE, etc.m.code("yamada")))
        self.assertIn(RAN + "3001", t.finish())
        etc.later()
        t = self.ssh("yamada", *self.key()).answer((ASKED, PASSWORD), (CODE, etc.m.wrong("yamada")))
        self.assertNotIn(RAN, t.finish())
        t = self.ssh("yamada", "-o", "PubkeyAuthentication=no")
        self.assertNotIn(RAN, t.finish(), "no key")

    def test_key_alone(self):
        """It never sees PAM's auth phase; the session does not open."""
        self.sshd("AuthenticationMethods any")
        before = len(self.outcomes(detail="key-only")) + len([r for r in etc.m.records()
                                                              if r["unmapped"]["sekisho"].get("detail") == "key-only"])
        t = self.ssh("yamada", *self.key(), "-o", "PreferredAuthentications=publickey")
        self.assertNotIn(RAN, t.finish())
        time.sleep(0.2)
        after = len(self.outcomes(detail="key-only")) + len([r for r in etc.m.records()
                                                             if r["unmapped"]["sekisho"].get("detail") == "key-only"])
        self.assertGreater(after, before, "and the record says why")
        t = self.ssh("kinkyu", *self.key(), "-o", "PreferredAuthentications=publickey")
        self.assertIn(RAN + "3004", t.finish(), "whom the policy exempts")

    def test_no_forwarding_by_key_alone(self):
        self.sshd("AuthenticationMethods any")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            done = subprocess.run(["ssh", "-F", "none", "-p", str(self.port), "-o", "StrictHostKeyChecking=no", "-o",
                                   "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", *map(str, self.key()), "-W",
                                   f"127.0.0.1:{port}", "yamada@127.0.0.1"], input=b"x", capture_output=True, timeout=60,
                                  check=False, env={"HOME": str(self.directory), "PATH": os.environ["PATH"]})
            self.assertNotEqual(done.returncode, 0)
            s.settimeout(0.5)
            with self.assertRaises(OSError):
                s.accept()


if __name__ == "__main__":
    unittest.main()
