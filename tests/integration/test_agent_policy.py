#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which policy holds: after an install, a refusal, a restart, and whatever becomes of the files."""

import fakeroot
from fakeroot import ALLOW_READER, BLOCK_CAMERA, KEYBOARD, READER, STORAGE, AgentTest, VarlinkError, eventually, policy

import datetime
import json
import os
import signal

STICK, CARD = (0x0781, 0x5591, STORAGE), (0x04E6, 0x5116, READER)
STORE = "var/lib/sekisho/policy"
ALLOW_STICK = "    - {id: stick, match: {bus: usb, class: [storage]}, action: allow}"


def at(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).isoformat(timespec="seconds")


class Install(AgentTest):
    def setUp(self):
        super().setUp()
        m = self.machine
        m.plug("1-1", *STICK)
        m.plug("1-2", *CARD)
        m.start()
        m.settled("1-1"), m.settled("1-2")

    def refused(self, text):
        before = self.machine.status()["policy"]
        with self.assertRaises(VarlinkError) as caught:
            self.machine.install(text)
        self.assertEqual(caught.exception.name, "org.sekisho.Agent.PolicyRefused")
        self.assertEqual(self.machine.status()["policy"], before)
        self.assertEqual((self.machine.root / STORE / "policy.yaml").read_text(),
                         (self.machine.root / STORE / "last-good.yaml").read_text())
        self.assertTrue(self.machine.open("1-2"))
        self.assertFalse(self.machine.open("1-1"))
        return caught.exception.parameters

    def test_reload_shuts_what_the_new_policy_shuts_and_opens_the_rest(self):
        m = self.machine
        info = m.install(policy(2, [ALLOW_STICK]))["info"]
        self.assertEqual((info["serial"], info["source"], info["signed"]), (2, "file", False))
        eventually(lambda: not m.open("1-2"), "the reader is shut")
        eventually(lambda: m.open("1-1"), "the stick is open")
        m.kill()
        m.start()
        self.assertEqual(m.status()["policy"]["serial"], 2)
        self.assertTrue(m.open("1-1"))
        self.assertFalse(m.open("1-2"))

    def test_keyboards_survive_any_policy(self):
        m = self.machine
        m.plug("1-3", 0x046D, 0xC31C, KEYBOARD)
        eventually(lambda: m.open("1-3"))
        m.install(policy(2, [BLOCK_CAMERA], keyboards="listed"))
        m.settled("1-3")
        self.assertTrue(m.open("1-3"))

    def test_bad_policy_changes_nothing(self):
        answer = self.refused(policy(2).replace("action: allow", "action: alow"))
        self.assertEqual(answer["reason"], "problems")
        self.assertEqual([(p["severity"], p["line"]) for p in answer["problems"]
                          if p["severity"] == "error"], [("error", 14)])
        self.assertTrue(all(p["message"] for p in answer["problems"]))

    def test_refusals(self):
        rows = [
            ("serial", policy(1)),
            ("target", policy(2).replace("[all]", "[host:ffffffffffffffffffffffffffffffff]")),
            ("expired", policy(2, expires=at(seconds=-60))),
            ("issued-in-future", policy(2, issued=at(hours=30))),
            ("problems", ""),
            ("problems", "sekisho: 1\n" * 3),
            ("problems", "[" * 100000),
        ]
        for reason, text in rows:
            with self.subTest(reason=reason):
                self.assertEqual(self.refused(text)["reason"], reason)
        self.machine.install(policy(2, issued=at(hours=20), expires=at(hours=40)))
        self.machine.stop()
        outcomes = [r["unmapped"]["sekisho"]["document"]["outcome"] for r in self.machine.record()
                    if "document" in r["unmapped"]["sekisho"]]
        self.assertEqual(outcomes, ["installed"] + ["refused"] * len(rows) + ["installed"])

    def test_older_serial_is_told_which_would_do(self):
        self.machine.install(policy(7))
        self.assertEqual(self.refused(policy(7))["serial"], 8)
        self.assertEqual(self.refused(policy(3))["serial"], 8)

    def test_too_large(self):
        answer = self.refused("# " + "x" * (32 * 1024 * 1024 + 1))
        self.assertEqual(answer["reason"], "problems")
        self.assertTrue(answer["problems"])

    def test_observe_blocks_nothing_and_says_so(self):
        m = self.machine
        m.install(policy(2, mode="observe"))
        eventually(lambda: m.open("1-1"), "observe mode opens")
        device = m.settled("1-1")
        self.assertEqual((device["action"], device["enforce"], device["effect"]), ("block", False, "not-enforced"))
        self.assertIn("observe-mode", m.attention())
        self.assertFalse(m.status()["enforcing"])
        m.install(policy(3))
        eventually(lambda: not m.open("1-1"), "enforce shuts")
        m.stop()
        observed = [r["unmapped"]["sekisho"] for r in m.record() if r["class_uid"] == 1010]
        observed = [o for o in observed if o["facts"]["port"] == "1-1" and o["effect"] is None]
        self.assertEqual([o["enforce"] for o in observed], [True, False, True])

    def test_conditions_that_nobody_holds_open_nothing(self):
        """Only mass storage has a guard for its conditions: a phone, or a stick with a reader in it, stays shut."""
        m = self.machine
        m.plug("1-5", 0x04E8, 0x6860, (6, 1, 1))
        m.plug("1-6", 0x0781, 0x5592, STORAGE, READER)
        rows = (("bus: usb", "action: read-only"), ("bus: usb", "action: allow, users: [yamada]"),
                ("class: [storage, phone, smartcard]", "action: allow, encrypted: luks"))
        for serial, (match, condition) in enumerate(rows, 2):
            with self.subTest(condition=condition):
                m.install(policy(serial, [ALLOW_READER, "    - {id: r, match: {" + match + "}, " + condition + "}"]))
                for port in ("1-5", "1-6"):
                    eventually(lambda: m.device(port)["effect"] == "failed")
                    self.assertFalse(m.open(port))
                eventually(lambda: m.open("1-1"), "a stick that is nothing else is let in")
                self.assertTrue(m.open("1-2"))
                self.assertIn("rule-not-held", m.attention())
        m.install(policy(9, [ALLOW_READER, "    - {id: r, match: {bus: usb}, action: allow}"]))
        eventually(lambda: m.open("1-5") and m.open("1-6"))
        self.assertNotIn("rule-not-held", m.attention())

    def test_some_of_the_interfaces(self):
        m = self.machine
        m.install(policy(2, ["    - {id: r, match: {bus: usb, class: [smartcard], interfaces: matching}, action: allow}"]))
        m.plug("1-5", 0x04E6, 0x5116, READER, STORAGE)
        m.plug("1-6", *CARD)
        eventually(lambda: m.open("1-6"), "one that has no other interface is simply allowed")
        self.assertFalse(m.settled("1-5")["open"])
        self.assertFalse(m.open("1-5"))

    def test_get_policy(self):
        m = self.machine
        text = policy(2) + "# 日本語\n"
        m.install(text)
        self.assertEqual(m.call("GetPolicy")["text"], text)


