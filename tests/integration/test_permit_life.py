#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a permit ends on a running agent, and what does not end it: time, clock, boot, kill -9, policy, trust, people."""
import shutil
import sys
import time

import fakeroot
from fakeroot import eventually, policy
from permit_fixture import SERIAL, STICK, PermitTest, stamp


class Life(PermitTest):
    def floor(self, seconds):
        """Starts the agent anew with a clock that has seen a later time."""
        self.machine.stop()
        self.machine.write("var/lib/sekisho/policy/time-floor", f"{int(time.time()) + seconds}\n")
        self.machine.start()

    def test_reboot(self):
        text = self.permit()
        self.install(text)
        self.install(self.permit("p2", serial="other"))
        self.until(True)
        self.reboot()
        self.machine.start()
        self.assertFalse(self.is_open())
        self.assertEqual(self.state(), ("used", "reboot"))
        self.assertEqual(self.state("p2"), ("ready", ""), "the twin, which was not used, waits")
        self.install_refused("known", text)

    def test_the_agent_is_killed_and_its_time_goes_on(self):
        self.install(duration="3s")
        self.until(True)
        left = self.permits()["p1"]["left"]
        for _ in range(2):
            self.machine.kill()
            self.machine.start()
            self.assertTrue(self.is_open())
        self.assertEqual(self.state(), ("live", ""))
        self.assertLess(self.permits()["p1"]["left"], left + 1)
        self.assertEqual([r["outcome"] for r in self.records()], ["installed", "used"], "used once")
        self.machine.kill()
        time.sleep(3)
        self.machine.start()
        self.until(False)
        self.assertEqual(self.state(), ("used", "duration"))

    def test_the_clock(self):
        self.install(expires=stamp(3600))
        self.install(self.permit("p2", serial="other", expires=stamp(10 * 86400)))
        self.until(True)
        self.floor(2 * 86400)  # forward
        self.assertFalse(self.is_open())
        self.assertEqual(self.state(), ("used", "expired"))
        self.assertEqual(self.state("p2"), ("ready", ""))
        # The wall clock is behind again, and a permit that would be good by it is not.
        self.install_refused("expired", self.permit("p3", expires=stamp(3600)))
        self.install(self.permit("p4", expires=stamp(3 * 86400)))
        self.until(True)

    def test_another_policy(self):
        self.install()
        self.until(True)
        self.machine.install(policy(2, rules=["    - {id: no, match: {class: [storage]}, action: block}"]))
        self.assertTrue(self.is_open())
        self.assertEqual(self.machine.device("1-2")["permit"], "p1")
        self.machine.install(policy(3, rules=["    - {id: yes, match: {class: [storage]}, action: allow}"]))
        self.assertEqual((self.machine.device("1-2")["permit"], self.machine.device("1-2")["rule"]), (None, "yes"))
        self.assertEqual(self.state(), ("live", ""), "its time goes on")
        end = time.time() + 8
        self.machine.install(policy(4, expires=stamp(8)))
        self.assertEqual(self.machine.device("1-2")["permit"], "p1")
        self.until(True)
        time.sleep(max(0, end - time.time()) + 0.1)
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)  # a look, as each minute
        self.until(False)
        self.machine.install(policy(5))
        self.until(True)

    def test_needless_beside_a_rule(self):
        self.machine.install(policy(2, rules=["    - {id: yes, match: {class: [storage]}, action: read-only}"]))
        self.until(True)
        self.install()
        self.assertEqual(self.state(), ("ready", ""))
        self.assertEqual(self.machine.device("1-2")["rule"], "yes")
        self.install(self.permit("p2", action="allow", more="max-bytes: 1MiB\n"))  # gives more
        self.assertEqual(self.state("p2"), ("live", ""))
        self.assertEqual((self.machine.device("1-2")["permit"], self.machine.device("1-2")["action"]), ("p2", "allow"))

    def test_two_for_one_medium(self):
        self.install(duration="1s")
        self.install(self.permit("p2"))
        self.assertEqual((self.state()[0], self.state("p2")[0]), ("live", "ready"))
        eventually(lambda: self.state("p2")[0] == "live")
        self.assertEqual(self.state(), ("used", "duration"))
        self.assertEqual(self.machine.device("1-2")["permit"], "p2")

    def test_a_signer_who_lost_the_role(self):
        self.machine.plug("1-3", *STICK, serial="B")
        self.machine.settled("1-3")
        self.install()
        self.install(self.permit("p2", serial="B"), "kakaricho")
        self.install(self.permit("p3", serial="other"))
        self.until(True)
        self.until(True, "1-3")
        self.trust(2, permit=("kakaricho",))
        self.until(False)
        self.assertTrue(self.is_open("1-3"), "the twin")
        self.assertEqual([self.state(p) for p in ("p1", "p2", "p3")],
                         [("used", "revoked"), ("live", ""), ("lapsed", "revoked")])

    def test_a_damaged_chain_of_trust_suspends(self):
        self.trust(2)
        self.install()
        self.until(True)
        self.machine.kill()
        link = self.machine.root / "var/lib/sekisho/policy/trust.d/2.yaml"
        text = link.read_text()
        link.write_text("")
        self.machine.start()
        self.until(False)
        self.assertTrue(self.permits()["p1"]["suspended"])
        self.install_refused("signatures", self.permit("p2"))
        self.machine.kill()
        link.write_text(text)
        self.machine.start()
        self.until(True)
        self.assertEqual(self.state(), ("live", ""))

    def test_a_damaged_file_opens_nothing(self):
        self.install()
        self.until(True)
        self.machine.kill()
        file = self.machine.root / "var/lib/sekisho/permits/p1.yaml"
        file.write_text(file.read_text().replace("4h", "9h"))
        self.machine.start()
        self.until(False)
        self.assertIn("permits-damaged", self.machine.attention())
        self.install_refused("known", self.permit())

    def test_return(self):
        self.install(duration="1s")
        self.until(True)
        close = {"id": "p1", "by": "課長 鈴木", "returned": True, "erased": True}
        self.refused("ClosePermit", "unknown", **{**close, "id": "p9"})
        self.refused("ClosePermit", "form", **{**close, "by": ""})
        self.until(False)
        self.assertNotIn("permit-overdue", self.machine.attention())
        for missing in ("returned", "erased"):
            self.refused("ClosePermit", "not-confirmed", **{**close, missing: False})
        self.floor(2 * 86400)
        self.assertIn("permit-overdue", self.machine.attention())
        self.assertTrue(self.permits()["p1"]["overdue"])
        closed = self.machine.call("ClosePermit", **close)["permit"]
        self.assertEqual((closed["state"], closed["closed_by"], closed["overdue"]), ("closed", "課長 鈴木", False))
        self.assertNotIn("permit-overdue", self.machine.attention())
        self.refused("ClosePermit", "state", **close)
        self.assertEqual(self.records("closed")[0]["by"], "課長 鈴木")

    def test_ended_by_hand(self):
        self.install()
        self.install(self.permit("p2", serial="other"))
        self.until(True)
        self.refused("ClosePermit", "not-confirmed", id="p1", by="x", returned=False, erased=False)
        self.until(False)
        self.assertEqual(self.state(), ("used", "withdrawn"))
        self.machine.call("ClosePermit", id="p2", by="x", returned=False, erased=False)
        self.assertEqual(self.state("p2"), ("lapsed", "withdrawn"))

    def test_watch_counts_down(self):
        watch = self.machine.client()
        watch.send("Watch", more=True)
        self.install(duration="61s")
        seen = []
        while "ending" not in seen:
            event = watch.receive()
            if event["event"] == "permit":
                seen.append(event["detail"])
        watch.close()
        self.assertEqual(seen, ["installed", "used", "ending"])
        self.assertIn(event["permit"]["left"], (59, 60))

    def test_what_cannot_be_recorded_opens_nothing(self):
        text = self.permit("p2", serial="B")
        self.machine.plug("1-3", *STICK, serial="B")
        self.machine.unplug("1-2")
        self.install(self.permit(port="1-3"))
        record = self.machine.root / "var/log/sekisho"
        self.machine.kill()
        record.chmod(0o777)  # refused: no record
        self.machine.start()
        self.assertIn("record-failing", self.machine.attention())
        self.install_refused("not-stored", text)
        self.machine.plug("1-2", *STICK, serial=SERIAL)
        self.assertEqual((self.is_open(), self.machine.device("1-2")["permit"]), (False, "p1"))
        self.assertFalse(self.is_open("1-3"))
        record.chmod(0o750)
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)
        self.until(True)
        self.install(text)
        self.until(True, "1-3")

    def test_observe_mode_uses_none_up(self):
        self.machine.install(policy(2, mode="observe"))
        self.install()
        self.assertEqual(self.machine.device("1-2")["permit"], "p1")
        self.assertEqual(self.state(), ("ready", ""))


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
