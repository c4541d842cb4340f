#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl: the command line, and the verbs that need files only."""

import json
import os
import re
import subprocess
import unittest

from ctl_fixture import SOURCE, CTL, POLICY, STICK, READER, MONDAY_MORNING, MONDAY_NIGHT, run, Files


class CommandLine(Files):
    def test_exit_statuses_of_usage(self):
        rows = [
            (["--version"], 0),
            (["version"], 0),
            (["--help"], 0),
            (["help"], 0),
            (["help", "status"], 0),
            (["help", "policy"], 0),
            (["help", "policy", "check"], 0),
            (["policy", "check", "--help"], 0),
            ([], 2),
            (["nonsense"], 2),
            (["help", "nonsense"], 2),
            (["policy"], 2),
            (["policy", "nonsense"], 2),
            (["policy", "check"], 2),
            (["policy", "check", "a", "b"], 2),
            (["status", "extra"], 2),
            (["status", "--nonsense"], 2),
            (["status", "--json=1"], 2),
            (["status", "--root"], 2),
            (["status", "--root", "/nonexistent"], 2),
            (["status", "--since", "1h"], 2),
            (["audit", "tail", "-n", "x"], 2),
            (["audit", "show", "--since", "yesterday"], 2),
            (["audit", "show", "--since", "2026-02-31T00:00:00Z"], 2),
            (["audit", "show", "--seq", "0"], 2),
        ]
        for words, expected in rows:
            with self.subTest(words=words):
                code, _, err = run(*words)
                self.assertEqual(code, expected, err)
                self.assertEqual(bool(err), expected != 0)

    def test_did_you_mean(self):
        for words, meant in [
            (["staus"], "status"),
            (["polcy"], "policy"),
            (["polcy", "--foo"], "policy"),
            (["policy", "chek", "x"], "policy check"),
            (["audit", "verfy"], "audit verify"),
        ]:
            with self.subTest(words=words):
                self.assertIn(f"did you mean '{meant}'?", run(*words)[2])
        self.assertNotIn("did you mean", run("zzzzzzzz")[2])

    def test_options_may_stand_anywhere(self):
        path = self.policy()
        expected = run("policy", "check", path, "--json")
        for words in [["--json", "policy", "check", path], ["policy", "--json", "check", path], ["policy", "check", "--json", "--", path]]:
            self.assertEqual(run(*words), expected)

    def test_help_speaks_of_every_verb(self):
        table = self.json("help", status=0)
        text = run("help")[1]
        for verb in table["verbs"]:
            self.assertIn(" ".join(filter(None, [verb["verb"], verb["subverb"]])), text)

    def test_every_verb_and_option_is_documented(self):
        """In the manual page and in each shell's completion."""
        table = self.json("help", status=0)
        man = (SOURCE / "packaging/man/sekishoctl.1").read_text().replace("\\-", "-")
        shells = {p.name: p.read_text() for p in (SOURCE / "packaging/completion").iterdir()}
        self.assertEqual(len(shells), 3)

        def words_of(name, text):
            return set(re.findall(r"[\w-]+", text if not name.endswith(".fish") else re.sub(r" -[ls] ", " --", text)))

        options = list(table["options"])
        for verb in table["verbs"]:
            name = " ".join(filter(None, [verb["verb"], verb["subverb"]]))
            self.assertRegex(man, rf'(?m)^\.BI? "?{name}\b', name)
            for shell, text in shells.items():
                for word in name.split():
                    self.assertIn(word, words_of(shell, text), shell)
            options += verb["options"]
        for option in options:
            self.assertIn("--" + option["name"], man)
            for shell, text in shells.items():
                found = words_of(shell, text)
                self.assertTrue({"--" + option["name"]} & found, (shell, option["name"]))

    def test_nothing_documented_that_does_not_exist(self):
        known = {"--" + o["name"] for v in [self.json("help"), *self.json("help")["verbs"]] for o in v["options"]}
        man = (SOURCE / "packaging/man/sekishoctl.1").read_text().replace("\\-", "-")
        self.assertEqual(set(re.findall(r"--[a-z][a-z-]+", man)), known)

    def test_bash_completion_offers_verbs_and_options(self):
        def offered(line):
            script = (
                f". {SOURCE}/packaging/completion/sekishoctl.bash; compopt() {{ :; }}; COMP_WORDS=({line} ''); "
                f"COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_WORDS[COMP_CWORD]=$1; _sekishoctl; echo \"${{COMPREPLY[*]}}\""
            )
            return lambda word="": subprocess.run(
                ["bash", "-c", script, "-", word], capture_output=True, text=True, check=True
            ).stdout.split()

        self.assertEqual(offered("sekishoctl")("st"), ["status"])
        self.assertEqual(offered("sekishoctl --root / policy")("e"), ["explain"])
        self.assertEqual(offered("sekishoctl policy explain x")("--n"), ["--next-hop"])
        self.assertEqual(offered("sekishoctl policy check x")("--n"), [])
        self.assertEqual(offered("sekishoctl audit")("")[:3], ["tail", "show", "verify"])

    def test_full_disk_is_not_success(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([CTL, "help"], stdout=full, stderr=subprocess.PIPE, timeout=10)
        self.assertEqual(done.returncode, 2)


class Check(Files):
    def test_valid(self):
        path = self.policy()
        code, out, _ = run("policy", "check", path)
        self.assertEqual(code, 0, out)
        self.assertIn("valid", out)
        answer = self.json("policy", "check", path, status=0)
        self.assertEqual((answer["valid"], answer["errors"]), (True, 0))

    def test_standard_input(self):
        self.assertEqual(run("policy", "check", "-", given=POLICY.encode())[0], 0)
        self.assertEqual(run("policy", "check", "-", given=b"sekisho: 2\n")[0], 2)

    def test_all_mistakes_with_their_places(self):
        path = self.policy(("vendor: 04e6", "vendor: 4e6"), ("action: read-only", "action: perhaps"), ("mode: observe", "mood: observe"))
        code, out, _ = run("policy", "check", path)
        self.assertEqual(code, 2)
        answer = self.json("policy", "check", path, status=2)
        self.assertFalse(answer["valid"])
        lines = {p["line"] for p in answer["problems"] if p["severity"] == "error"}
        wanted = {16, 20, 23}
        self.assertTrue(wanted <= lines, lines)
        for line in wanted:
            self.assertRegex(out, rf"(?m)^{re.escape(str(path))}:{line}:\d+: ")

    def test_files_that_are_none(self):
        (self.directory / "link").symlink_to(self.policy())
        os.mkfifo(self.directory / "fifo")
        (self.directory / "large").write_bytes(b"#" * (32 * 1024 * 1024 + 1))
        for name in ["missing", "link", "fifo", "large", "."]:
            with self.subTest(name):
                code, out, err = run("policy", "check", self.directory / name)
                self.assertEqual((code, out), (2, ""))
                self.assertTrue(err.startswith("sekishoctl: "))

    def test_escape_sequences_do_not_reach_the_terminal(self):
        path = self.file("bad\033[31m.yaml", "sekisho: \"1\u202e\"\n\u202ekey: 1\n")
        code, out, err = run("policy", "check", path)
        self.assertEqual(code, 2)
        self.assertNotIn("\033", out + err)
        self.assertNotIn("\u202e", out + err)

    def test_schema(self):
        code, out, _ = run("policy", "schema")
        self.assertEqual(code, 0)
        self.assertIn("devices", json.loads(out)["properties"])


class Explain(Files):
    def explain(self, *words, status=None, at=MONDAY_MORNING, policy=None):
        return self.json("policy", "explain", policy or self.policy(), *words, "--at", at, status=status)

    def device(self, facts, **options):
        return self.explain("--device", self.file("facts.json", json.dumps(facts)), **options)

    def test_shape(self):
        answer = self.device(STICK, status=0)
        self.assertEqual(list(answer), ["action", "rule", "explicit", "reason", "line", "trace"])
        self.assertEqual(
            {k: answer[k] for k in ["action", "rule", "explicit", "reason", "line"]},
            {"action": "read-only", "rule": "joho-stick", "explicit": True, "reason": "rule", "line": 18},
        )
        self.assertEqual([t["rule"] for t in answer["trace"]], ["card-reader", "joho-stick"])
        self.assertIsNotNone(answer["trace"][0]["mismatch"])
        self.assertIsNone(answer["trace"][1]["mismatch"])

    def test_devices(self):
        rows = [
            ("listed reader", READER, MONDAY_NIGHT, "allow", "card-reader", 0),
            ("listed stick at work", STICK, MONDAY_MORNING, "read-only", "joho-stick", 0),
            ("listed stick at night", STICK, MONDAY_NIGHT, "block", "joho-stick", 1),
            ("expired policy", STICK, "2027-04-05T09:00:00+09:00", "block", "joho-stick", 1),
            ("other serial", {**STICK, "serial": "4C54"}, MONDAY_MORNING, "block", None, 1),
            ("reader with storage", {**READER, "interfaces": ["0b:00:00", "08:06:50"]}, MONDAY_MORNING, "block", None, 1),
        ]
        for name, facts, at, action, rule, status in rows:
            with self.subTest(name):
                answer = self.device(facts, at=at, status=status)
                self.assertEqual((answer["action"], answer["rule"]), (action, rule))
                self.assertEqual(answer["explicit"], rule is not None)

    def test_text_says_the_same(self):
        facts = self.file("facts.json", json.dumps(STICK))
        code, out, _ = run("policy", "explain", self.policy(), "--device", facts, "--at", MONDAY_MORNING)
        self.assertEqual(code, 0)
        self.assertIn("joho-stick", out)
        self.assertIn("read-only", out)

    def test_connections(self):
        hop = ["--next-hop", "52:54:00:12:34:56"]
        rows = [
            ("tcp:10.20.30.1:443", hop, "allow", "juki-server"),
            ("tcp:[2001:db8:20::1]:8450", hop, "allow", "juki-server"),
            ("tcp:10.20.30.1:443", ["--next-hop", "52:54:00:12:34:57"], "block", None),
            ("tcp:10.20.30.1:444", hop, "block", None),
            ("udp:10.20.1.53:53", [], "allow", "names"),
            ("tcp:10.20.1.53:53", [], "block", None),
            ("in:tcp:10.20.1.5:22", [], "allow", "admin-ssh"),
            ("in:tcp:10.20.1.6:22", [], "block", None),
            ("tcp:10.20.1.5:22", [], "block", None),
        ]
        for text, more, action, rule in rows:
            with self.subTest(text=text, more=more):
                answer = self.explain("--connect", text, *more, status=0 if action == "allow" else 1)
                self.assertEqual((answer["action"], answer["rule"]), (action, rule))

    def test_pastes(self):
        for text, action in [
            ("juminhyo:office", "allow"),
            ("juminhyo:office:text", "allow"),
            ("juminhyo:office:image", "block"),
            ("office:juminhyo", "block"),
        ]:
            with self.subTest(text):
                self.assertEqual(self.explain("--paste", text)["action"], action)

    def test_logins(self):
        for text, action, rule, status in [
            ("yamada:sshd", "required", None, 0),
            ("root:cron", "exempt", "timers", 0),
            ("tanaka:sshd:hoshu", "block", "vendors", 1),
            ("tanaka:sshd:soumu,hoshu", "block", "vendors", 1),
            ("tanaka:sshd:soumu", "required", None, 0),
        ]:
            with self.subTest(text):
                answer = self.explain("--login", text, status=status)
                self.assertEqual((answer["action"], answer["rule"]), (action, rule))

    def test_bad_questions(self):
        path = self.policy()
        for words in [
            [],
            ["--connect", "tcp:10.0.0.1:443", "--login", "a:b"],
            ["--connect", "tcp:10.0.0.1"],
            ["--connect", "tcp:10.0.0.1:0"],
            ["--connect", "tcp:10.0.0.1:65536"],
            ["--connect", "tcp:10.0.0.256:1"],
            ["--connect", "tcp:2001:db8::1:1"],
            ["--connect", "tcp:[2001:db8::1:1"],
            ["--connect", "carrier-pigeon:10.0.0.1:1"],
            ["--connect", "icmp:10.0.0.1:1"],
            ["--paste", "juminhyo"],
            ["--paste", "juminhyo:nowhere"],
            ["--paste", "juminhyo:office:sound"],
            ["--paste", "juminhyo::text"],
            ["--login", "yamada"],
            ["--login", "a:b:c:d"],
            ["--login", "a:b", "--next-hop", "52:54:00:12:34:56"],
            ["--connect", "tcp:10.0.0.1:1", "--next-hop", "52:54:00:12:34"],
            ["--login", "a:b", "--at", "tomorrow"],
            ["--login", "a:b", "--at", "2026-02-30T00:00:00Z"],
            ["--device", "/nonexistent"],
        ]:
            with self.subTest(words):
                code, out, err = run("policy", "explain", path, *words)
                self.assertEqual((code, out), (2, ""), err)
                self.assertTrue(err)

    def test_facts_are_strict(self):
        rows = [
            b"",
            b"[]",
            b"{",
            b'{"kind":"device","kind":"device"}',
            {**STICK, "kind": "login"},
            {**STICK, "bus": "serial"},
            {**STICK, "vendor": "781"},
            {**STICK, "vendor": 781},
            {**STICK, "vendor": "078G"},
            {**STICK, "interfaces": ["8:6:50"]},
            {**STICK, "interfaces": "08:06:50"},
            {**STICK, "interfaces": ["08-06-50"]},
            {**STICK, "interfaces": [f"08:06:{n:02x}" for n in range(65)]},
            {**STICK, "descriptors": "9f0c"},
            {**STICK, "descriptors": "sha256:9f0c"},
            {**STICK, "present_at_boot": "no"},
            {**STICK, "serial": "x" * 400},
            {**STICK, "colour": "red"},
            {k: v for k, v in STICK.items() if k != "interfaces"},
        ]
        path = self.policy()
        for facts in rows:
            with self.subTest(facts=facts):
                content = facts if isinstance(facts, bytes) else json.dumps(facts)
                code, _, err = run("policy", "explain", path, "--device", self.file("facts.json", content))
                self.assertEqual(code, 2, err)
        self.assertEqual(self.device({**STICK, "descriptors": "sha256:" + "0f" * 32}, status=0)["rule"], "joho-stick")


class Diff(Files):
    def test_same(self):
        a, b = self.policy(), self.policy(("sekisho: 1\n", "# a comment\nsekisho: 1\n"), name="other.yaml")
        self.assertEqual(self.json("policy", "diff", a, b, status=0), {"same": True, "widens": False, "changes": []})
        self.assertEqual(run("policy", "diff", a, b)[0], 0)

    def test_what_widens_is_marked(self):
        a = self.policy()
        b = self.policy(("action: read-only", "action: allow"), name="other.yaml")
        wider = self.json("policy", "diff", a, b, status=1)
        self.assertTrue(wider["widens"])
        (change,) = [c for c in wider["changes"] if "action" in c["path"]]
        self.assertEqual((change["before"], change["after"], change["widens"]), ("read-only", "allow", True))
        self.assertFalse(self.json("policy", "diff", b, a, status=1)["widens"])
        self.assertIn("!", run("policy", "diff", a, b)[1])

    def test_bad_input(self):
        self.assertEqual(run("policy", "diff", self.policy(), self.file("bad.yaml", "x: 1\n"))[0], 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
