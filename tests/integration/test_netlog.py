#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the network rules hold back, in the record: the real sekishod and sekisho-netlogd, packets that were really sent, and
rules that log as the network guard's do (agent/network/names.h). How often something was held back is compared with the
kernel's own counters."""
import netlab
import netsend
from fakeroot import BUILD, SOURCE, AgentTest, eventually, policy

import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time

WATCHER = BUILD / "agent/netlog/sekisho-netlogd"
CTL = BUILD / "agent/ctl/sekishoctl"
NAMES = (SOURCE / "agent/network/names.h").read_text()
GROUP = int(re.search(r"NETWORK_LOG_GROUP +(\d+)", NAMES)[1])
BYTES = int(re.search(r"NETWORK_LOG_BYTES +(\d+)", NAMES)[1])

NETWORK = """network:
  mode: {mode}
  interfaces: {{allow: [eno1]}}
  rules:
    - {{id: web, to: [10.77.0.2/32], protocol: tcp, ports: [443], next-hop: [02:77:00:00:00:02]}}
"""

RULES = f"""
table inet t {{
  counter out {{}}
  counter in {{}}
  chain output {{ type filter hook output priority 0;
    oif lo accept
    ip6 daddr ff02::/16 accept
    udp dport 9999 accept
    meta mark 7 log group {GROUP} snaplen {BYTES} prefix "sekisho inet out observe" accept
    ip daddr 10.77.0.33 counter name out log group {GROUP} snaplen {BYTES} prefix "sekisho inet out observe" accept
    counter name out log group {GROUP} snaplen {BYTES} prefix "sekisho inet out block" drop; }}
  chain input {{ type filter hook input priority 0;
    iif lo accept
    counter name in log group {GROUP} snaplen {BYTES} prefix "sekisho inet in block" drop; }}
}}
table netdev t {{
  chain egress {{ type filter hook egress device eno1 priority 0;
    ether type != {{ ip, ip6, arp }} log group {GROUP} snaplen {BYTES} prefix "sekisho egress out block" drop
    udp dport 9999 log group {GROUP} snaplen {BYTES} prefix "sekisho egress out block" drop; }}
}}
"""
SILENCE = f"""
table arp t {{
  chain output {{ type filter hook output priority 0;
    arp operation reply log group {GROUP} snaplen {BYTES} prefix "sekisho arp out block" drop; }}
}}
"""


def send_many(n, port, addresses=1):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(n):
        try:
            s.sendto(netsend.TAG, (f"10.{100 + i % addresses // 65536}.{i % addresses // 256 % 256}.{i % addresses % 256}", port))
        except PermissionError:
            pass  # the rule says no


