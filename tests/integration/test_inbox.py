#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The inbox of a running agent: what is put there, whole or bit by bit, and what becomes of it."""

import fakeroot
from fakeroot import eventually, policy
from test_trust import TrustTest

import hashlib
import json
import os
import pathlib
import shutil
import sys
import threading
import time

INBOX = "var/lib/sekisho/inbox"
NOBODY = 65534


class InboxTest(TrustTest):
    def setUp(self):
        super().setUp()
        self.inbox = self.machine.root / INBOX
        self.work = self.machine.root / "work"
        self.work.mkdir()

    def trusted(self):
        self.ctl("trust", "init", self.sign(self.document(1), "kacho", "kakaricho"))

    def policy(self, serial, *names, text=None):
        path = self.work / f"policy-{serial}.yaml"
        path.write_text(text or policy(serial))
        path.with_suffix(".yaml.sig").unlink(missing_ok=True)
        return self.sign(path, *names)

    def put(self, *paths):
        """As a careful tool does it: under another name first."""
        for path in paths:
            for one in (path.with_name(path.name + ".sig"), path):
                if one.exists():
                    shutil.copy(one, self.inbox / f".{one.name}.part")
                    (self.inbox / f".{one.name}.part").rename(self.inbox / one.name)

    def names(self):
        return sorted(p.name for p in self.inbox.iterdir())

    def emptied(self, seconds=20):
        eventually(lambda: not self.names(), f"the inbox is empty, it holds {self.names()}", seconds)

    def history(self):
        return json.loads(self.ctl("policy", "history", "--json"))

    def last(self):
        row = self.history()[-1]
        return row["document"]["what"], row["document"]["outcome"], row["detail"]

    def serial(self):
        return self.machine.status()["policy"]["serial"]


