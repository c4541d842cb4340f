#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From a week of observing to a list that holds: the agent, sekisho-netd and sekisho-netlogd in one machine. What people use goes
through and is recorded; `network learn` proposes rules from it; an admin gives the proposal its name and number and signs it;
under those rules, enforced, what was used works and nothing else leaves."""
import netlab
import netsend
from fakeroot import BUILD, AgentTest, eventually, policy
from test_netmatrix import Matrix

import os
import subprocess
import sys

CTL, NETD, NETLOGD = (BUILD / f"agent/{p}" for p in ("ctl/sekishoctl", "network/sekisho-netd", "netlog/sekisho-netlogd"))
TRUST = """sekisho-trust: 1
header: {{fleet: test, version: 1, issued: 2026-01-01T09:00:00+09:00, expires: never}}
roles: {{trust: {{threshold: 1}}, policy: {{threshold: 1}}}}
holders:
  - {{name: kacho, roles: [trust, policy], key: {}}}
"""
OBSERVE = """network:
  mode: observe
  interfaces: {allow: [eno1]}
"""


class NetLearn(AgentTest):
    def setUp(self):
        super().setUp()
        self.lab = netlab.Lab()
        self.addCleanup(self.lab.close)
        subprocess.run(["mount", "--bind", "/proc", self.machine.root / "proc"], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.machine.root / "proc"], check=False)
        self.daemons = []
        self.addCleanup(self.end)

    def end(self):
        for d in self.daemons:
            d.kill()
            d.wait()

    def daemon(self, path):
        with self.machine.log.open("ab") as log:
            self.daemons.append(self.lab.popen("terminal", path, "--root", self.machine.root, stdout=log, stderr=log))

    def ctl(self, *words):
        return subprocess.run([CTL, "--root", self.machine.root, *map(str, words)], capture_output=True, text=True, check=False)

    def trust(self):
        """From here on only what this key signed is installed."""
        self.key, file = self.machine.root / "key", self.machine.root / "trust.yaml"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        file.write_text(TRUST.format(" ".join((self.machine.root / "key.pub").read_text().split()[:2])))
        self.sign(file)
        run = self.ctl("trust", "init", file)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def sign(self, file):
        file.with_suffix(".yaml.sig").unlink(missing_ok=True)
        run = self.ctl("sign", file, "--key", self.key)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def install(self, text):
        file = self.machine.root / "next.yaml"
        file.write_text(text)
        self.sign(file)
        run = self.ctl("policy", "install", file)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        eventually(lambda: next(g for g in self.machine.call("GetStatus")["guards"] if g["name"] == "network")["holding"],
                   "the network guard holds it")

    def arrived(self, send, *arguments):
        Matrix(self.lab).warm()
        self.lab.outside.frames()
        said = self.lab.do("terminal", send, *arguments)
        return [f for f in self.lab.outside.frames() if not f.is_link_noise()], said

    def test_observe_learn_enforce(self):
        self.machine.ship(policy() + OBSERVE)
        self.machine.start()
        self.daemon(NETD)
        self.daemon(NETLOGD)
        self.trust()
        self.install(policy(serial=2) + OBSERVE)
        used = [(netsend.tcp, netlab.SERVER4, 443), (netsend.tcp, netlab.FAR4, 8443), (netsend.udp, netlab.SERVER4, 53),
                (netsend.udp, netlab.SERVER6, 53)]
        unused = [(netsend.tcp, netlab.STRANGER4, 443), (netsend.tcp, netlab.SERVER4, 80), (netsend.udp, netlab.STRANGER6, 53)]
        for what in used:
            frames, said = self.arrived(*what)
            self.assertTrue(frames, f"observing holds nothing back: {what} {said}")
        self.lab.do("stranger", netsend.udp, netlab.TERMINAL4, 161)  # somebody searches from outside

        def learned():
            return [r for r in self.machine.record() if r["metadata"]["event_code"] == "network-observed"]

        eventually(lambda: {r["unmapped"]["sekisho"]["network"]["peer"] for r in learned()} >= {
            netlab.SERVER4, netlab.FAR4, netlab.SERVER6}, "what was used is in the record")
        run = self.ctl("network", "learn")
        self.assertEqual(run.returncode, 0, run.stderr)
        proposal = run.stdout
        self.assertNotIn(netlab.STRANGER4 + "/", proposal)
        file = self.machine.root / "proposal.yaml"
        file.write_text(proposal)
        self.assertEqual(self.ctl("policy", "check", file).returncode, 0, proposal)
        # What the admin does: its network section into the policy with the next serial, enforce, and a signature.
        learned = proposal[proposal.index("network:"):]
        self.assertEqual(learned.count("  mode: observe\n"), 1, proposal)
        learned = policy(serial=3) + learned.replace("  mode: observe\n", "  mode: enforce\n")
        file = self.machine.root / "unsigned.yaml"
        file.write_text(learned)
        refused = self.ctl("policy", "install", file)
        self.assertEqual(refused.returncode, 1, "a proposal that nobody signed was installed")
        self.assertTrue(self.arrived(*unused[0])[0], "nothing is held back yet")
        self.install(learned)
        self.assertEqual((self.machine.status()["policy"]["serial"], self.machine.status()["policy"]["signed"]), (3, True))
        for what in used:
            frames, said = self.arrived(*what)
            self.assertTrue(frames, f"it was learned: {what} {said} {learned}")
        for what in unused:
            frames, said = self.arrived(*what)
            self.assertEqual(frames, [], f"{what}: {said}")
        eventually(lambda: [r for r in self.machine.record() if r["metadata"]["event_code"] == "network-blocked" and
                            r["unmapped"]["sekisho"]["network"]["peer"] == netlab.STRANGER4], "it is held back, and recorded")


if __name__ == "__main__":
    import unittest
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main()