class Netlog(AgentTest):
    def setUp(self):
        super().setUp()
        self.lab = netlab.Lab()
        self.addCleanup(self.lab.close)
        self.watcher = None
        self.addCleanup(self.end_watcher)
        subprocess.run(["mount", "--bind", "/proc", self.machine.root / "proc"], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.machine.root / "proc"], check=False)
        self.machine.ship(policy() + NETWORK.format(mode="enforce"))
        self.lab.sh("terminal", "nft -f -", input=RULES)

    def end_watcher(self):
        if self.watcher:
            self.watcher.kill()
            self.watcher.wait()

    def watch(self, agent=True):
        if agent:
            self.machine.start()
        with self.machine.log.open("ab") as log:
            self.watcher = self.lab.popen("terminal", WATCHER, "--root", self.machine.root, stdout=log, stderr=log)
        eventually(lambda: self.lab.sh("terminal", f"grep -c '^ *{GROUP} ' /proc/net/netfilter/nfnetlink_log",
                                       check=False).stdout.strip() == "1", "the watcher listens")

    def records(self, **wanted):
        found = [r for r in self.machine.record() if r["class_uid"] == 4001]
        own = [(r, r["unmapped"]["sekisho"]["network"]) for r in found]
        return [(r, n) for r, n in own if all(n[k] == v for k, v in wanted.items())]

    def one(self, **wanted):
        return eventually(lambda: self.records(**wanted), f"a record of {wanted}")[0]

    def counter(self, name):
        out = self.lab.sh("terminal", f"nft -j list counter inet t {name}").stdout
        return json.loads(out)["nftables"][1]["counter"]["packets"]

    # ---- who, what, where ----

    def test_user_program_destination_and_port(self):
        self.watch()
        nobody = pwd.getpwnam("nobody").pw_uid
        line = "import socket; s=socket.socket(); s.settimeout(2); s.connect(('10.77.0.3', 443))"
        child = self.lab.popen("terminal", "setpriv", "--reuid", nobody, "--clear-groups", "/usr/bin/python3", "-c", line,
                               stderr=subprocess.DEVNULL)
        event, n = self.one(peer="10.77.0.3")
        self.assertEqual((n["protocol"], n["port"], n["direction"], n["layer"], n["interface"], n["count"]),
                         ("tcp", 443, "out", "inet", "eno1", 1))
        self.assertEqual(n["uid"], nobody)
        self.assertEqual((n["program"], n["pid"]), (os.path.realpath("/usr/bin/python3"), child.pid))
        self.assertEqual(n["own"], netlab.TERMINAL4)
        self.assertEqual((event["metadata"]["event_code"], event["action"], event["disposition"]),
                         ("network-blocked", "Denied", "Blocked"))
        own = event["unmapped"]["sekisho"]
        self.assertEqual((own["rule"], own["reason"], own["enforce"]), (None, "default", True))
        child.kill()
        child.wait()

    def test_each_protocol(self):
        self.watch()
        rows = [  # what is sent, what the record says of it
            ((netsend.udp, "10.77.0.3", 53), dict(protocol="udp", peer="10.77.0.3", port=53)),
            ((netsend.udp, "2001:db8:77::3", 53), dict(protocol="udp", peer="2001:db8:77::3", port=53)),
            ((netsend.raw, "10.77.0.3", 1, b"", 0), dict(protocol="icmp", peer="10.77.0.3", type=8, port=None)),
            ((netsend.raw, "2001:db8:77::3", 58, b"", 0), dict(protocol="icmpv6", peer="2001:db8:77::3", type=128)),
            ((netsend.raw, "10.77.0.3", 132, b"", 9), dict(protocol="sctp", peer="10.77.0.3", port=9)),
            ((netsend.raw, "10.77.0.3", 47), dict(protocol="protocol 47", peer="10.77.0.3", port=None)),
            ((netsend.raw_header, netsend.ipv4("10.77.0.3", 17, b"rest", offset=800), "10.77.0.3"),
             dict(protocol="udp", peer="10.77.0.3", port=None)),
            ((netsend.raw_header, netsend.ipv6("2001:db8:77::3", 60, netsend.extension(17, b"x" * 12) +
                                               netsend.transport(17, "2001:db8:77::3", 77)), "2001:db8:77::3"),
             dict(protocol="udp", peer="2001:db8:77::3", port=77)),
            ((netsend.frame, netsend.ethernet("server", 0x88CC, b"lldp")),
             dict(protocol="frames of type 0x88cc", layer="egress", mac="02:77:00:00:00:02", peer=None)),
            ((netsend.udp, "10.77.0.2", 9999),
             dict(protocol="udp", layer="egress", peer="10.77.0.2", port=9999, mac="02:77:00:00:00:02")),
            ((netsend.frame_dgram, "stranger", 0x0800, netsend.packet_for("10.77.0.2", port=9999)),
             dict(protocol="udp", layer="egress", mac="02:77:00:00:00:03", peer="10.77.0.2")),
        ]
        for what, wanted in rows:
            with self.subTest(what[0].__name__, **wanted):
                self.lab.do("terminal", *what)
                _, n = self.one(direction="out", **wanted)
                self.assertEqual((n["uid"], n["count"]), (0, 1))
        # The neighbour asks for us, and we do not answer.
        self.lab.sh("terminal", "nft -f -", input=SILENCE)
        self.lab.ip("server", "neigh flush all")
        self.lab.do("server", netsend.udp, netlab.TERMINAL4, 7)
        _, n = self.one(protocol="arp")
        self.assertEqual((n["layer"], n["peer"]), ("arp", "10.77.0.2"))

    def test_from_outside(self):
        self.watch()
        self.lab.do("stranger", netsend.udp, netlab.TERMINAL4, 22)
        event, n = self.one(direction="in")
        self.assertEqual((n["peer"], n["port"], n["mac"], n["uid"]), ("10.77.0.3", 22, "02:77:00:00:00:03", None))
        self.assertFalse(event["is_alert"])

    def test_observed(self):
        self.watch()
        self.lab.do("terminal", netsend.udp, "10.77.0.33", 99)
        event, _ = self.one(peer="10.77.0.33")
        self.assertEqual((event["metadata"]["event_code"], event["action"]), ("network-observed", "Observed"))
        self.assertFalse(event["unmapped"]["sekisho"]["enforce"])

    def test_another_prefix_is_not_ours(self):
        self.watch()
        self.lab.sh("terminal", f"nft insert rule inet t output ip daddr 10.77.0.44 log group {GROUP} prefix '\"else\"' drop")
        self.lab.do("terminal", netsend.udp, "10.77.0.44", 99)
        self.lab.do("terminal", netsend.udp, "10.77.0.3", 99)
        self.one(peer="10.77.0.3")
        self.assertEqual(self.records(peer="10.77.0.44"), [])

    # ---- how often ----

    def test_every_packet_is_counted_and_few_records_are_written(self):
        self.watch()
        self.lab.do("terminal", send_many, 20000, 1234)
        self.lab.do("terminal", send_many, 3000, 1235, 3000)  # each to another address
        self.watcher.terminate()  # what was counted is told
        self.assertEqual(self.watcher.wait(20), 0)
        sent = self.counter("out")
        self.assertGreaterEqual(sent, 23000)
        records = self.records(direction="out")
        kinds = {k: sum(n["count"] for _, n in records if n["kind"] == k) for k in ("flow", "storm", "lost")}
        self.assertEqual(sum(kinds.values()), sent, kinds)
        self.assertGreater(kinds["storm"], 2000)
        storm = next(r for r, n in records if n["kind"] == "storm")
        self.assertEqual(storm["metadata"]["event_code"], "network-storm")
        self.assertLess(len(records), 64 + 40)
        one = [n for _, n in records if n["port"] == 1234]
        self.assertEqual((one[0]["count"], sum(n["count"] for n in one)), (1, 20000))
        self.assertEqual(self.machine.call("GetStatus")["network"]["blocked"] + kinds["lost"], sent)

    def test_a_scan_from_outside_does_not_hide_what_goes_out(self):
        self.watch()

        def scan():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for port in range(1, 5000):
                s.sendto(b"", (netlab.TERMINAL4, port))
        self.lab.do("stranger", scan)
        self.lab.do("terminal", netsend.udp, "10.77.0.3", 53)
        self.one(direction="out", peer="10.77.0.3")
        self.one(direction="in", kind="storm")

    # ---- when something is missing ----

    def test_without_the_agent_it_is_kept(self):
        self.watch()
        self.machine.kill()
        self.lab.do("terminal", netsend.udp, "10.77.0.3", 53)
        time.sleep(0.3)
        self.machine.start()
        self.one(peer="10.77.0.3", port=53)

    def test_only_one_watches(self):
        self.watch()
        second = self.lab.popen("terminal", WATCHER, "--root", self.machine.root, stderr=subprocess.PIPE)
        _, said = second.communicate(timeout=20)
        self.assertEqual(second.returncode, 1)
        self.assertIn(b"packet log", said)

    def test_it_cannot_change_a_rule(self):
        self.watch()
        status = open(f"/proc/{self.watcher.pid}/status", encoding="ascii").read()
        for line in ("CapEff", "CapPrm", "CapBnd"):
            mask = int(re.search(rf"{line}:\s+([0-9a-f]+)", status)[1], 16)
            self.assertEqual(mask, 1 << 2 | 1 << 19, f"{line}: {mask:x}")  # DAC_READ_SEARCH, SYS_PTRACE

    # ---- learned ----

    def learn(self, *options):
        run = subprocess.run([CTL, "--root", self.machine.root, "network", "learn", *options], capture_output=True, text=True)
        return run.returncode, run.stdout, run.stderr

    def test_learn_proposes_what_was_observed(self):
        self.watch()
        for host in ("10.77.0.2", "10.77.0.3", "10.77.0.33"):
            for port in (443, 444, 445):
                self.lab.do("terminal", netsend.udp, host, port, netsend.TAG, None, False, 7)
        self.lab.do("terminal", netsend.udp, "10.77.0.3", 53)  # held back: not learned
        self.lab.do("router", netsend.udp, netlab.TERMINAL4, 161)
        eventually(lambda: len(self.records()) >= 11, "eleven records")
        status, text, said = self.learn()
        self.assertEqual((status, said), (0, ""))
        file = self.machine.root / "proposal.yaml"
        file.write_text(text)
        check = subprocess.run([CTL, "policy", "check", file], capture_output=True, text=True)
        self.assertEqual((check.returncode, check.stdout.count("error")), (0, 0), check.stdout + check.stderr + text)
        rows = [("udp:10.77.0.2:443", 0), ("udp:10.77.0.33:445", 0), ("udp:10.77.0.3:444", 0), ("udp:10.77.0.3:53", 1),
                ("udp:10.77.0.2:446", 1), ("udp:10.77.0.4:443", 1), ("tcp:10.77.0.2:443", 1)]
        for connection, wanted in rows:
            explain = subprocess.run([CTL, "policy", "explain", file, "--connect", connection], capture_output=True, text=True)
            self.assertEqual(explain.returncode, wanted, f"{connection}: {explain.stdout} {text}")
        self.assertIn("allow: [\"eno1\"]", text)
        self.assertIn("ports: [443-445]", text)
        self.assertIn("not proposed: from outside", text)
        _, text, _ = self.learn("--json")
        proposal = json.loads(text)
        self.assertEqual([(r["protocol"], r["ports"], r["hosts"]) for r in proposal["rules"]], [("udp", [[443, 445]], 3)])
        self.assertEqual({f["why"] for f in proposal["not_proposed"]}, {"inbound", "answer"})

    def test_learn_from_what_was_held_back(self):
        self.watch()
        self.lab.do("terminal", netsend.udp, "10.77.0.3", 53)
        self.one(peer="10.77.0.3")
        status, text, said = self.learn()
        self.assertEqual((status, text), (1, ""))
        self.assertIn("--blocked", said)
        status, text, _ = self.learn("--blocked")
        self.assertEqual(status, 0)
        self.assertIn('to: ["10.77.0.3/32"]', text)
        self.assertEqual(self.learn("--blocked", "--since", "2026-01-01T00:00:00+09:00")[0], 0)
        self.assertEqual(self.learn("--blocked", "--since", "2126-01-01T00:00:00+09:00")[0], 1)
        self.assertEqual(self.learn("--since", "yesterday")[0], 2)

    # ---- shown ----

    def test_watch_and_status(self):
        self.watch()
        events = self.machine.client()
        events.send("Watch", more=True)
        watch = subprocess.Popen([CTL, "--root", self.machine.root, "watch"], stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        self.lab.do("terminal", netsend.udp, "10.77.0.3", 53)
        event = events.receive()
        while event["event"] != "blocked":
            event = events.receive()
        c = event["connection"]
        self.assertEqual((c["peer"], c["port"], c["protocol"], c["uid"], c["count"], c["observed"], c["reason"]),
                         ("10.77.0.3", 53, "udp", 0, 1, False, "default"))
        events.close()
        line = watch.stdout.readline()
        while "10.77.0.3" not in line:
            line = watch.stdout.readline()
        self.assertIn("udp out to 10.77.0.3 port 53", line)
        watch.kill()
        watch.communicate()
        out = subprocess.run([CTL, "--root", self.machine.root, "status"], capture_output=True, text=True).stdout
        self.assertIn("packets held back: 1", out)
        shown = subprocess.run([CTL, "--root", self.machine.root, "audit", "tail"], capture_output=True, text=True).stdout
        self.assertIn("udp out to 10.77.0.3 port 53", shown)


if __name__ == "__main__":
    import unittest
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main()
