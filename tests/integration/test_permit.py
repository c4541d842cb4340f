#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Permits on a running agent: a stick that no rule lists is opened by one, once, for a while; and by nothing that only
looks like one."""
import hashlib
import shutil
import sys

import fakeroot
from fakeroot import KEYBOARD, STORAGE, eventually
from permit_fixture import SERIAL, STICK, PermitTest, stamp


class Opening(PermitTest):
    def test_a_permit_opens_the_stick_that_is_plugged_in(self):
        self.assertFalse(self.is_open())
        p = self.install()
        self.until(True)
        self.assertEqual(self.state(), ("live", ""))
        d = self.machine.device("1-2")
        self.assertEqual((d["permit"], d["ticket"], d["reason"], d["action"], d["rule"]),
                         ("p1", "様式第1号の2 令和8年度-p1", "permit", "read-only", None))
        self.assertEqual([r["outcome"] for r in self.records()], ["installed", "used"])
        allowed = [r["unmapped"]["sekisho"] for r in self.machine.record()
                   if r["metadata"]["event_code"] == "device-allowed"]
        self.assertEqual(allowed[-1]["permit"], {"id": "p1", "ticket": d["ticket"]})
        self.assertLessEqual(self.permits()["p1"]["left"], 4 * 3600)
        self.assertEqual(p["applicant"], "市民課 山田")

    def test_plugged_in_later_and_again_within_its_time(self):
        self.machine.unplug("1-2")
        eventually(lambda: self.machine.device("1-2") is None)
        text = self.permit(descriptors=self.known_digest())
        self.install(text)
        self.assertEqual(self.state(), ("ready", ""))
        for port in ("1-3", "1-4"):
            self.machine.plug(port, *STICK, serial=SERIAL)
            self.until(True, port)
            self.assertEqual(self.state(), ("live", ""))
            self.machine.unplug(port)
            eventually(lambda: self.machine.device(port) is None)

    def known_digest(self):
        return "sha256:" + hashlib.sha256(fakeroot.descriptors(*STICK)).hexdigest()

    def test_its_time_ends_by_itself(self):
        self.install(duration="1s")
        self.until(True)
        self.until(False)
        self.assertEqual(self.state(), ("used", "duration"))
        self.assertEqual(self.records()[-1]["outcome"], "ended")
        self.assertEqual(self.machine.device("1-2")["reason"], "default")


class Refusals(PermitTest):
    def test_what_is_not_signed_for_it(self):
        text = self.permit()
        for signers, options in ((("shinjin",), {}), (("kacho",), {"namespace": "policy@sekisho"}),
                                 (("kacho",), {"namespace": "grant@sekisho"}), (("kacho",), {"namespace": "git"})):
            self.install_refused("signatures", text, *signers, **options)
        self.refused("InstallPermit", "signatures", text=text, signatures="")
        self.refused("InstallPermit", "signatures", text=text + "#", signatures=self.signatures(text, "kacho"))
        self.assertEqual(self.permits(), {})
        self.assertFalse(self.is_open())
        self.assertEqual([r["outcome"] for r in self.records()], ["refused"] * 6)
        self.install(text)  # the twin
        self.until(True)

    def test_what_is_for_others_or_over(self):
        rows = [("fleet", {"fleet": "other"}), ("target", {"target": "host:" + "f" * 32}),
                ("expired", {"issued": stamp(-7200), "expires": stamp(-3600)}),
                ("issued-in-future", {"issued": stamp(2 * 86400), "expires": stamp(3 * 86400)}),
                ("problems", {"duration": "never"}), ("problems", {"target": "all"})]
        for reason, options in rows:
            self.install_refused(reason, self.permit(**options))
        self.assertEqual(self.permits(), {})
        self.assertFalse(self.is_open())

    def test_replay(self):
        text = self.permit(duration="1s")
        self.install(text)
        self.until(True)
        self.install_refused("known", text)
        self.until(False)
        self.install_refused("known", text)
        self.install_refused("known", text.replace("1s", "2s"))
        self.machine.kill()
        self.machine.start()
        self.install_refused("known", text)
        self.assertFalse(self.is_open())
        self.assertEqual(self.state(), ("used", "duration"))

    def test_another_medium(self):
        self.install(port="1-2")
        self.until(True)
        self.machine.unplug("1-2")
        eventually(lambda: self.machine.device("1-2") is None)
        self.machine.plug("1-3", 0x0781, 0x5591, STORAGE, KEYBOARD, serial=SERIAL)  # same names, other descriptors
        self.machine.plug("1-4", *STICK, serial="4C54")
        self.machine.plug("1-5", *STICK)
        self.machine.plug("1-6", 0x0781, 0x5592, STORAGE, serial=SERIAL)
        for port in ("1-3", "1-4", "1-5", "1-6"):
            self.assertFalse(self.is_open(port), port)
        self.machine.plug("1-7", *STICK, serial=SERIAL)  # the twin
        self.until(True, "1-7")
        self.machine.plug("1-8", *STICK, serial=SERIAL)  # a clone beside it
        self.assertFalse(self.is_open("1-8"))
        self.assertTrue(self.is_open("1-7"))


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
