#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The record under the agent: before the door, whatever the disk and kill -9 do."""

import fakeroot
from fakeroot import KEYBOARD, READER, STORAGE, AgentTest, Machine, VarlinkError, eventually, policy

import hashlib
import os
import pathlib
import signal
import subprocess
import threading
import time

STICK, CARD = (0x0781, 0x5591, STORAGE), (0x04E6, 0x5116, READER)


def chain_is_whole(path):
    """The same check as an outsider with the description of the format would write."""
    import json
    previous, seq = "0" * 64, 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        own = json.loads(line)["unmapped"]["sekisho"]
        if own["prev"] != previous or own["seq"] != seq + 1:
            return False
        previous, seq = hashlib.sha256(line).hexdigest(), own["seq"]
    return seq > 0


class Order(AgentTest):
    def test_the_line_is_there_before_the_door_opens(self):
        """`authorized` is a FIFO: what is written to it waits for us, and then the record must already have the line."""
        m = self.machine
        m.start()
        directory = m.build("1-2", *CARD)
        (directory / "authorized").unlink()
        os.mkfifo(directory / "authorized")
        m.show("1-2")
        fifo = os.open(directory / "authorized", os.O_RDONLY)  # waits until a worker opens the other end
        before = m.record_file.read_bytes()
        written = os.read(fifo, 16)
        os.close(fifo)
        self.assertIn(written, (b"1", b""))  # b"": the agent, which reads back, was quicker
        self.assertIn(b'"reader"', before)
        self.assertTrue(before.endswith(b"\n"))


class Full(AgentTest):
    """The record's directory is a file system that is full."""

    def setUp(self):
        super().setUp()
        directory = self.machine.root / "var/log/sekisho"
        directory.mkdir()
        directory.chmod(0o750)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0750", "tmpfs", directory],
                          capture_output=True).returncode:
            self.skipTest("cannot mount a tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", directory], capture_output=True)
        self.filler = directory / "filler"

    def fill(self):
        with self.filler.open("ab", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 512)
            except OSError:
                pass
        # The record's last page may have room left for some lines; use it up by what is harmless.

    def full_for_the_record(self):
        self.fill()
        m = self.machine
        for i in range(20, 120):
            if "record-failing" in m.attention():
                return
            m.plug(f"1-{i}", *STICK)
            m.settled(f"1-{i}")
            m.unplug(f"1-{i}")
            eventually(lambda: m.device(f"1-{i}") is None)
        self.fail("the record never ran full")

    def test_nothing_new_opens_but_keyboards(self):
        m = self.machine
        m.start()
        m.plug("1-2", *CARD)
        eventually(lambda: m.open("1-2"))
        self.full_for_the_record()
        m.plug("1-3", *CARD)
        m.plug("1-4", 0x046D, 0xC31C, KEYBOARD)
        m.plug("1-5", *STICK)
        eventually(lambda: m.open("1-4"), "the keyboard works")
        reader = m.settled("1-3")
        self.assertEqual((reader["action"], reader["effect"], m.open("1-3")), ("allow", "failed", False))
        m.settled("1-5")
        self.assertFalse(m.open("1-5"))
        self.assertTrue(m.open("1-2"), "what was recorded and open stays")
        self.assertEqual(m.attention()["record-failing"]["severity"], "short")
        with self.assertRaises(VarlinkError) as caught:
            m.install(policy(2))
        self.assertEqual(caught.exception.parameters["reason"], "not-stored")
        self.assertEqual(m.status()["policy"]["serial"], 1)

        self.filler.unlink()
        m.agent.send_signal(signal.SIGHUP)
        eventually(lambda: m.open("1-3"), "with room for its record the reader opens")
        self.assertNotIn("record-failing", m.attention())
        m.stop()
        self.assertTrue(chain_is_whole(m.record_file))
        said = [r["unmapped"]["sekisho"].get("detail") or "" for r in m.record()]
        self.assertTrue(any("could not be written" in s for s in said), "the gap is confessed")


