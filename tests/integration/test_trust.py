#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The chain of trust on a running agent: the first document, the next ones, and what does not follow."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from fakeroot import BUILD, AgentTest, VarlinkError

CTL = pathlib.Path(BUILD) / "agent/ctl/sekishoctl"
CHAIN = "var/lib/sekisho/policy/trust.d"


class Trust(AgentTest):
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


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    unittest.main()
