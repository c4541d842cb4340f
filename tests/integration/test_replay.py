#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl policy replay on the record of the real agent: the policy that made it changes nothing, another one changes
what it should, and each change is there with its count. Damage, a record of another machine, and a pipe."""
import json
import os
import subprocess

from fakeroot import BUILD, READER, STORAGE, AgentTest, eventually, main, policy

CTL = BUILD / "agent/ctl/sekishoctl"
ALLOW_STICK = "    - {id: stick, match: {bus: usb, class: [storage], vendor: 0781}, action: allow}"


class Replay(AgentTest):
    def replay(self, text, *arguments, stdin=None, json_too=True):
        path = self.machine.root / "new.yaml"
        path.write_text(text)
        done = subprocess.run([CTL, "policy", "replay", "--root", self.machine.root, *(["--json"] if json_too else []),
                               path, *arguments], capture_output=True, input=stdin,
                              env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
        self.assertNotIn(b"Sanitizer", done.stderr)
        return done.returncode, json.loads(done.stdout) if json_too and done.stdout else done.stdout.decode(), done.stderr

    def setUp(self):
        super().setUp()
        self.machine.start()
        for n in range(3):
            self.machine.plug("1-1", 0x0781, 0x5591, STORAGE, serial="4C53", label="Ultra \x1b[31m")
            eventually(lambda: self.machine.settled("1-1"))
            self.machine.unplug("1-1")
            eventually(lambda: self.machine.device("1-1") is None)
        self.machine.plug("1-2", 0x04E6, 0x5116, READER)
        eventually(lambda: self.machine.settled("1-2"))
        self.machine.stop()

    def test_the_same_policy_changes_nothing(self):
        status, said, _ = self.replay(policy(serial=2))
        self.assertEqual((status, said["different"], said["groups"]), (0, 0, []))
        self.assertGreaterEqual(said["same"], 4)
        self.assertEqual(said["same"] + sum(said["not_replayed"].values()), said["decisions"])

    def test_another_policy(self):
        status, said, _ = self.replay(policy(serial=2, rules=(ALLOW_STICK,)))
        self.assertEqual((status, said["different"]), (1, 4))
        stick, reader = said["groups"]
        self.assertEqual((stick["count"], stick["rule"], stick["before"]["action"], stick["after"]["action"]),
                         (3, "stick", "block", "allow"))
        self.assertTrue(stick["what"].startswith("usb 0781:5591"), stick)
        self.assertLessEqual(stick["first"], stick["last"])
        self.assertEqual((reader["count"], reader["before"]["action"], reader["after"]["action"], reader["reason"]),
                         (1, "allow", "block", "default"))

    def test_what_people_see(self):
        status, said, _ = self.replay(policy(serial=2, rules=(ALLOW_STICK,)), json_too=False)
        self.assertEqual(status, 1)
        self.assertIn("4 differently", said)
        self.assertIn("0781:5591", said)
        self.assertNotIn("\x1b", said)

    def test_since(self):
        self.assertEqual(self.replay(policy(serial=2, rules=(ALLOW_STICK,)), "--since", "1h")[1]["different"], 4)
        status, said, _ = self.replay(policy(serial=2, rules=(ALLOW_STICK,)), "--since", "2099-01-01T00:00:00Z")
        self.assertEqual((status, said["records"]), (0, 0))
        self.assertEqual(self.replay(policy(serial=2), "--since", "yesterday")[0], 2)

    def test_files_pipes_and_damage(self):
        other = policy(serial=2, rules=(ALLOW_STICK,))
        record = self.machine.record_file
        self.assertEqual(self.replay(other, record)[1]["different"], 4)
        self.assertEqual(self.replay(other, record, record)[1]["different"], 8)
        self.assertEqual(self.replay(other, "-", stdin=record.read_bytes())[1]["different"], 4)
        status, said, complaint = self.replay(other, "-", stdin=b"{}\n\x00\n" + b"x" * 300000 + b"\n" + record.read_bytes())
        self.assertEqual((status, said["damaged"], said["different"]), (1, 3, 4))
        self.assertIn(b"damaged: 3", complaint)
        self.assertEqual(self.replay(other, "/nonexistent")[0], 2)

    def test_all_segments_of_all_logs(self):
        other = policy(serial=2, rules=(ALLOW_STICK,))
        record = self.machine.record_file
        whole = record.read_bytes()
        otp = record.parent / "otp"
        otp.mkdir()
        for path in (record.with_name("audit-00000001.jsonl"), record.with_name("audit-00000002.jsonl"),
                     otp / "audit.jsonl", otp / "audit-00000007.jsonl", record.with_name("audit-x.jsonl")):
            path.write_bytes(whole)
        self.assertEqual(self.replay(other)[1]["different"], 5 * 4)
        record.unlink()
        self.assertEqual(self.replay(other)[1]["different"], 4 * 4)

    def test_bad_policies_and_no_record(self):
        self.assertEqual(self.replay("sekisho: 1\nnonsense: 1\n", json_too=False)[0], 2)
        self.machine.record_file.unlink()
        self.assertEqual(self.replay(policy(serial=2), json_too=False)[0], 1)


if __name__ == "__main__":
    main()
