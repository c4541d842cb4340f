#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl inspect, what is the kernel's own word of the network: it needs a network of its own instead of a fake root, the real
sekisho-netd in a namespace, and the policy where the machine has it."""

import json
import os
import subprocess
import sys
import unittest

import netlab
import netrows
from ctl_fixture import CTL
from test_netmatrix import Guard


class NetworkRules(unittest.TestCase):
    def setUp(self):
        self.lab = netlab.Lab()
        self.addCleanup(self.lab.close)
        self.guard = Guard(self.lab, netrows.policy())
        self.addCleanup(self.guard.close)

    def inspect(self, item="network-rules"):
        script = (f"mount -t tmpfs none /var/lib && mkdir -p /var/lib/sekisho/policy && "
                  f"cp {self.guard.file} /var/lib/sekisho/policy/policy.yaml && exec {CTL} inspect --json")
        done = subprocess.run(["ip", "netns", "exec", self.lab.ns("terminal"), "unshare", "-m", "sh", "-c", script],
                              capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        return next((i["result"], "\n".join(i["evidence"])) for i in json.loads(done.stdout)["items"] if i["id"] == item)

    def test_what_is_loaded(self):
        result, evidence = self.inspect()
        self.assertEqual(result, "no")
        self.assertIn("no network rules", evidence)
        self.guard.start()
        self.assertEqual(self.inspect(), ("yes", "What is loaded is what the policy says."))
        self.guard.file.write_text(netrows.policy().replace("ports: [443]", "ports: [444]"))  # not loaded
        result, evidence = self.inspect()
        self.assertEqual(result, "no")
        self.assertIn("missing", evidence)

    def neighbour(self, address, mac):
        self.lab.ip("terminal", f"neigh replace {address} lladdr {netlab.MACS[mac]} nud permanent dev eno1")

    def test_next_hops(self):
        """IPv4 and IPv6, hosts on the link and behind a router, as the kernel has them."""
        self.lab.ip("terminal", "neigh flush all")
        result, evidence = self.inspect("next-hops")
        self.assertEqual(result, "unknown", evidence)
        self.assertIn(f"Rule web, {netlab.SERVER6}/128: cannot be compared: the kernel knows no MAC address", evidence)
        hosts = ((netlab.SERVER4, "server"), (netlab.SERVER6, "server"), (netlab.ROUTER4, "router"), (netlab.ROUTER6, "router"))
        for address, mac in hosts:
            self.neighbour(address, mac)
        result, evidence = self.inspect("next-hops")
        self.assertEqual((result, evidence), ("yes", "Next hops that were compared: 9; each has a MAC address that the policy lists"))
        for address, mac in hosts:
            with self.subTest(address):
                self.neighbour(address, "stranger")
                result, evidence = self.inspect("next-hops")
                self.assertEqual(result, "no", evidence)
                self.assertIn(f"{address} is reached at {netlab.MACS['stranger']}", evidence)
                self.neighbour(address, mac)
        self.lab.sh("terminal", "ip -6 route flush table main")
        result, evidence = self.inspect("next-hops")
        self.assertIn("2001:db8:88::/48: cannot be compared: no one route leads there", evidence)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root: namespaces")
        sys.exit(77)
    unittest.main(verbosity=2)