class Restart(AgentTest):
    def accepted(self, serial=5):
        m = self.machine
        m.plug("1-1", *STICK)
        m.plug("1-2", *CARD)
        m.plug("1-3", 0x046D, 0xC31C, KEYBOARD)
        m.start()
        m.install(policy(serial))
        m.settled("1-2")
        m.kill()
        for name in ("1-1", "1-2", "1-3"):  # as the ports are after a boot
            (m.directory(name) / "authorized").write_text("0\n")
        return m

    def holds(self, source, serial, reader, *attention):
        m = self.machine
        m.start()
        for name in ("1-1", "1-2", "1-3"):
            m.settled(name)
        info = m.status()["policy"]
        self.assertEqual((info["source"], info["serial"]), (source, serial))
        eventually(lambda: m.open("1-3"), "the keyboard works whatever the policy is")
        if reader:
            eventually(lambda: m.open("1-2"))
        self.assertEqual((m.open("1-1"), m.open("1-2")), (False, reader))
        found = m.attention()
        for code in attention:
            self.assertIn(code, found)
        if not attention:
            self.assertFalse([f for f in found.values() if f["severity"] == "short"])

    def test_as_it_was(self):
        self.accepted()
        self.holds("file", 5, True)

    def test_garbage_in_the_file(self):
        m = self.accepted()
        (m.root / STORE / "policy.yaml").write_bytes(b"\xff\xfe garbage")
        self.holds("last-good", 5, True, "policy-last-good", "policy-file-changed")
        m.install(policy(6))
        self.assertNotIn("policy-last-good", m.attention())
        m.stop()
        self.assertIn("policy-file-changed",
                      [r["unmapped"]["sekisho"].get("agent", {}).get("code") for r in m.record()])

    def test_another_valid_policy_in_the_file(self):
        m = self.accepted()
        (m.root / STORE / "policy.yaml").write_text(policy(9, [ALLOW_STICK]))
        self.holds("last-good", 5, True, "policy-file-changed")

    def test_file_replaced_by_a_link(self):
        m = self.accepted()
        (m.root / "elsewhere").write_text((m.root / STORE / "policy.yaml").read_text())
        (m.root / STORE / "policy.yaml").unlink()
        (m.root / STORE / "policy.yaml").symlink_to(m.root / "elsewhere")
        self.holds("last-good", 5, True, "policy-file-changed")

    def test_both_broken(self):
        m = self.accepted()
        (m.root / STORE / "policy.yaml").write_text("")
        (m.root / STORE / "last-good.yaml").unlink()
        self.holds("built-in", 0, False, "no-valid-policy", "policy-file-changed")
        with self.assertRaises(VarlinkError):
            m.install(policy(5))  # still not older than what was accepted
        m.install(policy(6))
        eventually(lambda: m.open("1-2"))

    def test_copy_lost(self):
        m = self.accepted()
        (m.root / STORE / "last-good.yaml").unlink()
        self.holds("file", 5, True)
        self.assertEqual((m.root / STORE / "last-good.yaml").read_text(), policy(5))

    def test_state_damaged(self):
        for text in ("", "{", '{"format": 1}', '{"format": 2, "serial": 5, "sha256": "00", "source": "x"}', "\0" * 5000):
            with self.subTest(text=text[:20]):
                self.machine.close()
                self.machine = fakeroot.Machine()
                self.addCleanup(self.machine.close)
                m = self.accepted()
                (m.root / STORE / "state.json").write_text(text)
                self.holds("built-in", 0, False, "no-valid-policy", "policy-state-damaged")
                with self.assertRaises(VarlinkError) as caught:
                    m.install(policy(5))
                self.assertEqual(caught.exception.parameters["serial"], 6)
                m.install(policy(6))
                eventually(lambda: m.open("1-2"))

    def test_state_lost(self):
        m = self.accepted()
        (m.root / STORE / "state.json").unlink()
        self.holds("built-in", 0, False, "no-valid-policy", "policy-state-damaged")

    def test_power_cut_between_file_and_state(self):
        m = self.accepted()
        (m.root / STORE / "policy.yaml").write_text(policy(6, [ALLOW_STICK]))
        self.holds("last-good", 5, True, "policy-file-changed")

    def test_power_cut_between_state_and_copy(self):
        m = self.accepted()
        (m.root / STORE / "last-good.yaml").write_text(policy(4, [ALLOW_STICK]))
        self.holds("file", 5, True)
        self.assertEqual((m.root / STORE / "last-good.yaml").read_text(), policy(5))

    def test_first_start_takes_the_shipped_policy(self):
        m = self.machine
        for name, device in (("1-1", STICK), ("1-2", CARD), ("1-3", (0x046D, 0xC31C, KEYBOARD))):
            m.plug(name, *device)
        self.holds("default", 1, True)
        state = json.loads((m.root / STORE / "state.json").read_text())
        self.assertEqual((state["serial"], state["source"]), (1, "default"))

    def test_nothing_shipped(self):
        m = self.machine
        for name, device in (("1-1", STICK), ("1-2", CARD), ("1-3", (0x046D, 0xC31C, KEYBOARD))):
            m.plug(name, *device)
        (m.root / "usr/share/sekisho/default-policy.yaml").unlink()
        self.holds("built-in", 0, False, "no-valid-policy")
        m.install(policy(1))
        eventually(lambda: m.open("1-2"))

    def test_expired(self):
        m = self.machine
        m.ship(policy(1, issued=at(days=-3), expires=at(days=-1)))
        for name, device in (("1-1", STICK), ("1-2", CARD), ("1-3", (0x046D, 0xC31C, KEYBOARD))):
            m.plug(name, *device)
        self.holds("default", 1, False, "policy-expired")
        self.assertEqual(m.device("1-2")["reason"], "policy-expired")

    def test_clock_behind_the_floor(self):
        m = self.accepted()
        ahead = int(datetime.datetime.now().timestamp()) + 86400
        (m.root / STORE / "time-floor").write_text(f"{ahead}\n")
        self.holds("file", 5, True, "clock-suspect")
        m.stop()
        self.assertEqual(int((m.root / STORE / "time-floor").read_text()), ahead)

    def test_clock_set_back_does_not_revive_what_expired(self):
        m = self.machine
        m.plug("1-2", *CARD)
        m.ship(policy(1, expires=at(hours=1)))
        m.start()
        self.assertTrue(eventually(lambda: m.open("1-2")))
        m.stop()
        (m.root / STORE / "time-floor").write_text(f"{int(datetime.datetime.now().timestamp()) + 7200}\n")
        m.start()
        self.assertEqual(m.settled("1-2")["reason"], "policy-expired")
        eventually(lambda: not m.open("1-2"))

    def test_group_of_the_terminal(self):
        m = self.machine
        m.start()
        text = policy(2).replace("[all]", '["group:madoguchi"]')
        with self.assertRaises(VarlinkError):
            m.install(text)
        (m.root / "etc/sekisho").mkdir()
        m.write("etc/sekisho/terminal.yaml", "sekisho-terminal: 1\nname: 3\ngroups: [madoguchi]\n")
        m.agent.send_signal(signal.SIGHUP)
        m.status()
        m.install(text)


if __name__ == "__main__":
    fakeroot.main()
