# SPDX-License-Identifier: GPL-2.0-or-later
"""`screen-lock`: the agent asks logind to lock a session in which nobody has been for so long, says so when it stays
open, and does what `without-helper` says. logind is played; time is what the helper, or logind, says it is."""
from logindlab import LogindTest, eventually, fakeroot

import os
import time

import dbus

POLICY = """clipboard: {{default: block, without-helper: {without}, mode: observe}}
login: {{second-factor: {{default: exempt}}, screen-lock: {limit}, mode: {mode}}}
"""


def policy(serial=1, limit="5min", mode="enforce", without="record"):
    return fakeroot.policy(serial=serial) + POLICY.format(limit=limit, mode=mode, without=without)


class ScreenLock(LogindTest):
    def setUp(self):
        super().setUp()
        self.machine.ship(policy())

    def start(self, **session):
        self.add(**session)
        self.machine.start()
        eventually(lambda: self.idle(0) is None, "the agent sees the session")

    def idle(self, seconds, session="c7", locked=False):
        """None, or the error."""
        try:
            self.machine.call("ReportIdle", session=session, idle=seconds, locked=locked)
        except fakeroot.VarlinkError as error:
            return error.name
        return None

    def locks(self):
        return [r for r in self.requests() if r.startswith("LockSession")]

    def finding(self):
        return [f for f in self.machine.status()["attention"] if f["code"] == "screen-stays-open"]

    def test_locks_when_time_is_over_and_not_before(self):
        self.start()
        self.play("Obey", True, signature="b")
        self.assertIsNone(self.idle(299))
        time.sleep(0.5)
        self.assertEqual(self.locks(), [])
        self.assertIsNone(self.idle(300))
        eventually(self.locks, "the lock is asked for")
        self.assertIsNone(self.idle(305))  # it is locked by now
        time.sleep(0.5)
        self.assertEqual(self.locks(), ["LockSession c7"])
        self.assertEqual(self.finding(), [])

    def test_whoever_unlocks_is_there(self):
        """What was measured before the screen was unlocked says nothing about who has just unlocked it."""
        self.start()
        self.play("Obey", True, signature="b")
        self.idle(600)
        eventually(self.locks, "locked")
        time.sleep(1)  # the agent has seen it, too
        self.set("c7", "LockedHint", dbus.Boolean(False))
        time.sleep(1)
        self.assertEqual(len(self.locks()), 1)
        self.idle(600)  # but nobody came back
        eventually(lambda: len(self.locks()) == 2, "locked again")

    def test_locker_without_a_word_for_logind(self):
        self.start()
        self.idle(600, locked=True)
        time.sleep(0.5)
        self.assertEqual(self.locks(), [])
        self.idle(600)
        eventually(self.locks, "the twin, which no locker covers, to be locked")

    def test_stays_open(self):
        """Nothing locks: after the grace it is a finding and a record, and the user is told; it is over when it locks."""
        self.start()
        watcher = self.machine.client(timeout=60)
        self.addCleanup(watcher.close)
        watcher.send("WatchOwn", more=True)
        first = watcher.receive()
        self.assertEqual((first["kind"], first["screen_lock"], first["contact"]), ("settings", 300, "tester"))
        self.idle(400)
        eventually(self.locks, "asked")
        for _ in range(3):
            time.sleep(4)
            self.idle(410)
        self.assertEqual(watcher.receive()["kind"], "screen")
        self.assertIn("session c7", eventually(self.finding, "the finding")[0]["detail"])
        self.assertTrue(any("screen-stays-open" in str(r) for r in self.machine.record()))
        self.assertEqual(self.requests(), ["LockSession c7"])  # without-helper: record
        self.set("c7", "LockedHint", dbus.Boolean(True))
        eventually(lambda: not self.finding(), "the finding is over", seconds=40)

    def test_end_session(self):
        self.machine.ship(policy(without="end-session"))
        self.start()
        self.idle(400)
        for _ in range(3):
            time.sleep(4)
            self.idle(410)
        eventually(lambda: "TerminateSession c7" in self.requests(), "ended")

    def test_text_session_by_its_last_key(self):
        now = int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)
        self.machine.ship(policy(limit="1h"))
        self.add(type_="tty")
        self.set("c7", "IdleSinceHintMonotonic", dbus.UInt64(max(1, now - 1_000_000)))
        self.machine.start()
        time.sleep(1)
        self.assertEqual(self.locks(), [])
        self.machine.install(policy(serial=2, limit="10s"))
        eventually(self.locks, "asked", seconds=70)

    def test_desktop_says_idle_where_nobody_measures(self):
        self.add()
        self.machine.start()
        self.set("c7", "IdleHint", dbus.Boolean(True))
        eventually(self.locks, "asked")

    def test_not_enforced(self):
        for serial, other in ((2, policy(2, mode="observe")), (3, policy(3, limit="never"))):
            if not self.machine.agent:
                self.start()
            self.machine.install(other)
            self.idle(9999)
            time.sleep(0.5)
            self.assertEqual(self.locks(), [], serial)
        self.machine.install(policy(4))
        self.idle(9999)
        eventually(self.locks, "the twin")

    def test_of_others(self):
        """Nobody speaks for another user's session, or for one that is not there."""
        self.add(id_="c8", uid=os.getuid() + 1)
        self.start()
        self.assertEqual(self.idle(9999, session="c8"), "org.varlink.service.InvalidParameter")
        self.assertEqual(self.idle(9999, session="c9"), "org.varlink.service.InvalidParameter")
        self.assertEqual(self.idle(-1), "org.varlink.service.InvalidParameter")
        time.sleep(0.5)
        self.assertEqual(self.locks(), [])


if __name__ == "__main__":
    fakeroot.main()
