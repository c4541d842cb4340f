#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The chain of trust on a running agent: the first document, the next ones, and what does not follow."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from fakeroot import BUILD, AgentTest, VarlinkError, policy

CTL = pathlib.Path(BUILD) / "agent/ctl/sekishoctl"
CHAIN = "var/lib/sekisho/policy/trust.d"


class TrustTest(AgentTest):
    """An agent, three keys, and sekishoctl."""

    def setUp(self):
        super().setUp()
        self.keys = {}
        for name in ("kacho", "kakaricho", "shinjin"):
            path = self.machine.root / f"key-{name}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
            self.keys[name] = path
        self.machine.start()

    def document(self, version, holders=("kacho", "kakaricho"), threshold=2, fleet="test", expires="never"):
        rows = []
        for name in holders:
            key = " ".join(self.keys[name].with_suffix(".pub").read_text().split()[:2])
            rows.append(f"  - {{name: {name}, roles: [trust, policy], key: {key}}}\n")
        path = self.machine.root / f"trust-{version}.yaml"
        path.write_text(
            "sekisho-trust: 1\n"
            f"header: {{fleet: {fleet}, version: {version}, issued: 2026-11-23T09:00:00+09:00, expires: {expires}}}\n"
            f"roles: {{trust: {{threshold: {threshold}}}, policy: {{threshold: 1}}}}\nholders:\n" + "".join(rows)
        )
        path.with_suffix(".yaml.sig").unlink(missing_ok=True)
        return path

    def ctl(self, *words, status=0):
        done = subprocess.run(
            [CTL, *map(str, words), "--root", self.machine.root],
            capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def sign(self, path, *names):
        for name in names:
            self.ctl("sign", path, "--key", self.keys[name])
        return path

    def version(self):
        return self.machine.call("GetTrust")["version"]


class Trust(TrustTest):
    def test_first_and_next(self):
        self.assertFalse(self.machine.call("GetTrust")["installed"])
        self.assertIn("init", self.ctl("trust", "rotate", self.document(1), status=1))
        self.assertIn("not all signed", self.ctl("trust", "init", self.sign(self.document(1), "kacho"), status=1))
        self.ctl("trust", "init", self.sign(self.document(1), "kacho", "kakaricho"))
        self.assertEqual(self.version(), 1)
        self.assertIn("rotate", self.ctl("trust", "init", self.document(2), status=1))
        self.assertIn("kakaricho", self.ctl("trust", "show"))

        # Somebody new: the old ones and the new one sign.
        path = self.sign(self.document(2, holders=("kacho", "shinjin")), "kacho", "shinjin")
        self.assertIn("not all signed", self.ctl("trust", "rotate", path, status=1))
        self.ctl("trust", "rotate", self.sign(path, "kakaricho"))
        self.assertEqual(self.version(), 2)
        self.assertEqual((self.machine.root / "var/lib/sekisho/policy/trust.yaml").read_text(), path.read_text())

        # The one who left can sign nothing any more.
        path = self.sign(self.document(3, holders=("kacho", "shinjin")), "kacho", "kakaricho")
        self.ctl("trust", "rotate", path, status=1)
        self.assertEqual(self.version(), 2)

    def test_catching_up(self):
        self.ctl("trust", "init", self.sign(self.document(1), "kacho", "kakaricho"))
        chain = [self.sign(self.document(v), "kacho", "kakaricho") for v in range(2, 7)]
        self.assertIn("2", self.ctl("trust", "rotate", *chain[1:], status=1))
        self.ctl("trust", "rotate", *chain)
        self.assertEqual(self.version(), 6)
        self.machine.kill()
        self.machine.start()
        self.assertEqual(self.version(), 6)

    def test_refusals_change_nothing_and_are_recorded(self):
        self.ctl("trust", "init", self.sign(self.document(1), "kacho", "kakaricho"))
        rows = [
            ("version", {"version": 1}),
            ("version", {"version": 3}),
            ("fleet", {"version": 2, "fleet": "other"}),
            ("expired", {"version": 2, "expires": "2026-11-23T09:00:01+09:00"}),
        ]
        for reason, what in rows:
            path = self.sign(self.document(**what), "kacho", "kakaricho")
            with self.assertRaises(VarlinkError) as caught:
                self.machine.call(
                    "InstallTrust", text=path.read_text(), signatures=path.with_suffix(".yaml.sig").read_text()
                )
            self.assertEqual(caught.exception.parameters["reason"], reason)
            self.assertEqual(self.version(), 1)
        events = [r["unmapped"]["sekisho"] for r in self.machine.record()]
        documents = [e["document"] for e in events if "document" in e and e["document"]["what"] == "trust"]
        self.assertEqual([d["outcome"] for d in documents], ["installed"] + ["refused"] * len(rows))

    def test_a_damaged_link_is_said_and_can_be_mended(self):
        self.ctl("trust", "init", self.sign(self.document(1), "kacho", "kakaricho"))
        second = self.sign(self.document(2), "kacho", "kakaricho")
        self.ctl("trust", "rotate", second)
        link = self.machine.root / CHAIN / "2.yaml"
        self.machine.kill()
        link.write_text(link.read_text().replace("threshold: 2", "threshold: 1"))
        self.machine.start()
        self.assertEqual(self.version(), 1)
        self.assertIn("trust-damaged", [f["code"] for f in self.machine.status()["attention"]])
        self.ctl("trust", "rotate", second)
        self.assertEqual(self.version(), 2)
        self.assertNotIn("trust-damaged", [f["code"] for f in self.machine.status()["attention"]])


class SignedPolicy(TrustTest):
    def setUp(self):
        super().setUp()
        self.ctl("trust", "init", self.sign(self.document(1), "kacho", "kakaricho"))

    def policy(self, serial, text=None):
        path = self.machine.root / f"policy-{serial}.yaml"
        path.write_text(text or policy(serial))
        path.with_suffix(".yaml.sig").unlink(missing_ok=True)
        return path

    def install(self, path, status=0):
        return self.ctl("policy", "install", path, status=status)

    def now(self):
        info = self.machine.status()["policy"]
        return info["serial"], info["signed"], info["source"]

    def test_unsigned_is_refused_once_there_is_trust(self):
        before = self.now()
        self.assertIn("signed", self.install(self.policy(2), status=1))
        self.assertEqual(self.now(), before)
        self.install(self.sign(self.policy(2), "kacho"))
        self.assertEqual(self.now(), (2, True, "file"))

    def test_the_attack_table(self):
        self.install(self.sign(self.policy(2), "kacho"))
        stranger = self.policy(3)
        self.sign(stranger, "shinjin")
        changed = self.policy(4)
        self.sign(changed, "kacho")
        changed.write_text(changed.read_text() + "#")
        permit = self.policy(5)
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", "permit@sekisho", "-f", self.keys["kacho"]],
            input=permit.read_bytes(), capture_output=True, check=True,
        )  # fmt: skip
        permit.with_suffix(".yaml.sig").write_bytes(done.stdout)
        garbage = self.policy(6)
        garbage.with_suffix(".yaml.sig").write_text("-----BEGIN SSH SIGNATURE-----\n")
        other = self.policy(7, policy(7).replace("fleet: test", "fleet: other"))
        self.sign(other, "kacho")
        older = self.sign(self.policy(2), "kacho")
        others = self.policy(8)
        others.with_suffix(".yaml.sig").write_bytes(older.with_suffix(".yaml.sig").read_bytes())
        for path in (stranger, changed, permit, garbage, other, older, others):
            self.install(path, status=1)
            self.assertEqual(self.now(), (2, True, "file"), path)
        self.install(self.sign(self.policy(9), "kacho"))
        self.assertEqual(self.now()[0], 9)

    def test_signatures_are_verified_again_at_each_start(self):
        store = self.machine.root / "var/lib/sekisho/policy"
        self.install(self.sign(self.policy(2), "kacho"))
        self.machine.kill()
        self.machine.start()
        self.assertEqual(self.now(), (2, True, "file"))
        # The agent's own copy steps in for the file, and nothing for both.
        for name, source, serial in (("policy.yaml.sig", "last-good", 2), ("last-good.yaml.sig", "built-in", 0)):
            self.machine.kill()
            (store / name).write_text("")
            self.machine.start()
            self.assertEqual(self.now()[::2], (serial, source))

    def test_what_was_signed_stays_when_the_signer_leaves(self):
        self.install(self.sign(self.policy(2), "kakaricho"))
        path = self.document(2, holders=("kacho", "shinjin"))
        self.ctl("trust", "rotate", self.sign(path, "kacho", "kakaricho", "shinjin"))
        self.machine.kill()
        self.machine.start()
        self.assertEqual(self.now(), (2, True, "file"))
        self.install(self.sign(self.policy(3), "kakaricho"), status=1)
        self.install(self.sign(self.policy(4), "shinjin"))
        self.assertEqual(self.now()[0], 4)

    def test_nothing_new_is_believed_while_the_chain_is_damaged(self):
        second = self.sign(self.document(2), "kacho", "kakaricho")
        self.ctl("trust", "rotate", second)
        self.machine.kill()
        (self.machine.root / CHAIN / "2.yaml").write_text("")
        self.machine.start()
        signed = self.sign(self.policy(2), "kacho")
        self.install(signed, status=1)
        self.ctl("trust", "rotate", second)
        self.install(signed)

    def test_a_trust_document_may_allow_unsigned_policies(self):
        path = self.document(2)
        path.write_text(path.read_text().replace("roles:", "unsigned-policy: allow\nroles:", 1))
        self.ctl("trust", "rotate", self.sign(path, "kacho", "kakaricho"))
        self.install(self.policy(2))
        self.assertEqual(self.now(), (2, False, "file"))


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    unittest.main()
