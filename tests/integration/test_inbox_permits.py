#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Permits and grants that lie in the inbox."""

import fakeroot
from fakeroot import eventually
import otp_fixture
from permit_fixture import MACHINE_ID, PermitTest, stamp

import json
import shutil
import sys

INBOX = "var/lib/sekisho/inbox"


class Verifier(otp_fixture.Machine):
    """Beside an agent, which accepts policies itself."""

    def accept(self, *_):
        pass


class PermitByInbox(PermitTest):
    """Permits and grants go to those who keep them; the history says how they came."""

    def put(self, name, text, signatures):
        inbox = self.machine.root / INBOX
        (inbox / f".{name}").write_text(signatures)
        (inbox / f".{name}").rename(inbox / f"{name}.sig")
        (inbox / f".{name}").write_text(text)
        (inbox / f".{name}").rename(inbox / name)
        eventually(lambda: not list(inbox.iterdir()), "the inbox is empty")
        rows = json.loads(self.ctl("policy", "history", "--json"))
        return next((r["document"]["outcome"], r["detail"]) for r in reversed(rows) if r["document"]["name"] == name)

    def test_a_permit(self):
        text = self.permit()
        self.assertEqual(self.put("bad.yaml", text, self.signatures(text, "shinjin"))[0], "refused")
        self.until(False)
        self.assertEqual(self.put("p1.yaml", text, self.signatures(text, "kacho")), ("installed", None))
        self.assertIn("p1", self.permits())
        self.assertEqual(self.put("again.yaml", text, self.signatures(text, "kacho")), ("refused", "known"))

    def test_a_grant_goes_to_the_verifier(self):
        text = ("sekisho-grant: 1\nheader: {fleet: test, id: g1, issued: 2026-11-23T09:00:00+09:00, "
                "expires: 2026-11-23T12:00:00+09:00, target: [host:0123456789abcdef0123456789abcdef]}\n"
                "user: yamada\nnonce: K7QF-2M9D\nreason: lost\napprover: kacho\n")
        answer = self.put("g1.yaml", text, self.signatures(text, "kacho", namespace="grant@sekisho"))
        self.assertEqual(answer, ("refused", "verifier-unreachable"))  # none is running here

    def test_a_grant_lets_one_person_in_once(self):
        """The real verifier; the nonce is what it showed at the login."""
        otp = Verifier(self.machine.root)
        self.addCleanup(otp.stop)
        otp.start()
        otp.enroll("yamada")
        nonce = otp.verify("yamada", "？")["nonce"]
        text = (f"sekisho-grant: 1\nheader: {{fleet: test, id: g1, issued: '{stamp(-60)}', expires: '{stamp(3600)}', "
                f"target: [host:{MACHINE_ID}]}}\nuser: yamada\nnonce: {nonce}\nreason: lost\napprover: kacho\n")
        bad = self.put("bad.yaml", text, self.signatures(text, "shinjin", namespace="grant@sekisho"))
        self.assertEqual(bad, ("refused", "signature"))
        self.assertEqual(self.put("g1.yaml", text, self.signatures(text, "kacho", namespace="grant@sekisho")),
                         ("installed", None))
        self.assertTrue(otp.login("yamada", nonce))
        self.assertFalse(otp.login("yamada", nonce), "once")
        again = self.put("again.yaml", text, self.signatures(text, "kacho", namespace="grant@sekisho"))
        self.assertEqual(again[0], "refused")


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