class Directory(AgentTest):
    def test_record_that_cannot_be_opened(self):
        """A directory that others may write to is refused: no record, so no door but the floor."""
        m = self.machine
        m.plug("1-2", *CARD)
        m.plug("1-3", 0x046D, 0xC31C, KEYBOARD)
        directory = m.root / "var/log/sekisho"
        directory.mkdir()
        directory.chmod(0o777)
        m.start()
        eventually(lambda: m.open("1-3"), "the keyboard works")
        self.assertEqual(m.settled("1-2")["effect"], "failed")
        self.assertFalse(m.open("1-2"))
        self.assertIn("record-failing", m.attention())
        directory.chmod(0o750)
        m.agent.send_signal(signal.SIGHUP)
        eventually(lambda: m.open("1-2"))

    def test_torn_tail_is_mended_and_said(self):
        m = self.machine
        m.start()
        m.kill()
        with m.record_file.open("ab") as f:
            f.write(b'{"half')
        m.start()
        self.assertEqual(m.attention()["record-torn"]["severity"], "note")
        m.stop()
        self.assertTrue(chain_is_whole(m.record_file))

    def test_acknowledged_before_the_log_was_synced(self):
        """What a power cut may leave: the log without its last lines, which are in the file ahead."""
        m = self.machine
        m.start()
        m.plug("1-2", *CARD)
        eventually(lambda: m.open("1-2"))
        m.kill()
        whole = m.record_file.read_bytes()
        ahead = (m.record_file.parent / "ahead").read_bytes()
        last = max((line for line in whole.splitlines(keepends=True) if line in ahead), key=whole.rindex)
        self.assertIn(b"04e6", last, "the decision that opened the door")
        os.truncate(m.record_file, whole.rindex(last) + 10)  # half of the line had reached the disk
        m.start()
        self.assertNotIn("record-torn", m.attention())
        m.stop()
        self.assertTrue(chain_is_whole(m.record_file))
        self.assertIn(last, m.record_file.read_bytes())

    def test_foreign_line_at_the_end(self):
        m = self.machine
        m.start()
        m.kill()
        with m.record_file.open("ab") as f:
            f.write(b"not ours\n")
        m.start()
        self.assertEqual(m.attention()["record-damaged"]["severity"], "short")

    def test_cut_while_running(self):
        m = self.machine
        m.start()
        os.truncate(m.record_file, 100)
        m.plug("1-2", *CARD)
        eventually(lambda: m.open("1-2"))
        self.assertIn("record-damaged", m.attention())


