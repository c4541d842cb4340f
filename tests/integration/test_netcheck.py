#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`network check` sees every difference between the policy and what is loaded, and `policy explain --connect` says which layer
holds a connection. Rules are altered by hand in the copy that sekisho-netd leaves when it is stopped, which nobody owns."""
import netlab
import netrows
import netsend
from fakeroot import BUILD
from test_netmatrix import Guard, Matrix

import json
import os
import subprocess
import sys
import unittest

CTL = BUILD / "agent/ctl/sekishoctl"
TABLE = "sekisho-left"


def ctl(lab, *words):
    return subprocess.run(["ip", "netns", "exec", lab.ns("terminal"), CTL, *map(str, words)], capture_output=True, text=True,
                          check=False)


class NetCheck(unittest.TestCase):
    def setUp(self):
        self.lab = netlab.Lab()
        self.addCleanup(self.lab.close)
        self.guard = Guard(self.lab, netrows.policy())
        self.addCleanup(self.guard.close)

    def check(self, file=None):
        run = ctl(self.lab, "network", "check", file or self.guard.file, "--json")
        answer = json.loads(run.stdout)
        self.assertEqual(run.returncode, 0 if answer["agrees"] else 1, run.stderr)
        return [(f["fault"], f["detail"]) for f in answer["faults"]]

    def test_what_the_guard_loads_agrees(self):
        self.assertEqual(self.check(), [("not-loaded", "")])
        self.guard.start()
        self.assertEqual(self.check(), [])
        self.assertIn("is what the policy says", ctl(self.lab, "network", "check", self.guard.file).stdout)
        # another policy is another meaning; the same one in other words is not
        other = self.guard.root / "other.yaml"
        other.write_text(netrows.policy().replace("ports: [443]", "ports: [444]"))
        faults = self.check(other)
        self.assertTrue({"missing", "foreign"} <= {f for f, _ in faults}, faults)
        other.write_text(netrows.policy(serial=99).replace("id: web", "id: www").replace("ports: [53, 5000]", "ports: [5000, 53]"))
        self.assertEqual(self.check(other), [])

    def test_an_interface_that_is_up(self):
        self.guard.start()
        self.guard.kill()  # nobody puts it down any more; the rules went with it
        self.guard.start()
        os.kill(self.guard.process.pid, 19)
        try:
            self.lab.sh("terminal", "ip link set eno2 up")
            self.assertIn(("interface-up", "eno2"), self.check())
        finally:
            os.kill(self.guard.process.pid, 18)

    def test_many_interfaces_at_the_start(self):
        """More than the kernel tells of in one message: each is put down and guarded, and none is said not to be."""
        names = [f"m{i}{end}" for i in range(60) for end in "ab"]
        self.lab.ip("terminal", *(f"link add m{i}a type veth peer name m{i}b" for i in range(60)), *(f"link set {n} up" for n in names))
        self.guard.start()
        self.assertEqual(self.check(), [])
        self.assertNotIn("not-held", self.guard.said())
        self.assertIn("interface-refused: m59b", self.guard.said())

    def test_each_alteration_by_hand_is_seen(self):
        self.guard.start()
        self.guard.process.terminate()
        self.assertEqual(self.guard.process.wait(20), 0)
        self.assertEqual(self.check(), [("left-behind", "")])
        saved = self.lab.sh("terminal", "nft -a list ruleset").stdout

        def handle(needle, table=None, after=0):
            """Of the first line with needle that is a rule."""
            for line in saved.splitlines()[after:]:
                if needle in line and "# handle" in line:
                    return line.rsplit(" ", 1)[1]
            raise AssertionError(f"no rule with {needle}")

        def name(prefix, table):
            block = saved[saved.index(f"table {table} {TABLE}"):]
            for line in block.splitlines():
                words = line.split()
                if len(words) > 1 and words[0] in ("chain", "map", "set") and words[1].startswith(prefix):
                    return words[1]
            raise AssertionError(f"nothing begins with {prefix}")

        t4, out4, service = name("to4", "inet"), name("output4", "inet"), name("to-service0", "inet")
        rows = [  # what is done
            ("a rule that accepts everything, first", f"insert rule inet {TABLE} output accept"),
            ("a rule that accepts everything, in a chain behind", f"insert rule inet {TABLE} {out4} accept"),
            ("a rule at the end", f"add rule inet {TABLE} {out4} counter"),
            ("an accept for one port more", f"add rule inet {TABLE} {service} tcp dport 22 accept"),
            ("a rule less", f"delete rule inet {TABLE} {service} handle " + handle("tcp dport 443")),
            ("another port in a rule", f"replace rule inet {TABLE} {service} handle " + handle("tcp dport 443") +
             " oif != 0 tcp dport 444 accept"),
            ("a chain emptied", f"flush chain inet {TABLE} {service}"),
            ("the final drop of the chain taken away", f"flush chain inet {TABLE} output"),
            ("an address less", f"delete element inet {TABLE} {t4} {{ 10.77.0.2 }}"),
            ("an address more", f"add element inet {TABLE} {t4} {{ 10.99.0.0/16 : jump {service} }}"),
            ("the door shut", f"flush map inet {TABLE} output"),
            ("an interface more", f"add element inet {TABLE} interfaces {{ \"eno2\" }}"),
            ("an interface less", f"flush set inet {TABLE} interfaces"),
            ("the policy of a chain", f"chain inet {TABLE} output {{ policy accept; }}"),
            ("the frames' rules accept", f"insert rule netdev {TABLE} " + name("egress4", "netdev") + " accept"),
            ("a chain of an interface emptied", f"flush chain netdev {TABLE} " + name("egress-", "netdev")),
            ("ARP from anywhere", f"insert rule arp {TABLE} output accept"),
            ("a table less", f"delete table arp {TABLE}"),
            ("the table of frames less", f"delete table netdev {TABLE}"),
            ("a chain more", f"add chain inet {TABLE} mine {{ type filter hook output priority -5; }}"),
            ("a set more", f"add set inet {TABLE} mine {{ type ipv4_addr; }}"),
        ]
        whole = self.lab.sh("terminal", "nft list ruleset").stdout
        for what, command in rows:
            with self.subTest(what):
                done = self.lab.sh("terminal", f"nft '{command}'", check=False)
                self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
                faults = [f for f in self.check() if f[0] != "left-behind"]
                self.assertTrue(faults, f"{command} was not seen")
                self.assertTrue(all(detail for _, detail in faults), faults)
            # back to what it was: the guard makes it anew
            self.lab.sh("terminal", "nft flush ruleset")
            self.guard.start()
            self.guard.process.terminate()
            self.guard.process.wait(20)
            saved = self.lab.sh("terminal", "nft -a list ruleset").stdout
            self.assertEqual(self.lab.sh("terminal", "nft list ruleset").stdout.count("chain"), whole.count("chain"))
            self.assertEqual(self.check(), [("left-behind", "")])

    def test_explain(self):
        rows = [  # question, exit status, action, reason, layer, rule
            (("tcp:10.77.0.2:443",), 1, "default", "egress", None),
            (("tcp:10.77.0.2:443", "--next-hop", netlab.MACS["server"]), 0, "rule", None, "web"),
            (("tcp:10.77.0.2:443", "--next-hop", netlab.MACS["stranger"]), 1, "default", "egress", None),
            (("tcp:10.77.0.2:443", "--next-hop", netlab.MACS["server"], "--interface", "eno1"), 0, "rule", None, "web"),
            (("tcp:10.77.0.2:443", "--next-hop", netlab.MACS["server"], "--interface", "eno2"), 1, "interface-not-listed",
             "interface", None),
            (("tcp:10.77.0.2:444", "--next-hop", netlab.MACS["server"]), 1, "default", "inet", None),
            (("tcp:10.77.0.3:443",), 1, "default", "inet", None),
            (("tcp:[2001:db8:88::5]:8450", "--next-hop", netlab.MACS["router"]), 0, "rule", None, "far"),
            (("in:tcp:10.77.0.2:22",), 0, "rule", None, "ssh"),
            (("in:tcp:10.77.0.3:22",), 1, "default", "inet", None),
            (("in:tcp:10.77.0.2:22", "--interface", "eno2"), 1, "interface-not-listed", "interface", None),
            (("tcp:127.0.0.1:631",), 0, "loopback", None, None),
            (("udp:[::1]:53",), 0, "loopback", None, None),
        ]
        for question, status, reason, layer, rule in rows:
            with self.subTest(question):
                words = ["policy", "explain", self.guard.file, "--connect", *question]
                run = ctl(self.lab, *words, "--json")
                answer = json.loads(run.stdout)
                self.assertEqual((run.returncode, answer["reason"], answer["layer"], answer["rule"]),
                                 (status, reason, layer, rule), run.stderr)
                self.assertEqual(answer["action"], "allow" if status == 0 else "block")
        said = ctl(self.lab, "policy", "explain", self.guard.file, "--connect", "tcp:10.77.0.2:443").stdout
        self.assertIn("Held back: where frames leave", said)
        self.assertIn(f"Rule web lets it pass by these next hops: {netlab.MACS['server']}", said)
        self.assertEqual(ctl(self.lab, "policy", "explain", self.guard.file, "--login", "a:b", "--interface", "eno1").returncode, 2)

    def test_what_is_explained_is_what_happens(self):
        """Each of these is asked about, and sent: it arrives where the answer is that it may."""
        self.guard.start()
        Matrix(self.lab).warm()
        ways = [("tcp", netsend.tcp, port) for port in (22, 443, 444, 8442, 8443, 8450, 8451)]
        ways += [("udp", netsend.udp, port) for port in (53, 54, 443, 5000)]
        hosts = ((netlab.SERVER4, "server"), (netlab.SERVER6, "server"), (netlab.STRANGER4, "stranger"),
                 (netlab.STRANGER6, "stranger"), (netlab.FAR4, "router"), (netlab.FAR6, "router"))
        answers = set()
        for address, hop in hosts:
            for protocol, send, port in ways:
                with self.subTest(f"{protocol} {address} {port}"):
                    connection = f"{protocol}:[{address}]:{port}" if ":" in address else f"{protocol}:{address}:{port}"
                    run = ctl(self.lab, "policy", "explain", self.guard.file, "--connect", connection, "--next-hop",
                              netlab.MACS[hop], "--interface", "eno1")
                    said = self.lab.do("terminal", send, address, port)
                    arrived = [f for f in self.lab.outside.frames() if not f.is_link_noise()]
                    self.assertEqual(bool(arrived), run.returncode == 0, f"{run.stdout}{run.stderr}; the sender said: {said}")
                    answers.add(run.returncode)
        self.assertEqual(answers, {0, 1})


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main()
