#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The real agent and the real sekisho-netd on one fake machine, in a network namespace of their own: a policy that is
installed is what the kernel holds, or it is not installed."""
import fakeroot
from fakeroot import BUILD, AgentTest, VarlinkError, eventually, policy

import os
import signal
import socket
import subprocess

NETD = BUILD / "agent/network/sekisho-netd"
LISTED = """network:
  interfaces: {{allow: [eth7]}}
  rules:
    - {{id: web, to: [10.0.0.{last}/32], protocol: tcp, ports: [443]}}
"""


def with_network(serial, last=1, mode="enforce"):
    return policy(serial=serial) + LISTED.format(last=last) + f"  mode: {mode}\n"


class NetAgent(AgentTest):
    def setUp(self):
        super().setUp()
        self.namespace = f"sknga{os.getpid()}"
        self.ip("netns", "add", self.namespace)
        self.addCleanup(lambda: self.ip("netns", "del", self.namespace))
        self.netd = None
        self.addCleanup(self.stop_netd)
        self.machine.ship(policy() + "network: {mode: observe}\n")
        self.machine.start()

    def ip(self, *words):
        return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout

    def inside(self, *words, check=True):
        return subprocess.run(["ip", "netns", "exec", self.namespace, *map(str, words)], check=check, capture_output=True,
                              text=True)

    def start_netd(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        path = self.machine.root / "notify-netd"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        notify.settimeout(60)
        with (self.machine.root / "netd.log").open("ab") as log:
            self.netd = subprocess.Popen(["ip", "netns", "exec", self.namespace, NETD, "--root", self.machine.root],
                                         stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": str(path)})
        while b"READY=1" not in notify.recv(4096):
            pass

    def stop_netd(self, how=signal.SIGTERM):
        if self.netd:
            self.netd.send_signal(how)
            self.netd.wait(timeout=60)
        self.netd = None

    def holds(self):
        return self.machine.guard("network")["holding"]

    def loaded(self, text):
        """What is loaded is exactly what this policy says."""
        file = self.machine.root / "check.yaml"
        file.write_text(text)
        return self.inside(NETD, "--check", file, check=False).returncode == 0

    def codes(self):
        return [e["unmapped"]["sekisho"]["agent"]["code"] for e in self.machine.record()
                if "code" in e["unmapped"]["sekisho"].get("agent", {})]

    def test_installed_is_loaded(self):
        self.assertFalse(self.holds())  # nobody is there
        self.start_netd()
        eventually(self.holds, "the guard holds the policy that came with the package")
        self.assertEqual(self.machine.guard("network")["mode"], "observe")
        self.machine.install(with_network(2))  # returns when it holds
        self.assertTrue(self.loaded(with_network(2)))
        self.assertTrue(self.holds())
        self.assertEqual(self.machine.guard("network")["mode"], "enforce")
        self.assertFalse(self.loaded(with_network(2, last=9)))  # the comparison can fail
        self.machine.install(with_network(3, last=9))
        self.assertTrue(self.loaded(with_network(3, last=9)))

    def test_either_may_be_away(self):
        self.machine.install(with_network(2))  # without netd: it will be told
        self.start_netd()
        eventually(self.holds)
        self.assertTrue(self.loaded(with_network(2)))
        self.stop_netd()
        eventually(lambda: not self.holds(), "its absence is seen")
        self.assertIn("sekisho-left", self.inside("nft", "list", "tables").stdout)
        self.machine.install(with_network(3, last=3))
        self.start_netd()
        eventually(self.holds)
        self.assertTrue(self.loaded(with_network(3, last=3)))
        self.machine.kill()
        self.assertTrue(self.loaded(with_network(3, last=3)))  # the agent is dead, the rules stay
        self.machine.start()
        eventually(self.holds)

    def test_what_does_not_answer_is_not_installed(self):
        self.start_netd()
        self.machine.install(with_network(2))
        self.netd_process().send_signal(signal.SIGSTOP)
        try:
            client = self.machine.client(timeout=60)
            with self.assertRaises(VarlinkError) as refused:
                client.call("InstallPolicy", text=with_network(3, last=3))
            client.close()
        finally:
            self.netd_process().send_signal(signal.SIGCONT)
        self.assertEqual(refused.exception.parameters["reason"], "not-applied")
        self.assertEqual(self.machine.status()["policy"]["serial"], 2)
        eventually(self.holds)
        self.assertTrue(self.loaded(with_network(2)))

    def netd_process(self):
        return self.netd  # ip(8) has become it

    def test_refused_interfaces_are_in_the_record(self):
        self.machine.install(with_network(2))
        self.start_netd()
        self.ip("-n", self.namespace, "link", "add", "eth7", "type", "veth", "peer", "name", "eth8")
        self.ip("-n", self.namespace, "link", "set", "eth7", "up")
        self.ip("-n", self.namespace, "link", "set", "eth8", "up")
        eventually(lambda: "interface-refused" in self.codes(), "it is recorded")
        self.assertEqual(self.codes().count("interface-refused"), 1)
        eventually(lambda: self.machine.guard("network")["open"] == 1 and self.machine.guard("network")["blocked"] >= 1)

    def test_a_damaged_policy_keeps_it_shut(self):
        self.start_netd()
        self.machine.install(with_network(2))
        self.stop_netd()
        self.machine.stop()
        self.inside("nft", "flush", "ruleset")  # as after a restart
        store = self.machine.root / "var/lib/sekisho/policy"
        for name in ("policy.yaml", "last-good.yaml", "state.json"):
            (store / name).write_text("rubbish")
        self.start_netd()
        tables = self.inside("nft", "list", "ruleset").stdout
        self.assertIn("hook output", tables)
        self.assertNotIn("goto", tables)  # the doors are shut
        self.machine.start()
        self.assertIn("no-valid-policy", self.machine.attention())

    def test_observing_and_nothing_accepted(self):
        self.machine.stop()
        for path in (self.machine.root / "var/lib/sekisho/policy").iterdir():
            if path.is_file():
                path.unlink()
        self.start_netd()
        self.assertNotIn("sekisho", self.inside("nft", "list", "tables").stdout)  # the machine is left alone
        self.machine.start()
        eventually(self.holds)
        self.assertIn("observe", self.inside("nft", "list", "ruleset").stdout)
        self.assertNotIn("block", self.inside("nft", "list", "ruleset").stdout.replace("blocked", ""))
        self.stop_netd()
        self.assertNotIn("sekisho", self.inside("nft", "list", "tables").stdout)  # nothing stays of observing

    def test_removed(self):
        self.machine.install(with_network(2))
        self.start_netd()
        self.stop_netd()
        self.assertIn("sekisho-left", self.inside("nft", "list", "tables").stdout)
        self.inside(NETD, "--root", self.machine.root, "--remove")
        self.assertNotIn("sekisho", self.inside("nft", "list", "tables").stdout)


if __name__ == "__main__":
    fakeroot.main()
