#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl against an agent whose answers are given."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from ctl_fixture import (
    BUILD,
    SOURCE,
    FAKE_AGENT,
    NOBODY,
    POLICY,
    MONDAY_MORNING,
    run,
    run_on_terminal,
    width,
    record,
    Files,
)


class WithAgent(Files):
    STATUS = {
        "version": "0.1.0",
        "enforcing": True,
        "policy": {
            "fleet": "test", "serial": 12, "issued": MONDAY_MORNING, "expires": "2027-03-31T23:59:59+09:00",
            "expired": False, "mode": "enforce", "contact": "情報政策課 内線 2345", "source": "file", "signed": False,
            "sha256": "0" * 64, "rules": 7,
        },
        "guards": [{"name": "usb", "mode": "enforce", "holding": True, "subjects": 5, "open": 3, "blocked": 2}],
        "record": {"file": "/var/log/sekisho/audit.jsonl", "log": "agent", "seq": 10, "sink_failures": 0},
        "attention": [],
    }  # fmt: skip

    def device(self, **more):
        return {
            "handle": 1, "guard": "usb", "bus": "usb", "vendor": "0781", "product": "5591", "serial": "4C53",
            "name": "SanDisk Ultra", "port": "1-2", "classes": ["storage"], "interfaces": ["08:06:50"],
            "descriptors": None, "present_at_boot": False, "action": "block", "rule": None, "note": None, "line": 0,
            "explicit": False, "reason": "default", "enforce": True, "effect": "as-decided", "open": False, **more,
        }  # fmt: skip

    def setUp(self):
        super().setUp()
        self.answers = self.directory / "answers"
        self.answers.mkdir()
        self.answer("GetStatus", {"parameters": self.STATUS})
        self.answer("GetPolicy", {"parameters": {"text": POLICY, "info": self.STATUS["policy"]}})
        self.answer("ListDevices", {"parameters": {"devices": [self.device()]}})
        self.agent = subprocess.Popen([FAKE_AGENT, self.directory, self.answers], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop)
        self.assertEqual(self.agent.stdout.readline(), "ready\n")

    def stop(self):
        if self.agent.poll() is None:
            self.agent.terminate()
            self.assertEqual(self.agent.wait(10), 0)
        self.agent.stdout.close()

    def answer(self, method, value):
        (self.answers / f"{method}.json").write_text(json.dumps(value))

    def ctl(self, *words, **options):
        return run(*words, "--root", self.directory, **options)

    def test_not_reachable(self):
        self.stop()
        for words in [["status"], ["devices"], ["watch"], ["policy", "show"], ["policy", "install", self.policy()]]:
            code, out, err = self.ctl(*words)
            self.assertEqual((code, out), (3, ""))
            self.assertIn("agent", err)

    def test_status(self):
        code, out, _ = self.ctl("status")
        self.assertEqual(code, 0)
        for text in ["test, serial 12", "情報政策課 内線 2345", "holding; seen: 5, open: 3, blocked: 2",
                     "policy says observe; no guard in this version", "last number 10", "nothing"]:  # fmt: skip
            self.assertIn(text, out)
        self.assertEqual(self.json("status", "--root", self.directory, status=0), self.STATUS)

    def test_status_tells_both_modes(self):
        for mode, enforcing, text in [
            ("enforce", True, "enforce"),
            ("enforce", False, "enforce, but devices are not held back"),
            ("observe", True, "observe, but devices are held back"),
            ("observe", False, "observe: everything is recorded, nothing is blocked"),
        ]:
            policy = {**self.STATUS["policy"], "mode": mode}
            self.answer("GetStatus", {"parameters": {**self.STATUS, "policy": policy, "enforcing": enforcing}})
            self.assertRegex(self.ctl("status")[1], rf"(?m)^  Mode +{text}$")

    def test_status_falls_short(self):
        finding = {"severity": "short", "code": "policy-expired", "detail": "\033[2Jx"}
        for severity, expected in [("short", 1), ("note", 0)]:
            attention = [{**finding, "severity": severity}, {"severity": "note", "code": "not-known-yet", "detail": ""}]
            self.answer("GetStatus", {"parameters": {**self.STATUS, "attention": attention}})
            code, out, _ = self.ctl("status")
            self.assertEqual(code, expected)
            self.assertIn("The policy has expired", out)
            self.assertIn("not-known-yet", out)
            self.assertNotIn("\033", out)
            self.json("status", "--root", self.directory, status=expected)

    def test_every_finding_of_the_agent_has_a_sentence(self):
        table = (SOURCE / "agent/failures.c").read_text()
        codes = re.findall(r'\[FAILURE_\w+\] = \{ "([a-z-]+)"', table)
        self.assertGreater(len(codes), 10)
        for code in codes:
            with self.subTest(code):
                attention = [{"severity": "note", "code": code, "detail": ""}]
                self.answer("GetStatus", {"parameters": {**self.STATUS, "attention": attention}})
                self.assertNotIn(f"- {code}\n", self.ctl("status")[1])

    def test_devices(self):
        devices = [
            self.device(),
            self.device(name="個人番号カード リーダ", port="1-10.4", classes=["smartcard"], action="allow", rule="card-reader",
                        line=14, explicit=True, reason="rule", open=True),
            self.device(name="", port="2-1", effect="failed", enforce=False),
        ]  # fmt: skip
        self.answer("ListDevices", {"parameters": {"devices": devices}})
        code, out, _ = self.ctl("devices")
        self.assertEqual(code, 0)
        self.assertIn("rule card-reader (line 14)", out)
        self.assertIn("open (would be blocked)", out)
        self.assertIn("FAILED", out)
        self.assertEqual(self.json("devices", "--root", self.directory), {"devices": devices})

        # Columns stand under each other, kanji counted as two.
        head, *rows = out.splitlines()
        verdict = head.index("VERDICT")
        for row, word in zip(rows, ["blocked", "allowed", "open"], strict=True):
            self.assertEqual(width(row[: row.index(word)]), verdict, out)

    def test_hostile_device_names(self):
        evil = "\033[31mred\033[0m \u202egnp.exe\u2066 \u009b\u0007\r\n\tx\u200b\ufeff\U000e0041"
        self.answer("ListDevices", {"parameters": {"devices": [self.device(name=evil, rule=evil, reason=evil, port=evil)]}})
        self.answer("Watch", [{"event": "decision", "time": evil, "device": self.device(name=evil), "detail": evil}])
        outputs = [self.ctl("devices")[1], self.ctl("devices", "--json")[1], self.watch(1)[0]]
        for out in outputs:
            self.assertRegex(out, r"\\u(202E|\{202E\})")
            for c in evil:
                if not (c.isascii() and c.isprintable()) and not c.isspace():
                    self.assertNotIn(c, out)
        self.assertEqual(len(outputs[0].splitlines()), 2)

    def watch(self, n, *words):
        process, next_line = self.start("watch", "--root", self.directory, *words)
        return "".join(next_line() for _ in range(n)), process

    def test_watch(self):
        events = [
            {"event": "decision", "time": MONDAY_MORNING, "device": self.device()},
            {"event": "trouble", "time": MONDAY_MORNING, "device": None, "detail": "events-lost"},
        ]
        self.answer("Watch", events)
        out, process = self.watch(2, "--json")
        self.assertEqual([json.loads(x) for x in out.splitlines()], events)
        self.stop()  # the agent goes: that is not an end that was asked for
        self.assertEqual(process.wait(10), 3)

    @unittest.skipUnless(os.getuid() == 0, "needs root, to become somebody else")
    def test_permissions(self):
        path = self.policy()
        for words, status in [(["status"], 0), (["devices"], 0), (["watch"], 4), (["policy", "show"], 4), (["policy", "install", path], 4)]:
            code, _, err = self.ctl(*words, user=NOBODY, cwd="/")
            self.assertEqual(code, status, err)
        self.directory.joinpath("run/sekisho/agent.sock").chmod(0o600)
        self.assertEqual(self.ctl("status", user=NOBODY, cwd="/")[0], 4)

    def test_policy_show(self):
        self.assertEqual(self.ctl("policy", "show")[1], POLICY)
        self.assertEqual(self.json("policy", "show", "--root", self.directory)["info"]["serial"], 12)

    def test_policy_install(self):
        path = self.policy(("serial: 12", "serial: 13"), ("action: read-only", "action: allow"))
        self.answer("InstallPolicy", {"parameters": {"info": {**self.STATUS["policy"], "serial": 13}, "warnings": []}})
        code, out, err = self.ctl("policy", "install", path)
        self.assertEqual(code, 0, err)
        self.assertIn("serial 13", out)
        self.assertIn("read-only -> allow", out)
        self.assertEqual((self.answers / "installed").read_bytes(), path.read_bytes())
        answer = self.json("policy", "install", path, "--root", self.directory, status=0)
        self.assertTrue(any(c["after"] == "allow" for c in answer["changes"]))

    def test_policy_install_refused(self):
        path = self.policy()
        for reason, status in [("serial", 1), ("target", 1), ("expired", 1), ("issued-in-future", 1), ("not-applied", 1),
                               ("not-stored", 1), ("signature-required", 1), ("problems", 2), ("new-reason", 1)]:  # fmt: skip
            parameters = {"reason": reason, "serial": 13, "problems": []}
            self.answer("InstallPolicy", {"error": "org.sekisho.Agent.PolicyRefused", "parameters": parameters})
            code, out, err = self.ctl("policy", "install", path)
            self.assertEqual((code, out), (status, ""))
            self.assertIn("refused", err)
            self.assertEqual("13" in err, reason == "serial")

    def test_a_policy_with_mistakes_never_leaves(self):
        code, _, err = self.ctl("policy", "install", self.policy(("mode: enforce", "mode: perhaps")))
        self.assertEqual(code, 2)
        self.assertRegex(err, r"policy.yaml:8:\d+: ")
        self.assertFalse((self.answers / "installed").exists())

    def test_a_record_cut_at_its_end(self):
        self.file("var/log/sekisho/audit.jsonl", b"\n".join(record(10)) + b"\n")
        self.assertTrue(self.json("audit", "verify", "--root", self.directory, status=0)["whole"])
        self.file("var/log/sekisho/audit.jsonl", b"\n".join(record(9)) + b"\n")
        (end,) = self.json("audit", "verify", "--root", self.directory, status=1)["logs"]
        self.assertEqual((end["log"], end["end_missing"], end["known_elsewhere"], end["last_seq"]), ("agent", True, 10, 9))
        (self.directory / "var/log/sekisho/audit.jsonl").unlink()
        self.json("audit", "verify", "--root", self.directory, status=1)

    def test_colour_only_on_a_willing_terminal(self):
        words = ["status", "--root", self.directory]
        self.assertIn("\033[", run_on_terminal(*words))
        self.assertNotIn("\033[", run(*words, env={"TERM": "xterm"})[1])
        self.assertNotIn("\033[", run_on_terminal(*words, env={"NO_COLOR": "1"}))
        self.assertNotIn("\033[", run_on_terminal(*words, env={"TERM": "dumb"}))
        self.assertIn("\033[", run_on_terminal(*words, env={"NO_COLOR": ""}))
        self.assertNotIn("\033[", run_on_terminal(*words, "--json"))

    def test_japanese(self):
        cache = (BUILD / "CMakeCache.txt").read_text()
        catalogues = pathlib.Path(re.search(r"(?m)^SEKISHO_LOCALEDIR:\w+=(.*)$", cache)[1])
        if not (catalogues / "ja/LC_MESSAGES/sekisho.mo").exists():
            self.skipTest("the message catalogue is not built")
        code, out, _ = self.ctl("status", env={"LANGUAGE": "ja", "LC_ALL": "C.UTF-8"})
        self.assertEqual(code, 0)
        self.assertIn("モード", out)
        columns = {width(line[: re.match(r"  \S+ +", line).end()]) for line in out.splitlines() if re.match(r"  \S+ +\S", line)}
        self.assertLessEqual(len(columns), 2, out)  # two tables, each with one edge


if __name__ == "__main__":
    unittest.main(verbosity=2)
