#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing leaves except along listed paths: every row of netrows.py, counted on the wire outside of the terminal. First
without rules, where each must arrive, or the row proves nothing; then under the network guard with the policy."""
import netlab
import netrows
from fakeroot import BUILD, eventually

import os
import pathlib
import shutil
import socket
import sys
import tempfile
import unittest

NETD = pathlib.Path(os.environ.get("SEKISHO_NETD", BUILD / "agent/network/sekisho-netd"))


class Guard:
    """sekisho-netd inside the lab's terminal, with a policy of the test's."""

    def __init__(self, lab, policy):
        self.lab = lab
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sknl-"))
        self.file, self.log = self.root / "policy.yaml", self.root / "log"
        for path in ("run/sekisho", "etc", "var/lib/sekisho"):
            (self.root / path).mkdir(parents=True)
        self.file.write_text(policy)
        self.process = None

    def start(self):
        self.log.write_text("")
        log = self.log.open("ab")
        self.process = self.lab.popen("terminal", NETD, "--root", self.root, "--policy", self.file, stdout=log, stderr=log)
        log.close()
        eventually(lambda: "ready" in self.said() or self.process.poll() is not None, "the guard is ready")
        if self.process.poll() is not None:
            raise AssertionError(f"the guard ended: {self.said()}")
        return self

    def said(self):
        return self.log.read_text(errors="replace")

    def load(self, policy):
        before = self.said().count("rules are loaded")
        self.file.write_text(policy)
        self.process.send_signal(1)
        eventually(lambda: self.said().count("rules are loaded") > before, "the guard has loaded the policy")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.root)


class Matrix:
    """Rows, sent; what arrived."""

    def __init__(self, lab):
        self.lab = lab

    def warm(self):
        """Neighbours are known on both sides, so that a row is not about asking for them."""
        for host in ("server", "stranger", "router"):
            four, six = {"server": (netlab.SERVER4, netlab.SERVER6), "stranger": (netlab.STRANGER4, netlab.STRANGER6),
                         "router": (netlab.ROUTER4, netlab.ROUTER6)}[host]
            self.lab.ip("terminal", *(f"neigh replace {a} lladdr {netlab.MACS[host]} nud permanent dev eno1" for a in (four, six)))
            self.lab.ip(host, *(f"neigh replace {a} lladdr {netlab.MACS['terminal']} nud permanent dev eth0"
                                for a in (netlab.TERMINAL4, netlab.TERMINAL6)))

    def send(self, row):
        """(what the sender said, what arrived beyond the link's own noise)"""
        capture = self.lab.outside2 if row.second else self.lab.outside
        if row.setup or row.undo or row.second:  # else there was nothing since the row before
            for line in row.setup:
                self.lab.sh("terminal", line)
            capture.frames()
        said = self.lab.do("terminal", row.send, *row.arguments)
        found = capture.frames()
        for line in row.undo:
            self.lab.sh("terminal", line)
        return said, [f for f in found if row.is_cargo(f)]


class NetMatrix(unittest.TestCase):
    def setUp(self):
        self.lab = netlab.Lab()
        self.addCleanup(self.lab.close)
        self.matrix = Matrix(self.lab)

    def guard(self, policy=None):
        self.policy = Guard(self.lab, policy or netrows.policy())
        self.addCleanup(self.policy.close)
        return self.policy.start()

    def test_without_rules_everything_arrives(self):
        self.matrix.warm()
        for group, row in netrows.every():
            with self.subTest(group=group, row=row.name):
                said, found = self.matrix.send(row)
                if row.bare:
                    self.assertTrue(found, f"nothing arrived, so the row proves nothing; the sender said: {said}")

    def test_with_rules_only_what_is_listed_arrives(self):
        self.guard()
        self.matrix.warm()
        for group, row in netrows.every():
            if group == "interfaces":
                self.matrix.warm()
            with self.subTest(group=group, row=row.name):
                said, found = self.matrix.send(row)
                if row.allowed:
                    self.assertTrue(found, f"it is listed; the sender said: {said}")
                else:
                    self.assertLessEqual(len(found), row.limit, f"arrived: {found[:5]}; the sender said: {said}")


    # ---- what is listed works, to the end ----

    SERVER = """
import select, socket
tcp = [socket.create_server(('::', p), family=socket.AF_INET6, dualstack_ipv6=True) for p in (443, 8443)]
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(('::', 5000))
while True:
    for s in select.select([*tcp, udp], [], [])[0]:
        if s is udp:
            data, peer = s.recvfrom(65536)
            s.sendto(data, peer)
        else:
            c, _ = s.accept()
            c.settimeout(5)
            c.sendall(c.recv(65536)[::-1])
            c.close()
"""

    def serve(self, *hosts):
        for host in hosts:
            p = self.lab.popen(host, "/usr/bin/python3", "-c", self.SERVER)
            self.addCleanup(p.wait)
            self.addCleanup(p.kill)
        ready = "ss -Hlnt 'sport = 443' | grep -q 443"
        for host in hosts:
            eventually(lambda h=host: self.lab.sh(h, ready, check=False).returncode == 0, f"{host} listens")

    def test_what_is_listed_works_to_the_end(self):
        self.serve("server", "far")
        self.guard()

        def ask(address, port, udp=False, size=20, patience=10):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as s:
                s.settimeout(patience)
                s.connect((address, port))
                s.sendall(b"q" * size)
                if s.recv(65536) != b"q" * size:
                    raise AssertionError("another answer")

        for what in ((netlab.SERVER4, 443), (netlab.SERVER6, 443), (netlab.FAR4, 8443), (netlab.FAR6, 8443),
                     (netlab.SERVER4, 5000, True), (netlab.SERVER6, 5000, True), (netlab.SERVER4, 5000, True, 9000),
                     (netlab.SERVER6, 5000, True, 9000)):
            with self.subTest(what):
                self.assertEqual(self.lab.do("terminal", ask, *what), "")
        for what in ((netlab.SERVER4, 8443), (netlab.FAR4, 443), (netlab.FAR6, 443), (netlab.FAR4, 5000, True)):
            with self.subTest(what):
                self.assertNotEqual(self.lab.do("terminal", ask, *what, *(False, 20)[len(what) - 2:], 1), "")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main()
