# SPDX-License-Identifier: GPL-2.0-or-later
"""Remote desktops: Debian's own packages, unpacked under a root, are found open; `remote close` shuts them, and
`remote reopen` gives every byte back."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", "build/dev"))
SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
PACKAGES = ("xrdp", "spice-vdagent", "freerdp2-x11", "remmina")
POLICY = """sekisho: 1
header: {fleet: f, serial: 1, issued: 2026-01-01T00:00:00+09:00, expires: never, target: [all]}
mode: enforce
clipboard: {default: block}
"""


def fetch(into):
    """Their files as they are shipped, without what installing them would start."""
    debs = pathlib.Path(into) / "debs"
    debs.mkdir()
    shutil.chown(debs, user="_apt") if os.getuid() == 0 else None
    done = subprocess.run(["apt-get", "download", *PACKAGES], cwd=debs, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"skipped: the packages cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
        sys.exit(77)
    tree = pathlib.Path(into) / "tree"
    for deb in debs.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    return tree


class Remote(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-remote-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.shipped = fetch(cls.work)

    def setUp(self):
        self.root = self.work / self._testMethodName
        subprocess.run(["cp", "-a", self.shipped, self.root], check=True)
        share = self.root / "usr/share/sekisho"
        (share / "apparmor").mkdir(parents=True)
        shutil.copy(SOURCE / "packaging/apparmor/sekisho-remote-clients", share / "apparmor")
        (share / "default-policy.yaml").write_text(POLICY)

    def ctl(self, *arguments, expected=0):
        done = subprocess.run([BUILD / "agent/ctl/sekishoctl", *arguments, "--root", self.root], capture_output=True, text=True,
                              check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, expected, done.stderr + done.stdout)
        return done.stdout

    def verdicts(self, expected):
        found = json.loads(self.ctl("remote", "check", "--json", expected=expected))["findings"]
        return {(f["program"], f["channel"]): f["verdict"] for f in found}

    def tree(self):
        return {p.relative_to(self.root): os.readlink(p) if p.is_symlink() else (p.read_bytes(), p.stat().st_mode)
                for p in self.root.rglob("*") if p.is_symlink() or p.is_file()}

    def test_found_open_shut_and_given_back(self):
        before = self.tree()
        self.assertEqual(self.verdicts(expected=1), {
            ("xrdp", "clipboard"): "open", ("xrdp", "drives"): "open",
            ("spice-vdagent", "clipboard"): "open", ("spice-vdagent", "drives"): "open",
            ("freerdp", "clipboard"): "shut", ("freerdp", "drives"): "open",
            ("remmina", "clipboard"): "shut", ("remmina", "drives"): "open"})
        changed = json.loads(self.ctl("remote", "close", "--json"))["changed"]
        self.assertEqual(sorted(changed), [
            "/etc/apparmor.d/sekisho-remote-clients", "/etc/systemd/system/spice-vdagentd.service",
            "/etc/systemd/system/spice-vdagentd.socket", "/etc/xrdp/sesman.ini", "/etc/xrdp/xrdp.ini"])
        after = self.verdicts(expected=1)
        self.assertEqual({k for k, v in after.items() if v != "shut"}, {("freerdp", "drives"), ("remmina", "drives")})
        # A profile counts once the kernel has it.
        profiles = self.root / "sys/kernel/security/apparmor/profiles"
        profiles.parent.mkdir(parents=True)
        profiles.write_text("sekisho-remote-client (enforce)\n")
        self.assertEqual(set(self.verdicts(expected=0).values()), {"shut"})
        profiles.unlink()
        shut = self.tree()
        self.assertEqual(json.loads(self.ctl("remote", "close", "--json"))["changed"], [])
        self.assertEqual(self.tree(), shut)
        self.ctl("remote", "reopen")
        self.assertEqual(self.tree(), before)
        self.assertEqual(self.verdicts(expected=1)["xrdp", "clipboard"], "open")

    @unittest.skipUnless(shutil.which("apparmor_parser"), "no apparmor_parser here")
    def test_the_profile_is_one(self):
        """What it shows is tried in the terminal: tests/vm/scenarios/apparmor.py."""
        profile = SOURCE / "packaging/apparmor/sekisho-remote-clients"
        done = subprocess.run(["apparmor_parser", "--skip-kernel-load", "--skip-cache", profile], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_one_setting_alone_is_not_enough(self):
        """What an admin may take for closed: the comment, the wrong file, one kind of session that opens it again."""
        self.ctl("remote", "close")
        ini = self.root / "etc/xrdp/xrdp.ini"
        self.assertIn("\ncliprdr=false\n", ini.read_text())
        ini.write_text(ini.read_text().replace("#channel.cliprdr=true", "channel.cliprdr=true"))
        sesman = self.root / "etc/xrdp/sesman.ini"
        self.assertEqual(self.verdicts(expected=1)["xrdp", "clipboard"], "shut")  # sesman still restricts it
        sesman.write_text(sesman.read_text().replace("RestrictInboundClipboard=all", "RestrictInboundClipboard=none"))
        self.assertEqual(self.verdicts(expected=1)["xrdp", "clipboard"], "open")

    def test_table_in_both_languages(self):
        self.assertIn("OPEN", self.ctl("remote", "check", expected=1))
        self.assertIn("cliprdr=true", self.ctl("remote", "check", expected=1))


if __name__ == "__main__":
    unittest.main()
