#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of the agent in a loop while it writes records: what it acknowledged is in the record, and the chain and its
signatures hold. An acknowledgement is an answer to a caller: a policy that is installed was recorded first."""

import fakeroot
from fakeroot import STORAGE, AgentTest, VarlinkError, policy
from ctl_fixture import run

import json
import random
import threading
import time

ROUNDS = 50
STICK = (0x0781, 0x5591, STORAGE)


class Kill(AgentTest):
    serial = 1

    def install_until_killed(self, acknowledged):
        """Installs one policy after the other, as fast as the agent answers."""
        client = None
        try:
            client = self.machine.client()
            while True:
                self.serial += 1
                client.call("InstallPolicy", text=policy(self.serial))
                acknowledged.append(self.serial)
        except (VarlinkError, OSError, ValueError, EOFError, AssertionError, IndexError):
            pass  # the agent is gone
        finally:
            if client:
                client.close()

    def recorded(self):
        """Serials that the record says were installed."""
        own = [event["unmapped"]["sekisho"] for event in self.machine.record()]
        return {o["document"]["serial"] for o in own if o.get("document", {}).get("outcome") == "installed"}

    def test_loop(self):
        m = self.machine
        m.ship(policy(1))
        dice = random.Random(8)
        acknowledged = []
        for turn in range(ROUNDS):
            m.start()
            thread = threading.Thread(target=self.install_until_killed, args=(acknowledged,))
            thread.start()
            m.plug(f"1-{turn + 1}", *STICK)
            time.sleep(dice.uniform(0.0, 0.15))
            m.kill()
            thread.join()
            m.unplug(f"1-{turn + 1}")
            missing = set(acknowledged) - self.recorded()
            self.assertFalse(missing, f"round {turn}")
        self.assertGreater(len(acknowledged), ROUNDS // 5, "something was acknowledged")
        m.start()
        m.stop()
        log = m.root / "var/log/sekisho"
        code, out, err = run("audit", "verify", "--json", "--key", log / "audit.pub", log)
        self.assertEqual(code, 0, out + err)
        answer = json.loads(out)
        self.assertTrue(answer["whole"])
        print(f"{ROUNDS} kills, {len(acknowledged)} policies acknowledged, {answer['logs'][0]['last_seq']} records")


if __name__ == "__main__":
    fakeroot.main()
