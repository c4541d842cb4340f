# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped pam-configs profiles as Debian's own pam-auth-update merges them, in a folder of their own, with this
build's module and a password that a script checks."""
import os
import pathlib
import re
import shutil
import subprocess

from otp_fixture import BUILD, Machine

SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", "."))
MODULE = (BUILD / "pam_module/pam_sekisho.so").resolve()
LOGIN = BUILD / "pam_module/pam_login"
PROFILES = ("sekisho", "sekisho-decoy")
CHECK = "#!/bin/sh\n[ \"$PAM_USER\" != nobody-here ] && [ \"$(tr -d '\\\\0')\" = sesame ]\n"
UNIX = """Name: Unix authentication, as Debian has it but for the module
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
\t[success=end default=ignore]\t{password} use_first_pass
Auth-Initial:
\t[success=end default=ignore]\t{password}
Account-Type: Primary
Account:
\t[success=end new_authtok_reqd=done default=ignore]\t{account}
Session-Type: Additional
Session:
\trequired\tpam_permit.so
"""
DEBCONF = """Config: configdb
Templates: templatedb

Name: configdb
Driver: File
Filename: {0}/config.dat

Name: templatedb
Driver: File
Filename: {0}/templates.dat
"""


class Stacks:
    """etc/pam.d of a machine, by pam-auth-update."""

    def __init__(self, machine: Machine, account="pam_permit.so"):
        self.root = machine.root
        for path in ("etc/pam.d", "usr/share/pam-configs", "var/lib/pam", "debconf"):
            (self.root / path).mkdir(parents=True, exist_ok=True)
        machine.write("check", CHECK)
        (self.root / "check").chmod(0o755)
        machine.write("debconf.conf", DEBCONF.format(self.root / "debconf"))
        for kind in ("auth", "account", "password", "session", "session-noninteractive"):
            shutil.copy(f"/usr/share/pam/common-{kind}", self.root / "etc/pam.d")
        machine.write("usr/share/pam-configs/unix", UNIX.format(
            password=f"pam_exec.so expose_authtok quiet {self.root}/check", account=account))
        for name in PROFILES:
            shutil.copy(SOURCE / "packaging/pam-configs" / name, self.root / "usr/share/pam-configs")
        self.update("--force")

    def update(self, *words):
        """pam-auth-update, as root at a prompt or a maintainer script runs it."""
        return subprocess.run(
            ["pam-auth-update", "--root", self.root, "--package", *words], check=True, timeout=60, capture_output=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_SYSTEMRC": str(self.root / "debconf.conf")})

    def lines(self, kind):
        """[[type, control, module and options]...] of one common-* file."""
        text = (self.root / f"etc/pam.d/common-{kind}").read_text()
        return [re.match(r"(\w+)\s+(\[[^]]*\]|\S+)\s+(.*?)\s*$", line).groups()
                for line in text.splitlines() if line.strip() and not line.startswith("#")]

    def service(self, name, *kinds):
        """A service that includes these common files, with the module of this build, which asks the machine's verifier.
        Spelt out, since libpam looks for what is included in /etc/pam.d alone."""
        text = "".join((self.root / f"etc/pam.d/common-{kind}").read_text() for kind in kinds)
        (self.root / "services").mkdir(exist_ok=True)
        (self.root / "services" / name).write_text(text.replace("pam_sekisho.so", f"{MODULE} root={self.root}"))

    def enable(self):
        self.update("--enable", *PROFILES)
        self.service("login", "auth", "account", "session")

    def login(self, user, *answers, phases="acs", service="login", tty="pts/0"):
        """(status of libpam, [what was said])"""
        done = subprocess.run([LOGIN, "-t", tty, "-p", phases, self.root / "services", service, user, *answers],
                              timeout=60, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
        *said, result = done.stdout.splitlines()
        return int(result.split()[1]), said
