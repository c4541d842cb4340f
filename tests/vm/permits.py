# SPDX-License-Identifier: GPL-2.0-or-later
"""Permits for the terminal: a fleet whose keys are on this machine, and documents signed by its ssh-keygen."""
import datetime
import json
import os
import subprocess
import tempfile

import channel

JST = datetime.timezone(datetime.timedelta(hours=9))


def stamp(seconds=0):
    return (datetime.datetime.now(JST) + datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds")


class Fleet:
    """One terminal's trust, of one holder; policies need no signature, so that scenarios stay short, but where one asks for it."""

    def __init__(self, terminal, sekisho, signed_policies=False):
        self.terminal = terminal
        self.name = sekisho.status()["policy"]["fleet"]
        self.host = terminal.read("/etc/machine-id")
        self._directory = tempfile.TemporaryDirectory(prefix="sekisho-permits-")
        self._key = os.path.join(self._directory.name, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._key], check=True)
        with open(f"{self._key}.pub", encoding="ascii") as f:
            public = " ".join(f.read().split()[:2])
        self._put("/root/trust.yaml", "trust@sekisho", (
            f"sekisho-trust: 1\nheader: {{fleet: {self.name}, version: 1, issued: 2026-01-05T09:00:00+09:00, "
            f"expires: never}}\n{'' if signed_policies else 'unsigned-policy: allow'}\n"
            "roles: {trust: {threshold: 1}, policy: {threshold: 1}, permit: {threshold: 1}}\n"
            f"holders:\n  - {{name: kacho, roles: [trust, policy, permit], key: {public}}}\n"))
        terminal.sh("sekishoctl trust init /root/trust.yaml")

    def _put(self, path, namespace, text):
        done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self._key],
                              input=text.encode(), capture_output=True, check=True)
        self.terminal.write(path, text)
        self.terminal.write(f"{path}.sig", done.stdout)

    def put_policy(self, path, text):
        """Signed and on the terminal."""
        self._put(path, "policy@sekisho", text)

    def permit(self, sekisho, device, name="p1", users="alice", duration="1h", more="action: read-only\n",
               expires=None, host=None):
        """Signed and on the terminal; its path there. device: plugged in."""
        entry = channel.wait_until(f"{device.name} to be listed", lambda: sekisho.device(device), 30, 0.2)
        path = f"/root/{name}.yaml"
        self._put(path, "permit@sekisho", (
            f"sekisho-permit: 1\nheader: {{fleet: {self.name}, id: {name}, issued: '{stamp(-300)}', "
            f"expires: '{expires or stamp(86400)}', target: ['host:{host or self.host}']}}\n"
            f"ticket: 様式第1号の2 {name}\napplicant: 市民課\napprover: 市民課長\npurpose: 提出\n"
            f"device: {{vendor: {entry['vendor']}, product: {entry['product']}, serial: {entry['serial']}, "
            f"descriptors: '{entry['descriptors']}'}}\nusers: [{users}]\nduration: {duration}\n{more}"))
        return path

    def install(self, *arguments, **options):
        self.terminal.sh(f"sekishoctl permit install {self.permit(*arguments, **options)}")

    def state(self, name="p1"):
        listed = json.loads(self.terminal.sh("sekishoctl permit list --json"))["permits"]
        return next(((p["state"], p["end"]) for p in listed if p["id"] == name), None)

    def wait_state(self, state, end="", name="p1", limit=30):
        channel.wait_until(f"{name} to be {state} {end}", lambda: self.state(name) == (state, end), limit, 0.3)

