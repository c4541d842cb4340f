#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`sekishoctl login check` on the configuration that real programs run with, held against who really gets in."""
import json
import os
import re
import shutil
import subprocess
import unittest

from otp_fixture import BUILD, Machine
from pam_profile import PROFILES, Stacks
from real_etc import PASSWORD, Etc, run

SEKISHOCTL = BUILD / "agent/ctl/sekishoctl"
PLANTED = "# harmless\nauth sufficient pam_unix.so\n@include common-auth\n@include common-account\n@include common-session\n"
LOGIN = "auth optional pam_faildelay.so\nauth requisite pam_nologin.so\n@include common-auth\nauth optional pam_group.so\n"
SU = "auth sufficient pam_rootok.so\n@include common-auth\n"
LIGHTDM = "auth requisite pam_nologin.so\n@include common-auth\n-auth optional pam_gnome_keyring.so\n"


def setUpModule():
    global etc
    etc = Etc()
    unittest.addModuleCleanup(etc.close)
    etc.m.enroll("yamada")


class Check(unittest.TestCase):
    def setUp(self):
        self.root = etc.m.root
        etc.later()
        etc.service("tester", "@include common-auth\n@include common-account\n@include common-session\n")

    def check(self, *words):
        """The same files below the fake machine's root, with the module by its installed name."""
        shutil.rmtree(self.root / "etc/pam.d", ignore_errors=True)
        (self.root / "etc/pam.d").mkdir()
        for path in (self.root / "real/pam.d").iterdir():
            if "pam_exec" in path.read_text():
                continue  # a script: what it asks for cannot be told
            (self.root / "etc/pam.d" / path.name).write_text(re.sub(r"\S*/pam_sekisho\.so", "pam_sekisho.so", path.read_text()))
        return subprocess.run([SEKISHOCTL, "--root", self.root, "login", "check", *words], capture_output=True, text=True,
                              timeout=60, check=False, env={**os.environ, "LC_ALL": "C", "LANGUAGE": ""})

    def logins(self):
        done = self.check("--json")
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if report["falls_short"] else 0, done.stderr)
        return report, {(e["kind"], e["name"]): e for e in report["logins"]}

    def gets_in(self, *answers):
        return subprocess.run(["pamtester", "tester", "yamada", "authenticate"], text=True, timeout=60, check=False,
                              input="".join(a + "\n" for a in answers), capture_output=True).returncode == 0

    def test_profile_leaves_no_way(self):
        report, logins = self.logins()
        self.assertFalse(report["falls_short"], report)
        for service in ("login", "su", "sudo", "sshd", "tester", "xsecurelock", "i3lock"):
            entry = logins["pam", service]
            self.assertEqual(entry["verdict"], "exempt", entry)  # of the account for emergencies, by name
            for way in entry["ways"]:
                self.assertTrue(len(way["factors"]) == 2 or way["exempt"] == "break-glass" or
                                way["when"] == "caller-is-root", way)
        self.assertFalse(self.gets_in(PASSWORD, etc.m.wrong("yamada")))

    def test_planted_path_is_found_and_is_real(self):
        etc.service("tester", PLANTED)
        self.assertTrue(self.gets_in(PASSWORD), "the password alone")
        report, logins = self.logins()
        self.assertTrue(report["falls_short"])
        short = [w for w in logins["pam", "tester"]["ways"] if w["verdict"] == "one-factor"]
        self.assertEqual([(w["factors"], w["through"][0]) for w in short],
                         [(["password"], {"file": "/etc/pam.d/tester", "line": 2, "what": "pam_unix.so"})])
        done = self.check()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"! tester: password\n +/etc/pam.d/tester:2: pam_unix.so")

    def test_by_the_policy(self):
        etc.service("tester", PLANTED)
        etc.service("cron", "@include common-auth\n")
        self.assertEqual(self.logins()[1]["pam", "cron"]["verdict"], "exempt")
        self.addCleanup(etc.m.accept)
        etc.m.accept(mode="observe")
        report, logins = self.logins()
        self.assertIn("observe", [w["when"] for w in logins["pam", "login"]["ways"]])
        self.assertEqual(logins["pam", "login"]["verdict"], "one-factor")
        etc.m.accept(text="sekisho: 1\nheader: {fleet: t, serial: 9, issued: 2026-01-01T00:00:00+09:00, expires: never, "
                          "target: [all]}\nmode: enforce\nlogin: {second-factor: {default: exempt}}\n")
        self.assertEqual(self.check().returncode, 0, "the policy asks for nothing")
        (etc.m.root / "real/pam.d/cron").unlink()

    def test_no_configuration(self):
        empty = self.root / "empty"
        empty.mkdir()
        done = subprocess.run([SEKISHOCTL, "--root", empty, "login", "check"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)


class ShippedProfile(unittest.TestCase):
    """As Debian's own pam-auth-update merges it, in front of Debian's own services."""

    def verdicts(self, machine):
        common = machine.root / "etc/pam.d/common-auth"
        text = common.read_text()
        common.write_text(re.sub(r"pam_exec\.so.*", "pam_unix.so nullok", text))
        done = subprocess.run([SEKISHOCTL, "--root", machine.root, "login", "check", "--json"], capture_output=True, timeout=60,
                              check=False)
        common.write_text(text)
        logins = json.loads(done.stdout)["logins"]
        return done.returncode, {e["name"]: {(w["verdict"], *w["factors"]) for w in e["ways"]} for e in logins}

    def test_off_and_on(self):
        m = Machine()
        self.addCleanup(m.close)
        stacks = Stacks(m)
        services = {"login": LOGIN, "su": SU, "sshd": "@include common-auth\n", "lightdm": LIGHTDM,
                    "i3lock": "auth include login\n"}
        for name, text in services.items():
            m.write(f"etc/pam.d/{name}", text)
        status, verdicts = self.verdicts(m)
        self.assertEqual((status, set(verdicts)), (1, set(services)))
        for name, ways in verdicts.items():
            self.assertIn(("one-factor", "password"), ways, name)
        stacks.update("--enable", *PROFILES)
        status, verdicts = self.verdicts(m)
        self.assertEqual((status, set(verdicts)), (0, set(services)), verdicts)
        for name, ways in verdicts.items():
            self.assertEqual(ways - {("root-only",)}, {("two-factors", "password", "code"), ("exempt", "password")}, name)


class AsSshdReadsIt(unittest.TestCase):
    """Effective values by `sshd -T` beside the report."""

    CONFIGS = ("UsePAM yes\nPasswordAuthentication no\nPasswordAuthentication yes\n",
               "Include {d}/*.conf\nUsePAM yes\nPubkeyAuthentication yes\n",
               "usepam=yes\nKbdInteractiveAuthentication \"no\" # x\nPubkeyAuthentication no\n",
               "ChallengeResponseAuthentication no\nPasswordAuthentication no\n",
               "Match all\n  PasswordAuthentication no\n  PubkeyAuthentication no\n")

    def test_effective(self):
        root = etc.m.root
        directory = root / "etc/ssh"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "d.conf.d").mkdir()
        (directory / "d.conf.d/50.conf").write_text("PubkeyAuthentication no\nMatch all\n  PasswordAuthentication no\n")
        (root / "etc/pam.d").mkdir(exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "host")
        for text in self.CONFIGS:
            real = root / "sshd.conf"
            real.write_text(f"HostKey {directory}/host\n" + text.format(d=directory / "d.conf.d"))
            (directory / "sshd_config").write_text(text.format(d="/etc/ssh/d.conf.d"))
            out = run("/usr/sbin/sshd", "-T", "-f", real, "-C", "user=yamada,host=h,addr=192.0.2.1", text=True).stdout
            effective = dict(line.split(" ", 1) for line in out.splitlines() if " " in line)
            wanted = set()
            if effective["pubkeyauthentication"] == "yes":
                wanted.add("key")
            if effective["passwordauthentication"] == "yes" or \
                    (effective["kbdinteractiveauthentication"] == "yes" and effective["usepam"] == "yes"):
                wanted.add("password")
            (root / "etc/pam.d/sshd").write_text("auth required pam_unix.so\nsession required pam_permit.so\n")
            (root / "etc/pam.d/other").write_text("auth required pam_deny.so\n")
            done = subprocess.run([SEKISHOCTL, "--root", root, "login", "check", "--json"], capture_output=True, check=False)
            found = {f for e in json.loads(done.stdout)["logins"] if e["kind"] == "sshd"
                     for w in e["ways"] for f in w["factors"]}
            self.assertEqual(found, wanted, text)


if __name__ == "__main__":
    unittest.main()
