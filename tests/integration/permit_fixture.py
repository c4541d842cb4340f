# SPDX-License-Identifier: GPL-2.0-or-later
"""Permits for tests: a fleet with a trust document on the fake machine, and documents signed by ssh-keygen."""
import datetime
import os
import pathlib
import subprocess

import fakeroot
from fakeroot import BUILD, STORAGE, VarlinkError, policy

CTL = pathlib.Path(BUILD) / "agent/ctl/sekishoctl"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
STICK = (0x0781, 0x5591, STORAGE)
SERIAL = "4C53"
STORE = "var/lib/sekisho/permits"
JST = datetime.timezone(datetime.timedelta(hours=9))


def stamp(seconds=0):
    """RFC 3339, so many seconds from now."""
    return (datetime.datetime.now(JST) + datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds")


class PermitMixin:
    """For a test with self.machine. kacho signs everything, kakaricho trust and permits, shinjin nothing."""

    def make_keys(self):
        self.keys = {}
        for name in ("kacho", "kakaricho", "shinjin"):
            path = self.machine.root / f"key-{name}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
            self.keys[name] = path

    def signatures(self, text, *names, namespace="permit@sekisho"):
        blocks = b""
        for name in names:
            done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.keys[name]],
                                  input=text.encode(), capture_output=True, check=True)
            blocks += done.stdout
        return blocks.decode()

    def trust(self, version=1, permit=("kacho", "kakaricho"), threshold=1):
        """Installs the trust document of that version; policies need no signature, so that tests stay short."""
        rows = ""
        for name in ("kacho", "kakaricho", "shinjin"):
            key = " ".join(self.keys[name].with_suffix(".pub").read_text().split()[:2])
            roles = "trust, policy" + (", permit" if name in permit else "")
            rows += f"  - {{name: {name}, roles: [{roles if name != 'shinjin' else 'audit'}], key: {key}}}\n"
        text = (f"sekisho-trust: 1\nheader: {{fleet: test, version: {version}, issued: 2026-01-01T09:00:00+09:00, "
                f"expires: never}}\nunsigned-policy: allow\nroles: {{trust: {{threshold: 2}}, policy: {{threshold: 1}}, "
                f"permit: {{threshold: {threshold}}}}}\nholders:\n{rows}")
        self.machine.call("InstallTrust", text=text,
                          signatures=self.signatures(text, "kacho", "kakaricho", namespace="trust@sekisho"))

    def digest(self, port):
        return self.machine.device(port)["descriptors"]

    def permit(self, id="p1", port="1-2", serial=SERIAL, target=f"host:{MACHINE_ID}", issued=None, expires=None,
               fleet="test", action="read-only", users="[yamada]", duration="4h", more="", descriptors=None):
        number = f", serial: {serial}" if serial else ""
        return (f"sekisho-permit: 1\nheader: {{fleet: {fleet}, id: {id}, issued: '{issued or stamp(-60)}', "
                f"expires: '{expires or stamp(86400)}', target: ['{target}']}}\n"
                f"ticket: 様式第1号の2 令和8年度-{id}\napplicant: 市民課 山田\napprover: 市民課長\npurpose: 県への提出\n"
                f"device: {{vendor: 0781, product: 5591{number}, descriptors: '{descriptors or self.digest(port)}'}}\n"
                f"action: {action}\nusers: {users}\nduration: {duration}\n{more}")

    def install(self, text=None, signer="kacho", **options):
        text = text or self.permit(**options)
        return self.machine.call("InstallPermit", text=text, signatures=self.signatures(text, signer))["permit"]

    def refused(self, method, reason, **parameters):
        with self.assertRaises(VarlinkError) as caught:
            self.machine.call(method, **parameters)
        self.assertEqual(caught.exception.name, "org.sekisho.Agent.PermitRefused")
        self.assertEqual(caught.exception.parameters["reason"], reason)
        return caught.exception.parameters

    def install_refused(self, reason, text, *signers, namespace="permit@sekisho"):
        return self.refused("InstallPermit", reason, text=text,
                            signatures=self.signatures(text, *(signers or ("kacho",)), namespace=namespace))

    def permits(self):
        return {p["id"]: p for p in self.machine.call("ListPermits")["permits"]}

    def state(self, id="p1"):
        p = self.permits()[id]
        return p["state"], p["end"]

    def records(self, outcome=None):
        """What the record says of permits, oldest first."""
        own = [r["unmapped"]["sekisho"] for r in self.machine.record()]
        return [o["permit"] for o in own if "outcome" in o.get("permit", {}) and
                outcome in (None, o["permit"]["outcome"])]

    def reboot(self):
        """The machine starts again: another boot id, and nothing in /run."""
        m = self.machine
        if m.agent:
            m.kill()
        m.write("proc/sys/kernel/random/boot_id", "99999999-2222-3333-4444-555555555555\n")
        for file in (m.root / "run/sekisho").glob("*.json"):
            file.unlink()
        for link in (m.root / "sys/bus/usb/devices").iterdir():
            if not link.name.startswith("usb"):
                (link / "authorized").write_text("0\n")

    def ctl(self, *words, status=0, given=None, **environment):
        done = subprocess.run([CTL, *map(str, words), "--root", self.machine.root], capture_output=True, text=True,
                              input=given, env={**os.environ, "LC_ALL": "C.UTF-8", **environment}, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr


class PermitTest(PermitMixin, fakeroot.AgentTest):
    """A running agent that trusts the fleet, and a stick that no rule lists."""

    def setUp(self):
        super().setUp()
        self.make_keys()
        self.machine.ship(policy())
        self.machine.plug("1-2", *STICK, serial=SERIAL, label="Ultra")
        self.machine.start()
        self.trust()

    def is_open(self, port="1-2"):
        return self.machine.settled(port)["open"]

    def until(self, open, port="1-2"):
        fakeroot.eventually(lambda: self.machine.open(port) == open, f"{port} to be {'open' if open else 'shut'}")
