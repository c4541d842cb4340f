#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Attempts to have a running agent take a policy that its holders did not sign, or not this one, or not for it, or not any
more. Two must sign. Files that are none are in test_inbox.py, clocks that are set in the terminal's clocks scenario."""

import fakeroot
from fakeroot import VarlinkError, policy
from test_trust import TrustTest

import datetime
import shutil
import subprocess
import sys
import time

SERIAL_MAX = 2**53 - 1


def at(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).isoformat(timespec="seconds")


class Attacks(TrustTest):
    def trust_text(self, version, holders, more="", expires="never"):
        """holders: [(name, key's name, roles)]."""
        rows = []
        for name, key, roles in holders:
            public = " ".join(self.keys[key].with_suffix(".pub").read_text().split()[:2])
            rows.append(f"  - {{name: {name}, roles: [{roles}], key: {public}}}\n")
        return (
            "sekisho-trust: 1\n"
            f"header: {{fleet: test, version: {version}, issued: 2026-11-23T09:00:00+09:00, expires: {expires}}}\n{more}"
            "roles: {trust: {threshold: 1}, policy: {threshold: 2}, permit: {threshold: 1}}\nholders:\n" + "".join(rows)
        )

    BOTH = [("kacho", "kacho", "trust, policy, permit"), ("kakaricho", "kakaricho", "policy")]

    def setUp(self):
        super().setUp()
        self.rotate(1, self.BOTH, verb="init")
        self.assertEqual(self.send(policy(2), "kacho", "kakaricho"), None)

    def block(self, text, name, namespace="policy@sekisho"):
        done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.keys[name]],
                              input=text.encode() if isinstance(text, str) else text, capture_output=True, check=True)
        return done.stdout.decode()

    def rotate(self, version, holders, verb="rotate", signers=("kacho",), **options):
        path = self.machine.root / f"t{version}.yaml"
        path.write_text(self.trust_text(version, holders, **options))
        path.with_suffix(".yaml.sig").write_text("".join(self.block(path.read_text(), s, "trust@sekisho") for s in signers))
        self.ctl("trust", verb, path)

    def submit(self, text, signatures):
        """None: accepted; else what the agent says."""
        try:
            self.machine.call("InstallPolicy", text=text, signatures=signatures)
        except VarlinkError as e:
            return e.parameters
        return None

    def send(self, text, *signers):
        answer = self.submit(text, "".join(self.block(text, s) for s in signers))
        return answer and answer["reason"]

    def refused(self, reason, text, signatures):
        before = self.machine.status()["policy"]
        answer = self.submit(text, signatures)
        self.assertIsNotNone(answer, "it was accepted")
        self.assertEqual(answer["reason"], reason)
        self.assertEqual(self.machine.status()["policy"], before)
        return answer

    def twin(self, text=None, *signers):
        """The same, done right, is accepted: what was refused was refused for its fault."""
        serial = self.machine.status()["policy"]["serial"] + 1
        self.assertIsNone(self.send(text or policy(serial), *(signers or ("kacho", "kakaricho"))))

    def test_edited_byte_anywhere(self):
        """Each byte, one by one; the unit test of trust tries every bit."""
        text = policy(3)
        signatures = (self.block(text, "kacho") + self.block(text, "kakaricho")).rstrip()  # what follows is no signature's
        edited = lambda whole: (whole[:n] + chr(ord(c) ^ 1) + whole[n + 1 :] for n, c in enumerate(whole))
        before, agent = self.machine.status()["policy"], self.machine.client()
        self.addCleanup(agent.close)
        for n, (what, by) in enumerate([*((e, signatures) for e in edited(text)), *((text, e) for e in edited(signatures))]):
            with self.assertRaises(VarlinkError, msg=f"byte {n}") as caught:
                agent.call("InstallPolicy", text=what, signatures=by)
            self.assertEqual(caught.exception.parameters["reason"], "signatures", n)
        self.assertEqual(self.machine.status()["policy"], before)
        self.assertIsNone(self.submit(text, signatures))

    def test_one_signer_twice(self):
        text = policy(3)
        answer = self.refused("signatures", text, self.block(text, "kacho") * 2)
        self.assertEqual((answer["counted"], answer["needed"]), (1, 2))
        self.twin()

    def test_two_keys_of_one_person(self):
        self.rotate(2, [*self.BOTH, ("kacho", "shinjin", "policy")])
        text = policy(3)
        answer = self.refused("signatures", text, self.block(text, "kacho") + self.block(text, "shinjin"))
        self.assertEqual(answer["counted"], 1)
        self.twin(None, "shinjin", "kakaricho")  # the other key is as good as the first

    def test_unknown_key(self):
        text = policy(3)
        self.refused("signatures", text, self.block(text, "kacho") + self.block(text, "shinjin"))
        self.twin()

    def test_revoked_key(self):
        self.rotate(2, [self.BOTH[0], ("shinjin", "shinjin", "policy")])
        text = policy(3)
        self.refused("signatures", text, self.block(text, "kacho") + self.block(text, "kakaricho"))
        self.twin(None, "kacho", "shinjin")

    def test_expired_keys(self):
        self.rotate(2, self.BOTH, expires=at(seconds=4))
        self.twin()
        time.sleep(5)
        text = policy(9)
        self.refused("signatures", text, self.block(text, "kacho") + self.block(text, "kakaricho"))
        self.rotate(3, self.BOTH)
        self.twin()

    def test_wrong_role(self):
        self.rotate(2, [*self.BOTH, ("shinjin", "shinjin", "permit")])
        text = policy(3)
        self.refused("signatures", text, self.block(text, "kacho") + self.block(text, "shinjin"))
        self.twin()

    def test_signatures_for_something_else(self):
        text = policy(3)
        for namespace in ("permit@sekisho", "trust@sekisho", "grant@sekisho", "git", "file", "policy@sekisho.example"):
            self.refused("signatures", text, self.block(text, "kacho", namespace) + self.block(text, "kakaricho", namespace))
        self.twin()

    PERMIT = (f"sekisho-permit: 1\nheader: {{fleet: test, id: p1, issued: '{at(days=-1)}', expires: '{at(days=30)}', "
              "target: ['host:0123456789abcdef0123456789abcdef']}\n"
              "ticket: 1\napplicant: a\napprover: b\npurpose: c\n"
              f"device: {{vendor: 0781, product: 5591, serial: x, descriptors: 'sha256:{'0' * 64}'}}\n"
              "action: read-only\nusers: [root]\nduration: 4h\n")  # fmt: skip

    def test_a_whole_document_of_another_kind(self):
        """Good in its own place, with its own signatures; in another's it is none, nor with signatures made for that."""
        methods = {"policy": "InstallPolicy", "trust": "InstallTrust", "permit": "InstallPermit"}
        texts = {"policy": policy(3), "trust": self.trust_text(2, self.BOTH), "permit": self.PERMIT}
        signed = lambda kind, namespace: self.block(texts[kind], "kacho", f"{namespace}@sekisho") + self.block(
            texts[kind], "kakaricho", f"{namespace}@sekisho")  # fmt: skip
        before = self.machine.status()["policy"]
        for place, method in methods.items():
            for kind in methods.keys() - {place}:
                for namespace, reason in ((kind, "signatures"), (place, "problems")):
                    with self.assertRaises(VarlinkError, msg=(place, kind)) as caught:
                        self.machine.call(method, text=texts[kind], signatures=signed(kind, namespace))
                    self.assertEqual(caught.exception.parameters["reason"], reason, (place, kind, namespace))
        self.assertEqual((self.machine.status()["policy"], self.version()), (before, 1))
        self.assertEqual(self.machine.call("ListPermits")["permits"], [])
        for kind, method in methods.items():
            self.machine.call(method, text=texts[kind], signatures=signed(kind, kind))
        self.assertEqual((self.machine.status()["policy"]["serial"], self.version()), (3, 2))

    def test_the_order_of_checks(self):
        """Wrong in every way at once: each reason in its turn, once the one before it is mended."""
        faults = [  # as it should be, as it is, the reason for which that is refused
            ("action: allow", "action: alow", "problems"),
            ("fleet: test", "fleet: other", "fleet"),
            ("[all]", "[host:ffffffffffffffffffffffffffffffff]", "target"),
            ("serial: 3", "serial: 1", "serial"),
            ("expires: never", "expires: 2026-01-06T09:00:00+09:00", "expired"),
        ]  # fmt: skip
        text = policy(3)
        for good, bad, _ in faults:
            text = text.replace(good, bad)
        # Before the signatures suffice nothing of the text is read: no mistake is told, and its serial is not recorded.
        for signatures in (self.block(text, "kacho"), self.block(text, "kacho") + self.block(text, "shinjin")):
            answer = self.refused("signatures", text, signatures)
            self.assertFalse(answer.get("problems"), answer)
            self.assertEqual(self.recorded(), ("policy", 0, "signatures"))
        for good, bad, reason in faults:
            self.refused(reason, text, self.block(text, "kacho") + self.block(text, "kakaricho"))
            self.assertEqual(self.recorded(), ("policy", 0 if reason == "problems" else 3 if "serial: 3" in text else 1, reason))
            text = text.replace(bad, good)
        self.assertIsNone(self.send(text, "kacho", "kakaricho"))

    def test_the_order_of_checks_of_other_documents(self):
        rows = (("InstallTrust", self.trust_text(9, self.BOTH).replace("fleet: test", "fleet: other"), "trust@sekisho", "fleet"),
                ("InstallPermit", self.PERMIT.replace("fleet: test", "fleet: other"), "permit@sekisho", "fleet"))
        for method, text, namespace, reason in rows:
            broken = text.replace("header:", "haeder:")
            for what, signer, expected in ((broken, "shinjin", "signatures"), (broken, "kacho", "problems"),
                                           (text, "shinjin", "signatures"), (text, "kacho", reason)):  # fmt: skip
                with self.assertRaises(VarlinkError) as caught:
                    self.machine.call(method, text=what, signatures=self.block(what, signer, namespace))
                self.assertEqual(caught.exception.parameters["reason"], expected, (method, signer))
                self.assertEqual(bool(caught.exception.parameters.get("problems")), expected == "problems")
        self.assertEqual(self.version(), 1)

    def recorded(self):
        """Kind, serial and reason of the last document that was refused."""
        documents = [r["unmapped"]["sekisho"] for r in self.machine.record() if "document" in r["unmapped"]["sekisho"]]
        last = documents[-1]
        return last["document"]["what"], last["document"]["serial"], last["detail"]

    def test_a_git_commit(self):
        """The very bytes that git signs, and its signature over them."""
        if not shutil.which("git"):
            self.skipTest("git is not installed")
        work = self.machine.root / "repository"
        git = ["git", "-C", work, "-c", "user.name=k", "-c", "user.email=k@example.com", "-c", "gpg.format=ssh", "-c",
               f"user.signingkey={self.keys['kacho']}"]  # fmt: skip
        subprocess.run(["git", "init", "-q", work], check=True)
        subprocess.run([*git, "commit", "-q", "-S", "--allow-empty", "-m", "policy"], check=True)
        raw = subprocess.run([*git, "cat-file", "commit", "HEAD"], capture_output=True, check=True, text=True).stdout
        lines, signature, payload = raw.split("\n"), [], []
        for line in lines:
            if line.startswith("gpgsig ") or (signature and line.startswith(" ") and not signature[-1].startswith("-----END")):
                signature.append(line.removeprefix("gpgsig ").removeprefix(" "))
            else:
                payload.append(line)
        block = "\n".join(signature) + "\n"
        self.assertIn("BEGIN SSH SIGNATURE", block)
        self.refused("signatures", "\n".join(payload), block)
        self.refused("signatures", policy(3), block)

    def test_signature_of_another_policy(self):
        other = policy(4)
        self.refused("signatures", policy(3), self.block(other, "kacho") + self.block(other, "kakaricho"))
        self.assertIsNone(self.send(other, "kacho", "kakaricho"))

    def test_older_and_equal_serial(self):
        self.assertIsNone(self.send(policy(5), "kacho", "kakaricho"))
        for serial in (5, 4, 1):
            text = policy(serial)
            self.refused("serial", text, self.block(text, "kacho") + self.block(text, "kakaricho"))
        self.twin()

    def test_other_fleet_and_other_host(self):
        for reason, text in (("fleet", policy(3).replace("fleet: test", "fleet: other")),
                             ("target", policy(3).replace("[all]", "[host:ffffffffffffffffffffffffffffffff]")),
                             ("target", policy(3).replace("[all]", '["group:madoguchi"]'))):  # fmt: skip
            self.refused(reason, text, self.block(text, "kacho") + self.block(text, "kakaricho"))
        self.twin(policy(3).replace("[all]", "[host:0123456789abcdef0123456789abcdef]"))

    def test_the_greatest_serial_and_the_way_back(self):
        self.assertIsNone(self.send(policy(SERIAL_MAX), "kacho", "kakaricho"))
        for serial in (3, SERIAL_MAX):
            text = policy(serial)
            self.refused("serial", text, self.block(text, "kacho") + self.block(text, "kakaricho"))
        self.assertEqual(self.send(policy(SERIAL_MAX + 1), "kacho", "kakaricho"), "problems")
        self.rotate(2, self.BOTH, more="policy-serial-floor: 10\n")
        self.assertEqual(self.send(policy(10), "kacho", "kakaricho"), "serial")
        self.assertIsNone(self.send(policy(11), "kacho", "kakaricho"))
        # It counts once: from here on serials rise as ever, also over a restart and over later trust documents.
        self.rotate(3, self.BOTH)
        self.machine.kill()
        self.machine.start()
        self.assertEqual(self.send(policy(11), "kacho", "kakaricho"), "serial")
        self.assertIsNone(self.send(policy(12), "kacho", "kakaricho"))

    def test_the_way_back_survives_a_restart_before_it_is_used(self):
        self.assertIsNone(self.send(policy(SERIAL_MAX), "kacho", "kakaricho"))
        self.rotate(2, self.BOTH, more="policy-serial-floor: 10\n")
        self.rotate(3, self.BOTH)
        self.machine.kill()
        self.machine.start()
        self.assertIsNone(self.send(policy(11), "kacho", "kakaricho"))

    def test_times(self):
        for reason, text in (("expired", policy(3, expires=at(seconds=-60))),
                             ("issued-in-future", policy(3, issued=at(days=365)))):  # fmt: skip
            self.refused(reason, text, self.block(text, "kacho") + self.block(text, "kakaricho"))
        self.twin()

    def test_a_clock_that_was_set_back_by_a_year(self):
        """Time goes on from where it was: what has expired by then stays expired."""
        self.machine.stop()
        floor = int(time.time()) + 365 * 86400
        (self.machine.root / "var/lib/sekisho/policy/time-floor").write_text(f"{floor}\n")
        self.machine.start()
        self.assertIn("clock-suspect", self.machine.attention())
        text = policy(3, expires=at(days=90))
        self.refused("expired", text, self.block(text, "kacho") + self.block(text, "kakaricho"))
        self.twin()

    def test_unsigned_by_root(self):
        self.refused("signature-required", policy(3), "")
        self.rotate(2, self.BOTH, more="unsigned-policy: allow\n")
        self.assertIsNone(self.submit(policy(3), ""))


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
