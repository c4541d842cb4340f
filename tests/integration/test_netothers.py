#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Other programs that make rules and links, in the lab's terminal beside the network guard: firewalld, nftables.service,
ifupdown and Docker. Each does what it is made for, and opens no hole; each twin shows that it would without the guard."""
import netlab
from fakeroot import eventually
from test_netguard import FIRST, LISTED, FORBIDDEN, Keeper, Sender, policy, udp_port

import configparser
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={0}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy></busconfig>
"""
# One that is listed, and one that asks whoever is there for an address.
INTERFACES = f"""auto eno1
iface eno1 inet static
  address {netlab.TERMINAL4}/24
auto eno2
iface eno2 inet static
  address 10.99.0.1/24
  up bash -c 'echo x >/dev/udp/10.99.0.2/67' || true
"""
# `ip netns exec` has a /sys of its own.
CGROUPS = """mount -t cgroup2 none /sys/fs/cgroup || { mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/devices &&
mount -t cgroup -o devices none /sys/fs/cgroup/devices; }
exec dockerd "$@"
"""


class Others(unittest.TestCase):
    def setUp(self):
        self.lab = netlab.Lab("skno")
        self.addCleanup(self.lab.close)
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="skno-"))
        self.addCleanup(shutil.rmtree, self.top, True)
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.top}/bus", "LC_ALL": "C"}
        self.warm()

    def warm(self):
        for host in ("server", "stranger", "router"):
            for family in ("4", "6"):
                self.lab.ip("terminal", f"neigh replace {getattr(netlab, host.upper() + family)} lladdr {netlab.MACS[host]} "
                                        "nud permanent dev eno1")

    def guard(self):
        k = Keeper(self.lab, policy(FIRST)).start()
        self.addCleanup(k.close)
        return k

    def run_beside(self, *words):
        """In the terminal; ended with the test."""
        with (self.top / "log").open("ab") as log:
            p = subprocess.Popen(["ip", "netns", "exec", self.lab.ns("terminal"), *map(str, words)], env=self.environment,
                                 stdout=log, stderr=log)

        def end():
            p.terminate()
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.addCleanup(end)
        return p, end

    def here(self, *words, check=True):
        done = subprocess.run(["ip", "netns", "exec", self.lab.ns("terminal"), *map(str, words)], env=self.environment,
                              capture_output=True, text=True, timeout=60, check=False)
        if check and done.returncode:
            raise AssertionError(f"{words}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def expect_tight(self, what, at_least=5):
        found = [f for f in self.lab.outside.frames() if not f.is_link_noise()]
        self.assertEqual([f for f in found if (f.ip_destination, udp_port(f)) != (netlab.SERVER4, LISTED)], [], what)
        self.assertGreaterEqual(len(found), at_least, f"{what}: the listed way is not open")
        self.assertEqual([f for f in self.lab.outside2.frames() if not f.is_link_noise()], [], what)

    def expect_open(self, what):
        """The twin: without the guard it does get out."""
        self.lab.outside.frames()
        with Sender(self.lab, *FORBIDDEN, pause=0.01):
            time.sleep(0.3)
        self.assertTrue({(f.ip_destination, udp_port(f)) for f in self.lab.outside.frames()} & set(FORBIDDEN), what)

    def senders(self):
        return Sender(self.lab, *FORBIDDEN, (netlab.SERVER4, LISTED), pause=0.002)

    # ---- firewalld ----

    def firewalld(self):
        configuration = self.top / "firewalld"
        shutil.copytree("/etc/firewalld", configuration, dirs_exist_ok=True)
        p, end = self.run_beside("firewalld", "--nofork", "--nopid", "--system-config", configuration)
        eventually(lambda: self.here("firewall-cmd", "--state", check=False) == "running\n" or p.poll() is not None,
                   "firewalld runs", 60)
        self.assertIsNone(p.poll(), (self.top / "log").read_text())
        return end

    def test_firewalld(self):
        (self.top / "bus.conf").write_text(BUS.format(self.top))
        self.run_beside("dbus-daemon", "--config-file", self.top / "bus.conf", "--nofork", "--nopidfile")
        eventually((self.top / "bus").exists, "the bus is there")
        end = self.firewalld()
        self.assertIn("firewalld", self.here("nft", "list", "tables"))
        self.expect_open("firewalld lets it out")
        end()

        k = self.guard()
        with self.senders():
            end = self.firewalld()
            self.here("firewall-cmd", "--zone=trusted", "--change-interface=eno1")
            self.here("firewall-cmd", "--zone=trusted", "--change-interface=eno2")
            self.here("firewall-cmd", "--add-masquerade")
            self.here("firewall-cmd", "--direct", "--add-rule", "ipv4", "filter", "OUTPUT", "0", "-j", "ACCEPT")
            for _ in range(3):
                self.here("firewall-cmd", "--reload")
            self.here("firewall-cmd", "--complete-reload")
            self.expect_tight("reloaded")
            end()
            time.sleep(0.2)
            self.expect_tight("stopped", 1)
            self.firewalld()
            self.expect_tight("started again", 1)
        self.assertIn("inet sekisho", self.here("nft", "list", "tables"))
        self.assertIsNone(k.process.poll())

    # ---- nftables.service ----

    def unit_lines(self, *keys):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read("/lib/systemd/system/nftables.service")
        return [unit["Service"][key].split() for key in keys]

    def test_nftables_service(self):
        self.expect_open("nothing forbids it")
        k = self.guard()
        start, reload, stop = self.unit_lines("ExecStart", "ExecReload", "ExecStop")
        with self.senders():
            for _ in range(10):
                for words in (stop, start, reload):
                    self.here(*words)
            self.expect_tight("restarted")
        self.assertIn("inet filter", self.here("nft", "list", "tables"), "the service's own rules are not there")
        self.assertIsNone(k.process.poll())

    # ---- ifupdown ----

    def ifupdown(self, verb):
        return self.here("unshare", "-m", "sh", "-c", f"mount -t tmpfs none /run/network 2>/dev/null || mkdir -p /run/network; "
                         f"{verb} -i {self.top}/interfaces --state-dir {self.top} --force -a", check=False)

    def test_ifupdown(self):
        (self.top / "interfaces").write_text(INTERFACES)
        self.lab.ip("terminal", "link set eno1 down", "addr flush dev eno1", "link set eno2 down", "addr flush dev eno2")
        self.ifupdown("ifup")
        self.assertIn(netlab.TERMINAL4, self.here("ip", "addr", "show", "eno1"))
        self.warm()
        self.expect_open("eno1 is up")
        self.assertTrue([f for f in self.lab.outside2.frames() if udp_port(f) == 67], "eno2 said nothing")
        self.ifupdown("ifdown")

        k = self.guard()
        self.lab.outside.frames()
        self.ifupdown("ifup")
        with self.senders():
            eventually(lambda: "UP" not in self.here("ip", "-o", "link", "show", "eno2").split("<")[1].split(">")[0].split(","),
                       "eno2 is down again")
            time.sleep(0.5)
            self.expect_tight("ifup")
            self.ifupdown("ifup")
            time.sleep(0.3)
            self.expect_tight("ifup again")
        self.assertIsNone(k.process.poll())

    # ---- Docker ----

    def dockerd(self):
        """The real one, with its bridge and its rules; no container is needed to see what they let through."""
        for name in ("data", "exec", "etc"):
            (self.top / name).mkdir(exist_ok=True)
        (self.top / "etc/daemon.json").write_text("{}")
        (self.top / "docker.sock").unlink(missing_ok=True)
        p, end = self.run_beside("sh", "-c", CGROUPS, "dockerd", "--data-root", self.top / "data", "--exec-root", self.top / "exec", "--pidfile",
                                 self.top / "docker.pid", "--host", f"unix://{self.top}/docker.sock", "--storage-driver", "vfs",
                                 "--userland-proxy=false", "--config-file", self.top / "etc/daemon.json")
        eventually(lambda: (self.top / "docker.sock").exists() and "docker0" in self.here("ip", "link")
                   or p.poll() is not None, "dockerd runs", 60)
        self.assertIsNone(p.poll(), (self.top / "log").read_text()[-3000:])
        return end

    def contain(self):
        """What Docker does for a container: a pair of interfaces, one in its bridge; and a sender in there."""
        self.lab.add("container")
        self.lab.ip("terminal", f"link add inner netns {self.lab.ns('container')} type veth peer name vethc",
                    "link set vethc master docker0", "link set vethc up")
        gateway = self.here("ip", "-4", "-o", "addr", "show", "docker0").split()[3]
        network, _, length = gateway.rpartition(".1/")
        self.lab.ip("container", f"addr add {network}.9/{length} dev inner", "link set inner up",
                    f"route add default via {network}.1")

    def send_from_container(self):
        send = "\n".join(f"import socket; socket.socket(2, 2).sendto(b'x', ({a!r}, {p}))" for a, p in
                         ((netlab.STRANGER4, LISTED), (netlab.SERVER4, LISTED), (netlab.SERVER4, 1003)))
        for _ in range(5):
            self.lab.sh("container", f'/usr/bin/python3 -c "{send}"', check=False)
            time.sleep(0.1)

    def test_docker(self):
        end = self.dockerd()
        self.contain()
        self.lab.outside.frames()

        def gets_out():
            self.send_from_container()
            return [f for f in self.lab.outside.frames() if f.ip_destination == netlab.STRANGER4]
        # dockerd makes its rules after its bridge.
        eventually(gets_out, "a container gets out without the guard: its bridge, address translation and rules work", 30)

        k = self.guard()
        with self.senders():
            self.send_from_container()
            self.expect_tight("a container beside the guard")
            end()
            self.lab.ip("terminal", "link set docker0 up")
            self.dockerd()  # makes its rules anew
            self.lab.ip("terminal", "link set docker0 up")
            self.send_from_container()
            self.expect_tight("dockerd was started again")
        self.assertIn("DOCKER", self.here("nft", "list", "ruleset"))
        self.assertIsNone(k.process.poll())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main()