class Lives(AgentTest):
    def test_kill_and_restart_say_nothing_twice(self):
        m = self.machine
        m.plug("1-1", *STICK)
        m.plug("1-2", *CARD)
        for turn in range(6):
            m.start()
            m.settled("1-1")
            eventually(lambda: m.settled("1-2")["open"] and m.open("1-2"))
            self.assertFalse(m.open("1-1"))
            decided = m.root / "run/sekisho/decided.json"
            eventually(lambda: decided.exists() and "1-2" in decided.read_text())
            m.kill()
        self.assertTrue(chain_is_whole(m.record_file))
        own = [r["unmapped"]["sekisho"] for r in m.record()]
        self.assertEqual(sum(o.get("agent", {}).get("activity") == "start" for o in own), 6)
        devices = [(o["facts"]["port"], o["effect"]) for o in own if "facts" in o]
        self.assertEqual(sorted(devices, key=str), sorted(set(devices), key=str))

    def test_kill_in_the_middle(self):
        """Wherever the knife falls: the chain is whole, the stick is shut, what is open has its line."""
        m = self.machine
        for turn in range(12):
            m.start()
            name = f"1-{turn + 1}"
            m.plug(name, *(CARD if turn % 3 else STICK))
            time.sleep(0.004 * turn)
            m.kill()
            self.assertTrue(chain_is_whole(m.record_file))
            for i in range(turn + 1):
                port = f"1-{i + 1}"
                if i % 3 == 0:
                    self.assertFalse(m.open(port))
                elif m.open(port):
                    self.assertIn(f'"port":"{port}"', m.record_file.read_text().replace('": "', '":"'))
        m.start()
        for i in range(12):
            self.assertEqual(eventually(lambda: m.settled(f"1-{i + 1}"))["open"], bool(i % 3))
        m.stop()
        self.assertTrue(chain_is_whole(m.record_file))

    def test_replugged_while_no_agent_looked(self):
        m = self.machine
        m.plug("1-2", *CARD)
        m.start()
        eventually(lambda: m.settled("1-2")["open"])
        m.stop()
        m.unplug("1-2")
        m.plug("1-2", *CARD)
        m.start()
        eventually(lambda: m.open("1-2"))
        m.stop()
        decided = [r for r in m.record() if r["class_uid"] == 1010 and r["unmapped"]["sekisho"]["effect"] is None and
                   r["unmapped"]["sekisho"]["facts"]["port"] == "1-2"]
        self.assertEqual(len(decided), 2, "it is another arrival, and is recorded")

    def test_stop_is_recorded_and_opens_nothing(self):
        m = self.machine
        m.plug("1-1", *STICK)
        m.plug("1-2", *CARD)
        m.start()
        eventually(lambda: m.settled("1-2")["open"])
        m.stop()
        stop, anchor = [r["unmapped"]["sekisho"] for r in m.record()[-2:]]
        self.assertEqual(stop["agent"]["activity"], "stop")
        self.assertEqual(anchor["anchor"]["seq"], stop["seq"], "the last word is the anchor of the stop")
        self.assertEqual((m.authorized("1-1"), m.authorized("1-2")), ("0", "1"))

    def test_a_second_agent_is_refused(self):
        m = self.machine
        m.start()
        second = subprocess.run([fakeroot.AGENT, "--root", m.root], capture_output=True, text=True, timeout=60,
                                env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual(second.returncode, 1)
        self.assertIn("Another agent is already running here", second.stderr)
        self.assertTrue(m.guard("usb")["holding"], "the first one is none the worse")
        self.assertTrue(chain_is_whole(m.record_file))

    def test_workers_die_with_the_agent(self):
        m = self.machine
        agent = m.start()
        children = pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children")
        if not children.exists():
            self.skipTest("this kernel does not list children")
        workers = children.read_text().split()
        self.assertEqual(len(workers), 4)
        for worker in workers:
            links = [os.readlink(f"/proc/{worker}/fd/{fd}") for fd in os.listdir(f"/proc/{worker}/fd") if int(fd) > 2]
            self.assertTrue(all(link.startswith("socket:") for link in links), links)
            status = pathlib.Path(f"/proc/{worker}/status").read_text()
            self.assertIn("Seccomp:\t2", status)
            self.assertIn("CapEff:\t0000000000000000", status)
        m.kill()
        eventually(lambda: not any(self.alive(w) for w in workers), "no worker is left")

    @staticmethod
    def alive(pid):
        try:
            return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return False

    def test_a_worker_that_is_killed_is_replaced(self):
        m = self.machine
        agent = m.start()
        for worker in pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split():
            os.kill(int(worker), signal.SIGKILL)
        for i in range(1, 9):
            m.plug(f"1-{i}", *CARD)
        eventually(lambda: all(m.open(f"1-{i}") for i in range(1, 9)))

    def test_bad_usage(self):
        for arguments, status in ((["--nonsense"], 2), (["stray"], 2), (["--root", "/nonexistent"], 1),
                                  (["--version"], 0), (["--help"], 0)):
            with self.subTest(arguments=arguments):
                run = subprocess.run([fakeroot.AGENT, *arguments], capture_output=True, text=True, timeout=60)
                self.assertEqual(run.returncode, status)
                self.assertTrue(run.stdout + run.stderr)


if __name__ == "__main__":
    fakeroot.main()
