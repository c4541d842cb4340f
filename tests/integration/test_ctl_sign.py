#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl sign and verify, beside Debian's ssh-keygen: what one signs, the other accepts."""

import os
import shutil
import signal
import subprocess
import sys
import unittest

from ctl_fixture import NOBODY, POLICY, Files, run

NAMESPACE = "policy@sekisho"


def ssh_keygen(*words, **options):
    return subprocess.run(["ssh-keygen", "-q", *map(str, words)], capture_output=True, check=False, **options)


class Sign(Files):
    def setUp(self):
        super().setUp()
        self.document = self.policy()
        self.signatures = self.directory / "policy.yaml.sig"
        self.keys = {name: self.key(name) for name in ("kacho", "kakaricho", "shunin", "stranger")}
        self.trust = self.trust_document(threshold=2)

    def key(self, name, kind="ed25519"):
        path = self.directory / f"key-{name}"
        made = ssh_keygen("-t", kind, "-N", "", "-C", name, "-f", path)
        self.assertEqual(made.returncode, 0, made.stderr)
        return path

    def public(self, name):
        return " ".join(self.keys[name].with_suffix(".pub").read_text().split()[:2])

    def trust_document(self, threshold):
        holders = {"kacho": "[trust, policy]", "kakaricho": "[trust, policy]", "shunin": "[permit]"}
        rows = [f"  - {{name: {n}, roles: {r}, key: {self.public(n)}}}\n" for n, r in holders.items()]
        return self.file(
            "trust.yaml",
            "sekisho-trust: 1\n"
            "header: {fleet: test, version: 1, issued: 2026-11-23T09:00:00+09:00, expires: never}\n"
            f"roles: {{trust: {{threshold: 1}}, policy: {{threshold: {threshold}}}, permit: {{threshold: 1}}}}\n"
            "holders:\n" + "".join(rows),
        )

    def sign(self, name, status=0, document=None):
        code, _, err = run("sign", document or self.document, "--key", self.keys[name])
        self.assertEqual(code, status, err)
        return err

    def verify(self, status, document=None):
        return self.json("verify", document or self.document, "--trust", self.trust, status=status)

    def states(self, answer):
        return [(s["holder"], s["state"]) for s in answer["signatures"]]

    def test_two_people(self):
        self.assertEqual(self.states(self.verify(1)), [])
        self.sign("kacho")
        answer = self.verify(1)
        self.assertEqual((answer["counted"], answer["needed"], answer["sufficient"]), (1, 2, False))
        self.assertEqual(answer["may_sign"], ["kakaricho"])  # what is missing; shunin signs permits only
        self.assertIn("Not yet signed by: kakaricho\n", run("verify", self.document, "--trust", self.trust)[1])
        self.sign("kakaricho")
        answer = self.verify(0)
        self.assertEqual(self.states(answer), [("kacho", "counts"), ("kakaricho", "counts")])
        self.assertTrue(answer["sufficient"])

    def test_signing_again_replaces_the_own_signature_only(self):
        self.sign("kacho")
        self.sign("kakaricho")
        self.document.write_text(POLICY + "# changed\n")
        self.assertEqual(self.states(self.verify(1)), [("kacho", "bad-signature"), ("kakaricho", "bad-signature")])
        self.sign("kacho")
        self.assertEqual(self.states(self.verify(1)), [("kakaricho", "bad-signature"), ("kacho", "counts")])
        self.sign("kakaricho")
        self.assertEqual(len(self.verify(0)["signatures"]), 2)

    def test_who_does_not_count(self):
        self.sign("kacho")
        self.sign("shunin")
        self.sign("stranger")
        self.assertEqual(
            self.states(self.verify(1)), [("kacho", "counts"), ("shunin", "role"), (None, "unknown-key")]
        )

    def test_ssh_keygen_signs_and_we_accept(self):
        blocks = b""
        for name in ("kacho", "kakaricho"):
            done = ssh_keygen("-Y", "sign", "-n", NAMESPACE, "-f", self.keys[name], input=self.document.read_bytes())
            blocks += done.stdout
        self.signatures.write_bytes(blocks)
        self.verify(0)
        self.signatures.write_bytes(blocks.replace(b"\n", b"\r\n"))  # as Windows writes it
        self.verify(0)

    def test_we_sign_and_ssh_keygen_accepts(self):
        self.sign("kacho")
        allowed = self.file("allowed", f"kacho {self.public('kacho')}\n")
        done = ssh_keygen(
            "-Y", "verify", "-f", allowed, "-I", "kacho", "-n", NAMESPACE, "-s", self.signatures,
            input=self.document.read_bytes(),
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        done = ssh_keygen(
            "-Y", "verify", "-f", allowed, "-I", "kacho", "-n", NAMESPACE, "-s", self.signatures,
            input=self.document.read_bytes() + b"#",
        )  # fmt: skip
        self.assertNotEqual(done.returncode, 0)

    def test_another_kind_of_document_or_a_commit_does_not_pass(self):
        for namespace in ("permit@sekisho", "trust@sekisho", "git", "file"):
            done = ssh_keygen("-Y", "sign", "-n", namespace, "-f", self.keys["kacho"], input=self.document.read_bytes())
            self.signatures.write_bytes(done.stdout)
            self.assertEqual(self.states(self.verify(1)), [("kacho", "namespace")], namespace)

    def test_through_ssh_agent(self):
        started = subprocess.run(["ssh-agent", "-c"], capture_output=True, text=True, check=True).stdout
        words = started.replace(";", "").split()
        environment = {"SSH_AUTH_SOCK": words[2], "SSH_AGENT_PID": words[5]}
        self.addCleanup(os.kill, int(words[5]), signal.SIGTERM)
        subprocess.run(
            ["ssh-add", "-q", self.keys["kacho"]], env={**os.environ, **environment}, check=True, capture_output=True
        )
        self.keys["kacho"].unlink()
        code, _, err = run("sign", self.document, "--key", self.keys["kacho"].with_suffix(".pub"), env=environment)
        self.assertEqual(code, 0, err)
        self.assertEqual(self.states(self.verify(1)), [("kacho", "counts")])

    def test_nothing_invalid_is_signed(self):
        for text in (POLICY.replace("mode: enforce", "mode: enfroce"), "hello\n", ""):
            self.document.write_text(text)
            self.sign("kacho", status=2)
            self.assertFalse(self.signatures.exists())

    def test_other_keys_are_refused(self):
        self.keys["rsa"] = self.key("rsa", kind="rsa")
        err = self.sign("rsa", status=2)
        self.assertIn("ed25519", err)
        self.assertFalse(self.signatures.exists())

    def test_a_trust_document_and_a_grant_are_documents_too(self):
        self.sign("kacho", document=self.trust)
        self.assertTrue(self.verify(0, document=self.trust)["sufficient"])
        grant = self.file(
            "grant.yaml",
            "sekisho-grant: 1\nheader: {fleet: test, id: g1, issued: 2026-11-23T09:00:00+09:00,\n"
            f"  expires: 2026-11-23T10:00:00+09:00, target: [host:{'0' * 32}]}}\n"
            "user: yamada\nnonce: K7QF-2M9D\nreason: 紛失\napprover: 課長\n",
        )
        self.sign("shunin", document=grant)
        self.assertEqual(self.verify(0, document=grant)["document"], "grant")

    def test_what_stands_in_the_way(self):
        code, _, err = run("sign", self.document)
        self.assertEqual(code, 2)
        self.assertIn("--key", err)
        self.assertEqual(run("sign", self.document, "--key", self.directory / "nothing")[0], 2)
        self.assertEqual(run("verify", self.document, "--trust", self.directory / "nothing")[0], 2)
        self.assertEqual(run("verify", self.document, "--root", self.directory)[0], 2)
        self.assertEqual(run("verify", self.directory / "nothing", "--trust", self.trust)[0], 2)
        self.signatures.write_bytes(b"-----BEGIN SSH SIGNATURE-----\n!\n-----END SSH SIGNATURE-----\n")
        self.assertEqual(self.states(self.verify(1)), [(None, "malformed")])
        self.signatures.unlink()
        os.symlink("/etc/passwd", self.signatures)
        self.assertEqual(run("verify", self.document, "--trust", self.trust)[0], 2)

    def test_a_folder_that_is_not_ours(self):
        for path in (self.document, self.keys["kacho"]):
            path.chmod(0o644)
        copy = self.file("key-nobody", self.keys["kacho"].read_bytes())
        copy.chmod(0o600)
        os.chown(copy, NOBODY, NOBODY)
        code, _, err = run("sign", self.document, "--key", copy, user=NOBODY)
        self.assertEqual(code, 4, err)
        self.assertFalse(self.signatures.exists())


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    unittest.main()
