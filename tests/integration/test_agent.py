#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The real sekishod on a fake machine: what may open opens, what must not stays shut, and the record says why.

Each refusal stands beside a device that is let in, so that an agent that does nothing fails."""

import fakeroot
from fakeroot import (ALLOW_READER, CAMERA, HUB, KEYBOARD, MOUSE, READER, STORAGE, AgentTest, Machine, VarlinkError,
                      eventually, policy)

import os
import signal
import socket
import subprocess
import time

STICK, CARD = (0x0781, 0x5591, STORAGE), (0x04E6, 0x5116, READER)


class Doors(AgentTest):
    def test_stick_is_refused_and_listed_reader_works(self):
        m = self.machine
        m.start()
        m.plug("1-1", *STICK, serial="4C53", label="Ultra")
        m.plug("1-2", *CARD)
        eventually(lambda: m.open("1-2"), "the reader is open")
        stick, reader = m.settled("1-1"), m.settled("1-2")
        self.assertFalse(m.open("1-1"))
        # udev is told to look again at what was opened, so that its node gets its rights back.
        self.assertEqual((m.directory("1-2") / "uevent").read_text(), "add")
        self.assertEqual((m.directory("1-1") / "uevent").read_text(), "")
        self.assertEqual((stick["action"], stick["reason"], stick["effect"], stick["open"]),
                         ("block", "default", "as-decided", False))
        self.assertEqual((reader["action"], reader["rule"], reader["effect"], reader["open"]),
                         ("allow", "reader", "as-decided", True))
        self.assertEqual((stick["serial"], stick["vendor"], stick["product"], stick["classes"], stick["interfaces"]),
                         ("4C53", "0781", "5591", ["storage"], ["08:06:50"]))
        self.assertFalse(stick["present_at_boot"])
        m.stop()
        decisions = {(r["unmapped"]["sekisho"]["facts"]["port"], r["unmapped"]["sekisho"]["effect"]):
                     r["unmapped"]["sekisho"]["action"] for r in m.record() if r["class_uid"] == 1010}
        self.assertEqual(decisions[("1-1", None)], "block")
        self.assertEqual(decisions[("1-2", None)], "allow")
        self.assertEqual(decisions[("1-2", "as-decided")], "allow")

    def test_a_slow_start_asks_for_more_time(self):
        """After each step: killed at the same place for ever, a slow machine would never have an agent."""
        self.machine.start()
        self.assertGreater(self.machine.extended, 5)

    def test_the_rule_that_is_printed_lists_the_device_and_no_other(self):
        m = self.machine
        m.start()
        m.plug("1-1", *STICK, serial='4C"53\\', label="Ultra")
        m.plug("1-2", *STICK, serial='4C"54\\', label="Ultra")
        m.plug("1-3", 0x1111, 0x2222, CAMERA)
        for port in ("1-1", "1-2", "1-3"):
            self.assertEqual(m.settled(port)["action"], "block")
        number = list(m.devices()).index("1-3") + 1
        rules = [self.ctl("devices", "--rule", "1-1"), self.ctl("devices", "--rule", str(number))]
        self.assertIn("action: read-only", rules[0])
        rules[0] = rules[0].replace("read-only", "allow")
        m.install(policy(serial=2, rules=[r.rstrip() for r in rules]))
        eventually(lambda: m.open("1-1") and m.open("1-3"), "what the printed rules list is open")
        self.assertEqual(m.settled("1-2")["action"], "block")
        self.assertFalse(m.open("1-2"))
        self.ctl("devices", "--rule", "99", status=1)

    def ctl(self, *arguments, status=0):
        done = subprocess.run([fakeroot.BUILD / "agent/ctl/sekishoctl", "--root", self.machine.root, *arguments],
                              capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def test_a_stick_that_was_open_before_the_agent_is_shut(self):
        m = self.machine
        m.plug("1-1", *STICK, authorized=1)
        m.plug("1-2", *CARD, authorized=1)
        m.start()
        eventually(lambda: not m.open("1-1"), "the stick is shut")
        m.settled("1-2")
        self.assertTrue(m.open("1-2"))

    def test_a_stranger_among_the_interfaces_spoils_the_match(self):
        m = self.machine
        m.start()
        m.plug("1-1", 0x04E6, 0x5116, READER, STORAGE)
        m.plug("1-2", *CARD)
        eventually(lambda: m.open("1-2"))
        self.assertEqual(m.settled("1-1")["reason"], "default")
        self.assertFalse(m.open("1-1"))

    def test_descriptors_that_lie(self):
        m = self.machine
        m.start()
        whole = fakeroot.descriptors(*CARD)
        m.plug("1-1", *CARD, raw=whole[:-3])
        m.plug("1-2", 0x1111, 0x5116, READER, raw=whole[:17])  # named by sysfs then
        m.plug("1-3", *CARD, raw=whole)
        eventually(lambda: m.open("1-3"))
        for name in ("1-1", "1-2"):
            self.assertEqual(m.settled(name)["reason"], "descriptors-invalid")
            self.assertFalse(m.open(name))
        self.assertEqual(m.settled("1-2")["vendor"], "1111")

    def test_hub_works_and_what_hangs_on_it_is_judged(self):
        m = self.machine
        m.start()
        m.plug("1-4", 0x05E3, 0x0608, HUB, device_class=9)
        eventually(lambda: m.open("1-4"), "the hub is open")
        m.plug("1-4.1", *STICK)
        m.plug("1-4.2", *CARD)
        eventually(lambda: m.open("1-4.2"), "the reader behind it is open")
        self.assertEqual(m.settled("1-4.1")["action"], "block")
        self.assertFalse(m.open("1-4.1"))

    def test_unplugged(self):
        m = self.machine
        m.plug("1-2", *CARD)
        m.start()
        before = m.settled("1-2")["handle"]
        m.unplug("1-2")
        eventually(lambda: m.device("1-2") is None, "it is gone")
        m.plug("1-2", *CARD, serial="other")
        after = m.settled("1-2")
        self.assertNotEqual(before, after["handle"])
        self.assertFalse(after["present_at_boot"])
        m.stop()
        gone = [r for r in m.record() if r.get("activity_id") == 2 and r["class_uid"] == 1010]
        self.assertEqual(len(gone), 1)

    def test_back_within_a_moment(self):
        """It keeps what being there at boot gives, and is decided on and recorded anew; another one gets nothing."""
        m = self.machine
        m.plug("1-2", *CARD, serial="A")
        m.start()
        m.settled("1-2")
        for serial, kept in (("A", True), ("B", False), ("A", False)):
            m.unplug("1-2")
            m.plug("1-2", *CARD, serial=serial)
            eventually(lambda: m.device("1-2")["serial"] == serial and m.settled("1-2")["present_at_boot"] == kept,
                       f"{serial}: {kept}")
        m.stop()
        facts = [r["unmapped"]["sekisho"]["facts"] for r in m.record()
                 if r["class_uid"] == 1010 and r.get("activity_id") == 1]
        self.assertEqual([(f["serial"], f.get("returned", False)) for f in facts if f["port"] == "1-2"],
                         [("A", False), ("A", True), ("B", False), ("A", False)])

    def test_half_built_device_is_waited_for(self):
        m = self.machine
        m.start()
        directory = m.build("1-2", *CARD)
        (directory / "descriptors").rename(directory / "later")
        m.show("1-2")
        time.sleep(0.3)
        self.assertFalse(m.open("1-2"))
        self.assertIsNone(m.device("1-2"), "not judged before it can be read")
        (directory / "later").rename(directory / "descriptors")
        eventually(lambda: m.open("1-2"), "then it is judged")

    def test_device_that_never_becomes_readable_is_refused(self):
        m = self.machine
        m.start()
        directory = m.build("1-2", *CARD)
        (directory / "descriptors").unlink()
        m.show("1-2")
        device = eventually(lambda: m.device("1-2"), "it is judged in the end", seconds=40)
        self.assertEqual((device["action"], device["reason"]), ("block", "descriptors-invalid"))
        self.assertFalse(m.open("1-2"))

    def test_device_that_disappears_while_it_is_half_built(self):
        m = self.machine
        m.start()
        directory = m.build("1-2", *CARD)
        (directory / "dev").unlink()
        m.show("1-2")
        time.sleep(0.1)
        m.unplug("1-2")
        m.plug("1-3", *CARD)
        eventually(lambda: m.open("1-3"))
        self.assertIsNone(m.device("1-2"))

    def test_names_and_serials_cannot_forge_anything(self):
        m = self.machine
        m.start()
        m.build("1-1", *STICK, label="x")
        directory = m.directory("1-1")
        (directory / "product").write_bytes(b"Ultra\x1b[2J\x07 \xff\xfe \xe2\x80\xae\n")
        (directory / "serial").write_bytes(b"A\"\\\n\x01\xc3\n")
        m.show("1-1")
        device = m.settled("1-1")
        self.assertEqual(device["action"], "block")
        self.assertNotIn("\x1b", device["name"])
        m.stop()
        self.assertNotIn("\x1b", m.log.read_text(errors="replace"))
        self.assertTrue(all(r["unmapped"]["sekisho"]["log"] == "agent" for r in m.record()))

    def test_other_entries_of_sysfs_are_left_alone(self):
        m = self.machine
        m.plug("1-2", *CARD)
        for name in ("1-2:1.0", "..evil", "1-", "usb", "1-2.", "x-1"):
            m.link(name).symlink_to("../../../devices")
        m.start()
        m.settled("1-2")
        self.assertEqual(sorted(m.devices()), ["1-2", "usb1"])

    def test_a_hundred_at_once(self):
        m = self.machine
        m.start()
        for i in range(1, 101):
            m.plug(f"1-{i}", *(CARD if i % 2 else STICK))
        eventually(lambda: all(m.open(f"1-{i}") for i in range(1, 101, 2)), "all readers are open", seconds=60)
        eventually(lambda: len(m.devices()) == 101 and
                   all(d["effect"] == "as-decided" for d in m.devices().values()), "all are settled", seconds=60)
        self.assertFalse(any(m.open(f"1-{i}") for i in range(2, 101, 2)))
        m.stop()
        decided = [r["unmapped"]["sekisho"]["facts"]["port"] for r in m.record()
                   if r["class_uid"] == 1010 and r["unmapped"]["sekisho"]["effect"] is None]
        self.assertEqual(sorted(decided), sorted(["usb1"] + [f"1-{i}" for i in range(1, 101)]))

    def test_what_came_while_the_agent_was_stopped(self):
        m = self.machine
        m.plug("1-9", *CARD)
        agent = m.start()
        m.settled("1-9")
        agent.send_signal(signal.SIGSTOP)
        for i in range(1, 6):
            m.plug(f"1-{i}", *CARD)
        m.plug("1-6", *STICK)
        m.unplug("1-9")
        agent.send_signal(signal.SIGCONT)
        eventually(lambda: all(m.open(f"1-{i}") for i in range(1, 6)))
        self.assertEqual(m.settled("1-6")["action"], "block")
        eventually(lambda: m.device("1-9") is None)

    def test_the_database_of_names_is_let_go_of(self):
        """It is asked once for each device that comes, and not again at each look."""
        m = self.machine
        m.start()

        def held():
            with open(f"/proc/{m.agent.pid}/maps", encoding="utf-8") as maps:
                return "/hwdb.bin" in maps.read()

        m.plug("1-1", *STICK)
        name = m.settled("1-1")["known_as"]
        if not held():
            self.skipTest("no hwdb.bin on this machine")
        self.assertIn("SanDisk", name)
        eventually(lambda: m.agent.send_signal(signal.SIGHUP) or not held(), "let go of after two looks")
        self.assertEqual(m.device("1-1")["known_as"], name)
        m.plug("1-2", *CARD)
        self.assertIn("SCM", m.settled("1-2")["known_as"])
        self.assertTrue(held())

    def test_drift_is_repaired_and_recorded(self):
        m = self.machine
        m.plug("1-1", *STICK)
        m.plug("1-2", *CARD)
        agent = m.start()
        m.settled("1-1"), m.settled("1-2")
        (m.directory("1-1") / "authorized").write_text("1\n")
        agent.send_signal(signal.SIGHUP)
        eventually(lambda: not m.open("1-1"), "shut again")
        self.assertTrue(m.open("1-2"))
        m.stop()
        drift = [r for r in m.record() if r["unmapped"]["sekisho"].get("agent", {}).get("code") == "drift"]
        self.assertEqual([r["unmapped"]["sekisho"]["detail"] for r in drift], ["1-1"])

    def test_interfaces_that_stay_are_an_open_door(self):
        m = self.machine
        m.build("1-1", *STICK, authorized=1)
        (m.directory("1-1") / "1-1:1.0").mkdir()  # as if its driver would not let go
        m.show("1-1")
        m.start()
        device = m.settled("1-1")
        self.assertEqual((device["effect"], device["open"], m.authorized("1-1")), ("differs", True, "0"))
        self.assertIn("effect-differs", m.attention())
        self.assertFalse(m.guard("usb")["holding"])
        (m.directory("1-1") / "1-1:1.0").rmdir()
        m.agent.send_signal(signal.SIGHUP)
        eventually(lambda: m.device("1-1")["effect"] == "as-decided")
        self.assertNotIn("effect-differs", m.attention())
        self.assertTrue(m.guard("usb")["holding"])

    def test_a_worker_that_hangs_is_killed_and_the_agent_goes_on(self):
        m = self.machine
        m.start()
        directory = m.build("1-2", *CARD)
        (directory / "authorized").unlink()
        os.mkfifo(directory / "authorized")  # nobody reads: whoever opens it for writing waits for ever
        m.show("1-2")
        m.plug("1-3", *CARD)
        eventually(lambda: m.open("1-3"), "others are served meanwhile", seconds=5)
        device = eventually(lambda: (m.device("1-2") or {}).get("effect") == "timed-out" and m.device("1-2"),
                            "the worker is killed", seconds=40)
        self.assertTrue(device["action"] == "allow")
        self.assertIn("worker-stuck", m.attention())
        m.plug("1-4", *CARD)
        eventually(lambda: m.open("1-4"))
        started = time.monotonic()
        m.stop()
        self.assertLess(time.monotonic() - started, 10)

    def test_watch_tells_it_live(self):
        m = self.machine
        m.start()
        watcher = m.client()
        self.addCleanup(watcher.close)
        watcher.send("Watch", more=True)
        m.status()  # the call before has been taken
        m.plug("1-2", *CARD)
        decision, effect = watcher.receive(), watcher.receive()
        self.assertEqual((decision["event"], decision["device"]["port"]), ("decision", "1-2"))
        self.assertEqual((effect["event"], effect["device"]["effect"]), ("effect", "as-decided"))
        m.unplug("1-2")
        self.assertEqual(watcher.receive()["event"], "gone")
        m.install(policy(2))
        self.assertEqual(watcher.receive()["event"], "policy")

    def test_ports_are_shut_before_anything_else(self):
        m = self.machine
        m.plug("usb2", 0x1D6B, 0x0003, HUB, authorized=1, device_class=9)
        m.start()
        for file in ("sys/module/usbcore/parameters/authorized_default",
                     "sys/bus/usb/devices/usb1/authorized_default", "sys/bus/usb/devices/usb2/authorized_default"):
            self.assertEqual((m.root / file).read_text().strip(), "0", file)
        m.plug("usb3", 0x1D6B, 0x0002, HUB, authorized=1, device_class=9)  # a dock
        eventually(lambda: (m.directory("usb3") / "authorized_default").read_text().strip() == "0")

    def test_ports_that_do_not_shut_are_reported(self):
        m = self.machine
        port = m.directory("usb1") / "authorized_default"
        port.unlink()
        port.symlink_to("/dev/full")
        m.start()
        self.assertIn("ports-open-by-default", m.attention())
        port.unlink()
        port.write_text("1\n")
        m.agent.send_signal(signal.SIGHUP)
        eventually(lambda: "ports-open-by-default" not in m.attention())
        self.assertEqual(port.read_text().strip(), "0")


class Keyboards(AgentTest):
    def test_there_at_boot(self):
        m = self.machine
        m.plug("1-3", 0x046D, 0xC31C, KEYBOARD)
        m.plug("1-4", 0x046D, 0xC077, MOUSE)
        m.start()
        eventually(lambda: m.open("1-3") and m.open("1-4"), "keyboard and mouse work")
        self.assertEqual(m.settled("1-3")["reason"], "floor-keyboard")

    def test_a_later_one_is_refused_while_another_works(self):
        m = self.machine
        m.plug("1-3", 0x046D, 0xC31C, KEYBOARD)
        link = m.keyboard_driver("1-3", 5)
        m.start()
        m.settled("1-3")
        m.plug("1-5", 0x1234, 0x5678, KEYBOARD)
        self.assertEqual(m.settled("1-5")["action"], "block")
        self.assertFalse(m.open("1-5"))
        link.unlink()
        m.unplug("1-3")
        eventually(lambda: m.open("1-5"), "the last keyboard comes alive")
        self.assertEqual(m.settled("1-5")["reason"], "floor-last-keyboard")

    def test_the_last_keyboard_keeps_working_by_its_own_keys(self):
        m = self.machine
        m.start()
        m.plug("1-5", 0x1234, 0x5678, KEYBOARD)
        eventually(lambda: m.open("1-5"))
        m.keyboard_driver("1-5", 7)
        m.agent.send_signal(signal.SIGHUP)
        m.plug("1-6", 0x1234, 0x5679, KEYBOARD)
        self.assertEqual(m.settled("1-6")["action"], "block")
        self.assertTrue(m.open("1-5"))
        m.kill()
        m.start()
        self.assertEqual(m.settled("1-5")["reason"], "floor-last-keyboard")
        self.assertTrue(m.open("1-5"))

    def test_a_restart_does_not_make_a_newcomer_an_old_friend(self):
        m = self.machine
        m.plug("1-3", 0x046D, 0xC31C, KEYBOARD)
        m.keyboard_driver("1-3", 5)
        m.start()
        m.settled("1-3")
        m.plug("1-5", 0x1234, 0x5678, KEYBOARD)
        m.settled("1-5")
        m.kill()
        m.start()
        self.assertEqual(m.settled("1-5")["action"], "block")
        self.assertTrue(m.settled("1-3")["present_at_boot"])
        self.assertTrue(m.open("1-3"))
        m.stop()
        # Another boot: whatever is there now was there at boot.
        m.write("proc/sys/kernel/random/boot_id", "99999999-2222-3333-4444-555555555555\n")
        m.start()
        eventually(lambda: m.open("1-5"))

    def test_behind_a_hub_that_the_agent_opens_at_boot(self):
        m = self.machine
        m.plug("1-3", 0x046D, 0xC31C, KEYBOARD)
        m.keyboard_driver("1-3", 5)
        m.plug("1-4", 0x05E3, 0x0608, HUB, device_class=9)
        m.start()
        eventually(lambda: m.open("1-4"))
        m.plug("1-4.1", 0x046D, 0xC31D, KEYBOARD)  # as the kernel finds it once the hub works
        eventually(lambda: m.open("1-4.1"))
        self.assertEqual(m.settled("1-4.1")["reason"], "floor-keyboard")


if __name__ == "__main__":
    fakeroot.main()