class Inbox(InboxTest):
    def test_a_signed_policy_is_installed_and_the_history_says_by_whom(self):
        self.trusted()
        self.put(self.policy(2, "kacho"))
        eventually(lambda: self.serial() == 2, "serial 2")
        self.emptied()
        row = self.history()[-1]["document"]
        self.assertEqual((row["via"], row["name"], row["outcome"]), ("inbox", "policy-2.yaml", "installed"))
        self.assertEqual([(s["holder"], s["state"]) for s in row["signatures"]], [("kacho", "counts")])
        text = self.ctl("policy", "history")
        self.assertRegex(text, r"policy 2  accepted  by the inbox  policy-2\.yaml")
        self.assertIn("kacho: the signature is good", text)

    def test_what_lay_there_before_the_agent_started(self):
        self.trusted()
        self.machine.stop()
        self.put(self.policy(2, "kacho"))
        self.machine.start()
        eventually(lambda: self.serial() == 2, "serial 2")
        self.emptied()

    def test_brought_again_nothing_happens(self):
        self.trusted()
        path = self.policy(2, "kacho")
        for _ in range(2):
            self.put(path)
            eventually(lambda: self.serial() == 2, "serial 2")
            self.emptied()
        self.assertEqual([r["document"]["serial"] for r in self.history() if r["document"]["via"] == "inbox"], [2])

    def test_slow_copy_is_waited_for(self):
        self.trusted()
        path = self.policy(2, "kacho")
        shutil.copy(path.with_suffix(".yaml.sig"), self.inbox)
        bytes_ = path.read_bytes()
        with (self.inbox / path.name).open("wb", buffering=0) as f:
            for at in range(0, len(bytes_), len(bytes_) // 4 + 1):
                f.write(bytes_[at : at + len(bytes_) // 4 + 1])
                time.sleep(0.5)
                if at == 0:
                    self.assertEqual(self.serial(), 1)
            f.flush()
        eventually(lambda: self.serial() == 2, "serial 2")
        self.assertEqual([r for r in self.history() if r["document"]["outcome"] == "refused"], [])

    def test_the_signature_comes_later(self):
        self.trusted()
        path = self.policy(2, "kacho")
        shutil.copy(path, self.inbox)
        time.sleep(3.5)
        self.assertEqual(self.serial(), 1)
        shutil.copy(path.with_suffix(".yaml.sig"), self.inbox)
        eventually(lambda: self.serial() == 2, "serial 2")

    def test_trust_documents_catch_up_in_any_order_and_a_policy_of_the_new_holder_follows(self):
        self.trusted()
        second = self.sign(self.document(2, holders=("kacho", "shinjin")), "kacho", "kakaricho", "shinjin")
        third = self.sign(self.document(3, holders=("kacho", "shinjin")), "kacho", "shinjin")
        self.put(self.policy(2, "shinjin"), third)
        time.sleep(0.5)
        self.assertEqual(self.version(), 1)
        self.put(second)
        eventually(lambda: self.version() == 3, "version 3")
        eventually(lambda: self.serial() == 2, "serial 2")
        self.emptied()

    def test_without_trust_nothing_is_taken(self):
        self.put(self.policy(2, "kacho"))
        self.emptied()
        self.assertEqual((self.serial(), self.last()), (1, ("document", "refused", "no-trust")))
        self.assertIn("trust init", self.ctl("policy", "history"))

    def test_unsigned_is_refused_even_where_root_may_install_it(self):
        path = self.document(1)
        path.write_text(path.read_text().replace("roles:", "unsigned-policy: allow\nroles:", 1))
        self.ctl("trust", "init", self.sign(path, "kacho", "kakaricho"))
        bad = self.policy(2)
        bad.with_suffix(".yaml.sig").write_text("\n")
        self.put(bad)
        self.emptied()
        self.assertEqual(self.serial(), 1)
        self.ctl("policy", "install", self.policy(3))  # the twin: root's own hand
        self.assertEqual(self.serial(), 3)

    def test_what_is_no_file(self):
        self.trusted()
        outside = self.policy(2, "kacho")
        os.mkfifo(self.inbox / "fifo.yaml")
        (self.inbox / "folder.yaml").mkdir()
        (self.inbox / "link.yaml").symlink_to(outside)
        shutil.copy(outside.with_suffix(".yaml.sig"), self.inbox / "link.yaml.sig")
        (self.inbox / "huge.yaml").write_bytes(b"sekisho: 1\n" + b"#" * (8 << 20))
        shutil.copy(outside, self.inbox / "sig.yaml")
        (self.inbox / "sig.yaml.sig").symlink_to(outside.with_suffix(".yaml.sig"))
        self.emptied()
        reasons = {r["document"]["name"]: r["detail"] for r in self.history() if r["document"]["via"] == "inbox"}
        self.assertEqual(reasons, {"fifo.yaml": "not-regular", "folder.yaml": "not-regular", "link.yaml": "is-link",
                                   "huge.yaml": "too-large", "sig.yaml": "is-link"})  # fmt: skip
        self.assertEqual(self.serial(), 1)
        self.assertTrue(outside.exists() and outside.with_suffix(".yaml.sig").exists())
        self.put(outside)  # the same, as files
        eventually(lambda: self.serial() == 2, "serial 2")

    def test_swapped_while_it_is_read(self):
        """Two signed policies and a forged one take each other's place all the time: only signed bytes ever hold."""
        self.trusted()
        good = [self.policy(n, "kacho") for n in (2, 3)]
        forged = self.work / "forged.yaml"
        forged.write_text(policy(9))
        end = time.monotonic() + 4

        def swap():
            while time.monotonic() < end:
                for path in (*good, forged):
                    os.link(path, self.inbox / ".next")
                    (self.inbox / ".next").rename(self.inbox / "p.yaml")
                    shutil.copy(good[0].with_suffix(".yaml.sig"), self.inbox / ".next")
                    (self.inbox / ".next").rename(self.inbox / "p.yaml.sig")

        swapper = threading.Thread(target=swap)
        swapper.start()
        swapper.join()
        self.put(self.policy(4, "kacho"))
        eventually(lambda: self.serial() == 4, "serial 4")
        installed = [r["document"]["serial"] for r in self.history() if r["document"]["outcome"] == "installed"]
        self.assertNotIn(9, installed)

    def test_rewritten_in_place_while_it_is_read(self):
        """One file, the same inode, whose bytes change all the time between a signed policy and a forged one of the same
        length: what comes into force is the signed one to the last byte, never the other and never some of both."""
        self.trusted()
        padding = "#aaaaaaaaaaaaaa\n" * 65536
        signed = [self.policy(n, "kacho", text=policy(n) + padding) for n in range(2, 6)]
        taken = 0
        for path in signed:
            good = path.read_bytes()
            forged = good.replace(b"action: allow", b"action: block").replace(b"#a", b"#b")
            shutil.copy(path.with_suffix(".yaml.sig"), self.inbox)
            here, end = self.inbox / path.name, time.monotonic() + 3
            with here.open("wb", buffering=0) as f:
                while here.exists() and time.monotonic() < end:
                    self.rewrite(f, here, forged)
                    self.rewrite(f, here, good)
                taken += not here.exists()
            eventually(lambda: self.serial() == int(path.stem.rpartition("-")[2]), f"{path.name} is in force")
        self.assertGreater(taken, 0, "nothing was read while it was being written")
        documents = [r["document"] for r in self.history() if r["document"]["via"] == "inbox"]
        self.assertEqual([d["sha256"] for d in documents if d["outcome"] == "installed"],
                         [hashlib.sha256(path.read_bytes()).hexdigest() for path in signed])

    def rewrite(self, file, name, content):
        """And closes it once more by its name, whereupon it is looked at."""
        for at in range(0, len(content), 65536):
            os.pwrite(file.fileno(), content[at : at + 65536], at)
        try:
            os.close(os.open(name, os.O_WRONLY))
        except FileNotFoundError:
            return
        time.sleep(0.02)

    def test_who_may_write_there(self):
        self.trusted()
        self.inbox.chmod(0o777)
        self.machine.stop()
        self.machine.start()
        self.assertIn("inbox-unusable", self.machine.attention())
        self.put(self.policy(2, "kacho"))
        time.sleep(1.5)
        self.assertEqual(self.serial(), 1)
        self.inbox.chmod(0o770)
        self.machine.stop()
        self.machine.start()
        self.assertNotIn("inbox-unusable", self.machine.attention())
        eventually(lambda: self.serial() == 2, "serial 2")

    def test_who_brought_it_is_recorded(self):
        self.trusted()
        path = self.policy(2, "kacho")
        for one in (path.with_suffix(".yaml.sig"), path):
            os.chown(one, NOBODY, NOBODY)
            os.rename(one, self.inbox / one.name)
        eventually(lambda: self.serial() == 2, "serial 2")
        self.assertEqual(self.history()[-1]["document"]["uid"], NOBODY)

    def test_refusals_say_why(self):
        self.trusted()
        self.put(self.policy(5, "kacho"))
        eventually(lambda: self.serial() == 5, "serial 5")
        rows = [
            ("serial", self.policy(4, "kacho")),
            ("fleet", self.policy(6, "kacho", text=policy(6).replace("fleet: test", "fleet: other"))),
            ("target", self.policy(7, "kacho", text=policy(7).replace("[all]", "[host:ffffffffffffffffffffffffffffffff]"))),
            ("signatures", self.policy(8, "shinjin")),
            ("signatures", self.sign(self.document(2), "kacho")),
        ]
        unknown = self.work / "readme.txt"
        unknown.write_text("hello\n")
        rows.append(("unknown-kind", unknown))
        for _, path in rows:
            self.put(path)
        self.emptied()
        self.assertEqual({r["document"]["name"]: r["detail"] for r in self.history()[-len(rows) :]},
                         {path.name: reason for reason, path in rows})  # fmt: skip
        self.assertEqual(self.serial(), 5)
        text = self.ctl("policy", "history")
        for words in ("not above the one", "another fleet", "not meant for this terminal", "no holder", "first key"):
            self.assertIn(words, text)


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
