#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Hardware keys on a running agent: ssh-keygen signs with one in software (sk_provider.c), which says of itself that it was
touched, or asked for its PIN, or neither; what the trust document requires of it decides."""

import fakeroot
from fakeroot import BUILD, VarlinkError, policy
from test_trust import CTL, TrustTest

import base64
import os
import pathlib
import shutil
import subprocess
import sys

PROVIDER = (pathlib.Path(BUILD) / "agent/ctl/sk_provider.so").resolve()
GOOD, TOUCH, PIN = "counts", "no-touch", "no-pin"
# What the trust document says of the key: what its signature is worth with the flags 0, 1 (touched), 4 (PIN), 5 (both).
ROWS = (
    ("", (GOOD, GOOD, GOOD, GOOD)),
    (", touch: optional, pin: optional", (GOOD, GOOD, GOOD, GOOD)),
    (", touch: required", (TOUCH, GOOD, TOUCH, GOOD)),
    (", pin: required", (PIN, PIN, GOOD, GOOD)),
    (", touch: required, pin: required", (TOUCH, PIN, TOUCH, GOOD)),
)


class HardwareKey(TrustTest):
    """kacho has an ordinary key, buchou one in hardware; two must sign a policy."""

    def setUp(self):
        super().setUp()
        self.keys["buchou"] = self.machine.root / "key-buchou"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519-sk", "-w", PROVIDER, "-N", "", "-f", self.keys["buchou"]],
                       stdin=subprocess.DEVNULL, capture_output=True, check=True)

    def public(self, name):
        return " ".join(self.keys[name].with_suffix(".pub").read_text().split()[:2])

    def trust(self, version, required):
        path = self.machine.root / f"trust-{version}.yaml"
        path.write_text(
            "sekisho-trust: 1\n"
            f"header: {{fleet: test, version: {version}, issued: 2026-11-23T09:00:00+09:00, expires: never}}\n"
            "roles: {trust: {threshold: 1}, policy: {threshold: 2}}\nholders:\n"
            f"  - {{name: kacho, roles: [trust, policy], key: {self.public('kacho')}}}\n"
            f"  - {{name: buchou, roles: [trust, policy], key: {self.public('buchou')}{required}}}\n"
        )
        return path

    def environment(self, flags):
        return {**os.environ, "LC_ALL": "C.UTF-8", "SSH_SK_PROVIDER": str(PROVIDER),
                **({} if flags is None else {"SK_FLAGS": str(flags)})}  # fmt: skip

    def block(self, text, name, flags=None, namespace="policy@sekisho"):
        done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.keys[name]],
                              input=text.encode(), capture_output=True, check=True, env=self.environment(flags))
        return done.stdout.decode()

    def sekishoctl_signs(self, path, flags=None):
        done = subprocess.run([CTL, "sign", path, "--key", self.keys["buchou"]], capture_output=True, text=True, check=False,
                              env=self.environment(flags))  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def serial(self):
        return self.machine.status()["policy"]["serial"]

    def recorded(self):
        """(outcome, what buchou's signature was worth) of the last document."""
        last = [e["document"] for e in (r["unmapped"]["sekisho"] for r in self.machine.record()) if "document" in e][-1]
        return last["outcome"], {s["holder"]: s["state"] for s in last["signatures"]}["buchou"]

    def test_flags_against_what_is_required(self):
        serial = 1
        for version, (required, expected) in enumerate(ROWS, 1):
            self.ctl("trust", "init" if version == 1 else "rotate", self.sign(self.trust(version, required), "kacho"))
            for flags, state in zip((0, 1, 4, 5), expected):
                with self.subTest(required=required, flags=flags):
                    text, before = policy(serial + 1), self.serial()
                    signatures = self.block(text, "kacho") + self.block(text, "buchou", flags)
                    if state == GOOD:
                        self.machine.call("InstallPolicy", text=text, signatures=signatures)
                        serial += 1
                        self.assertEqual((self.serial(), self.recorded()), (serial, ("installed", state)))
                        continue
                    with self.assertRaises(VarlinkError) as caught:
                        self.machine.call("InstallPolicy", text=text, signatures=signatures)
                    told = caught.exception.parameters
                    self.assertEqual((told["reason"], told["counted"], told["needed"]), ("signatures", 1, 2))
                    self.assertEqual((self.serial(), self.recorded()), (before, ("refused", state)))

    def test_flags_that_were_changed_afterwards(self):
        """They are under the signature: a key that nobody touched cannot be made one that was."""
        self.ctl("trust", "init", self.sign(self.trust(1, ", touch: required"), "kacho"))
        text = policy(2)
        begin, *lines, end = self.block(text, "buchou", 0).splitlines()
        blob = bytearray(base64.b64decode("".join(lines)))
        self.assertEqual(blob[-5:], b"\0\1\2\3\4")  # flags, and the counter of sk_provider.c
        blob[-5] = 1
        forged = "\n".join((begin, base64.b64encode(blob).decode(), end, ""))
        with self.assertRaises(VarlinkError):
            self.machine.call("InstallPolicy", text=text, signatures=self.block(text, "kacho") + forged)
        self.assertEqual(self.recorded(), ("refused", "bad-signature"))
        self.machine.call("InstallPolicy", text=text, signatures=self.block(text, "kacho") + self.block(text, "buchou", 1))

    def test_sekishoctl_signs_by_way_of_ssh_keygen(self):
        trust = self.sign(self.trust(1, ", touch: required"), "kacho")
        self.ctl("trust", "init", trust)
        path = self.machine.root / "policy.yaml"
        path.write_text(policy(2))
        self.sign(path, "kacho")

        self.sekishoctl_signs(path, flags=0)
        self.assertIn("the hardware key was not touched", self.ctl("verify", path, "--trust", trust, status=1))
        self.assertRegex(self.ctl("policy", "install", path, status=1), r"Signed by 1 holders; 2 are needed(.|\n)*ctl verify FILE")
        self.assertIn("buchou: the hardware key was not touched", self.ctl("policy", "history"))
        self.assertEqual(self.serial(), 1)

        self.sekishoctl_signs(path)  # touched, as it is by default; in the place of the one before
        self.assertEqual(path.with_suffix(".yaml.sig").read_text().count("BEGIN SSH SIGNATURE"), 2)
        self.ctl("verify", path, "--trust", trust)
        self.ctl("policy", "install", path)
        self.assertEqual(self.serial(), 2)

    def test_a_trust_document(self):
        self.ctl("trust", "init", self.sign(self.trust(1, ", touch: required"), "kacho"))
        path = self.trust(2, ", touch: required, pin: required")
        self.sekishoctl_signs(path, flags=0)
        self.ctl("trust", "rotate", path, status=1)
        self.sekishoctl_signs(path, flags=1)  # enough for the version before, not for this one
        self.assertIn("Those to whom it gives", self.ctl("trust", "rotate", path, status=1))
        self.assertEqual(self.version(), 1)
        self.sekishoctl_signs(path, flags=5)
        self.ctl("trust", "rotate", path)
        self.assertEqual(self.version(), 2)


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
