#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A policy that a guard cannot hold: refused by the dry run before anything is written, or, when it fails after the commit,
undone in every guard, on the disk and in the record. In place of sekisho-netd somebody who refuses when he is told to."""

import fakeroot
from fakeroot import ALLOW_READER, READER, STORAGE, AgentTest, VarlinkError, eventually, policy

import errno
import fcntl
import hashlib
import json
import os
import socket
import struct
import threading

STORE = "var/lib/sekisho/policy"
ALLOW_STICK = "    - {id: stick, match: {bus: usb, class: [storage]}, action: allow}"
MESSAGE = struct.Struct("=IiQ72s16sII48s200s")  # struct network_message
RELOAD, STATE, LOADED, TROUBLE, DRY_RUN, TRIED = range(6)
ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Netd(threading.Thread):
    """Reads the policy in force from the disk, as sekisho-netd does; what it holds is held.sha256."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root = root
        self.refuse_dry_run = self.refuse_load = None  # serial
        self.held = {"sha256": "", "serial": 0}
        self.heard, self.tried, self.seals = [], None, None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        (root / "run/sekisho").mkdir(exist_ok=True)
        directory = os.open(root / "run/sekisho", os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{directory}/network.sock")
        os.close(directory)
        self.socket.listen(4)
        self.start()

    def say(self, caller, kind, error=0):
        caller.send(MESSAGE.pack(kind, error, self.held["serial"], self.held["sha256"].encode(), b"enforce", 0, 0, b"", b""))

    def run(self):
        while True:
            caller = self.socket.accept()[0]
            self.say(caller, STATE)
            while True:
                message, fds, _, _ = socket.recv_fds(caller, MESSAGE.size, 1)
                if not message:
                    break
                self.answer(caller, MESSAGE.unpack(message)[0], fds)

    def answer(self, caller, kind, fds):
        if kind == DRY_RUN:
            self.seals = fcntl.fcntl(fds[0], fcntl.F_GET_SEALS)
            self.tried = os.pread(fds[0], 1 << 20, 0).decode()
            os.close(fds[0])
            refused = f"serial: {self.refuse_dry_run}\n" in self.tried
            self.heard.append("dry-run")
            self.say(caller, TRIED, -errno.EINVAL if refused else 0)
            return
        text = (self.root / STORE / "policy.yaml").read_text()
        refused = f"serial: {self.refuse_load}\n" in text
        if not refused:
            state = json.loads((self.root / STORE / "state.json").read_text())
            self.held = {"sha256": state["sha256"], "serial": state["serial"]}
        self.heard.append(f"load {json.loads((self.root / STORE / 'state.json').read_text())['serial']}")
        self.say(caller, LOADED, -errno.ENOBUFS if refused else 0)


class NotApplied(AgentTest):
    def setUp(self):
        super().setUp()
        m = self.machine
        self.netd = Netd(m.root)
        m.plug("1-1", 0x0781, 0x5591, STORAGE)
        m.plug("1-2", 0x04E6, 0x5116, READER)
        m.start()
        m.settled("1-1"), m.settled("1-2")
        m.install(policy(2, [ALLOW_READER]))
        self.holds_the_old_one()

    def holds_the_old_one(self):
        m, text = self.machine, policy(2, [ALLOW_READER])
        eventually(lambda: m.open("1-2") and not m.open("1-1"), "doors as serial 2 says")
        self.assertEqual(m.status()["policy"]["serial"], 2)
        for name in ("policy.yaml", "last-good.yaml"):
            self.assertEqual((m.root / STORE / name).read_text(), text)
        state = json.loads((m.root / STORE / "state.json").read_text())
        self.assertEqual((state["serial"], state["sha256"]), (2, hashlib.sha256(text.encode()).hexdigest()))
        self.assertEqual(self.netd.held["serial"], 2)
        self.assertTrue(m.guard("network")["holding"])

    def refused(self, serial=3):
        with self.assertRaises(VarlinkError) as caught:
            self.machine.install(policy(serial, [ALLOW_STICK]))
        self.assertEqual(caught.exception.parameters["reason"], "not-applied")

    def documents(self):
        events = [r["unmapped"]["sekisho"] for r in self.machine.record()]
        return [(e["document"]["serial"], e["document"]["outcome"], e.get("detail")) for e in events if "document" in e]

    def twin(self):
        m = self.machine
        m.install(policy(4, [ALLOW_STICK]))
        eventually(lambda: m.open("1-1") and not m.open("1-2"), "doors as serial 4 says")
        self.assertEqual(self.netd.held["serial"], 4)

    def test_the_dry_run_refuses(self):
        self.netd.refuse_dry_run = 3
        self.netd.heard.clear()
        before = {p.name: p.stat().st_ino for p in (self.machine.root / STORE).iterdir()}
        self.refused()
        self.assertEqual(self.netd.heard, ["dry-run"])
        self.assertEqual(self.netd.tried, policy(3, [ALLOW_STICK]))
        self.assertEqual(self.netd.seals, ALL_SEALS)
        self.assertEqual({p.name: p.stat().st_ino for p in (self.machine.root / STORE).iterdir()}, before, "something was written")
        self.assertEqual(self.documents()[-1], (3, "refused", "not-applied"))
        self.assertNotIn((3, "installed", None), self.documents())
        self.holds_the_old_one()
        self.twin()

    def test_a_policy_on_trial_survives_the_dry_run_of_another(self):
        self.machine.call("InstallPolicy", text=policy(3, [ALLOW_STICK]), trial=60)
        self.netd.refuse_dry_run = 4
        self.refused(4)
        self.assertIn("policy-on-trial", self.machine.attention())
        self.assertEqual(self.machine.status()["policy"]["serial"], 3)

    def test_it_fails_after_the_commit(self):
        self.netd.refuse_load = 3
        self.netd.heard.clear()
        opened = []
        watching = threading.Event()

        def watch():
            while not watching.is_set():
                if self.machine.open("1-1"):
                    opened.append(True)
        thread = threading.Thread(target=watch)
        thread.start()
        self.refused()
        watching.set()
        thread.join()
        self.assertEqual(self.netd.heard[:2], ["dry-run", "load 3"])
        self.assertFalse(opened, "a device was opened although the network could not follow")
        self.assertEqual(self.documents()[-3:],
                         [(3, "installed", None), (2, "restored", "not-applied"), (3, "refused", "not-applied")])
        self.holds_the_old_one()
        self.machine.kill()
        self.machine.start()
        self.holds_the_old_one()
        self.twin()

    def test_on_trial_it_fails_after_the_commit(self):
        self.netd.refuse_load = 3
        with self.assertRaises(VarlinkError):
            self.machine.call("InstallPolicy", text=policy(3, [ALLOW_STICK]), trial=60)
        self.assertNotIn("policy-on-trial", self.machine.attention())
        self.holds_the_old_one()

    def listen(self, method, **parameters):
        """A stream as helpers of sessions have it, and its first message."""
        stream = self.machine.client(timeout=5)
        self.addCleanup(stream.close)
        stream.send(method, parameters, more=True)
        return stream, stream.receive()

    def test_helpers_never_hear_of_it(self):
        """What a policy says to the clipboard and to notices is told when it holds in every guard, and not before."""
        text = lambda serial: policy(serial, [ALLOW_READER]).replace("contact: tester", f"contact: number {serial}")
        clipboard, first = self.listen("JoinSession", session="3")
        notices, _ = self.listen("WatchOwn")
        self.assertEqual(first["clipboard"]["serial"], 2)
        heard = lambda: (clipboard.receive()["clipboard"]["serial"], notices.receive()["contact"])

        self.netd.refuse_dry_run, self.netd.refuse_load = 3, 4
        for serial in (3, 4):
            with self.assertRaises(VarlinkError):
                self.machine.install(text(serial))
        self.machine.install(text(5))
        self.assertEqual(heard(), (5, "number 5"), "neither of those that were refused, nor that 2 held again")
        # One that held, and was on trial only, is told, and its end too; the one that ended it is refused.
        self.machine.call("InstallPolicy", text=text(6), trial=60)
        self.assertEqual(heard(), (6, "number 6"))
        self.netd.refuse_load = 7
        with self.assertRaises(VarlinkError):
            self.machine.install(text(7))
        self.machine.install(text(8))
        self.assertEqual([heard(), heard()], [(5, "number 5"), (8, "number 8")])

    def test_who_loaded_it_already_goes_back_too(self):
        """Another guard fails: whoever has the new one already reads the old one from the disk."""
        self.netd.refuse_load = 3
        before = self.netd.answer

        def load_and_fail(caller, kind, fds):
            if kind == RELOAD and "serial: 3\n" in (self.machine.root / STORE / "policy.yaml").read_text():
                state = json.loads((self.machine.root / STORE / "state.json").read_text())
                self.netd.held = {"sha256": state["sha256"], "serial": 3}
            before(caller, kind, fds)
        self.netd.answer = load_and_fail
        self.refused()
        self.assertEqual(self.netd.heard[-1], "load 2")
        self.holds_the_old_one()


if __name__ == "__main__":
    fakeroot.main()
