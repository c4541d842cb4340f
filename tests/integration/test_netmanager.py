#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The real NetworkManager, in the lab's terminal, beside the network guard: it sets up what is listed, and opens no hole."""
import netlab
from fakeroot import eventually
from test_netguard import FIRST, LISTED, FORBIDDEN, Keeper, Sender, policy, udp_port

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
CONFIG = """[main]
plugins=keyfile
auth-polkit=false
dhcp=internal
rc-manager=unmanaged
[keyfile]
path={0}/connections
unmanaged-devices=none
[connectivity]
uri=http://{1}/
interval=60
"""
# One that is listed, and one that asks whoever is there for an address.
CONNECTIONS = {"eno1": f"[ipv4]\nmethod=manual\naddress1={netlab.TERMINAL4}/24,{netlab.ROUTER4}\n"
                       "[ipv6]\nmethod=auto\n[connection]\nid=eno1\ntype=ethernet\ninterface-name=eno1\nmdns=2\nllmnr=2\n",
               "eno2": "[ipv4]\nmethod=auto\n[connection]\nid=eno2\ntype=ethernet\ninterface-name=eno2\n"}
# As in a container: no udev to wait for, and files of its own.
IN_PLACE = """
mount -o remount,ro /sys && mkdir -p /run/NetworkManager /var/lib/NetworkManager &&
mount -t tmpfs none /run/NetworkManager && mount -t tmpfs none /var/lib/NetworkManager &&
exec NetworkManager --no-daemon --config {0}/NetworkManager.conf --config-dir {0}/conf.d --system-config-dir {0}/conf.d \
--pid-file {0}/pid --state-file {0}/state
"""


# Hands out one address, and says who asked for what: "discover", "request".
DHCP_SERVER = """
import socket, struct
own, offered = {own!r}, {offered!r}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.bind(("", 67))
print("ready", flush=True)
while True:
    asked, peer = s.recvfrom(2048)
    kind = asked[asked.index(b"\\x63\\x82\\x53\\x63") + 6]
    print({{1: "discover", 3: "request"}}.get(kind, kind), peer[0], flush=True)
    if kind not in (1, 3):
        continue
    head = b"\\2" + asked[1:4] + asked[4:8] + b"\\0\\0\\x80\\0" + asked[12:16] + socket.inet_aton(offered) + \\
        socket.inet_aton(own) + bytes(4) + asked[28:44] + bytes(192)
    options = bytes([53, 1, 2 if kind == 1 else 5, 54, 4]) + socket.inet_aton(own) + b"\\1\\4\\xff\\xff\\xff\\0" + \\
        b"\\x33\\4" + struct.pack("!I", 60) + b"\\x3a\\4" + struct.pack("!I", 4) + b"\\x3b\\4" + struct.pack("!I", 50) + b"\\xff"
    s.sendto(head + b"\\x63\\x82\\x53\\x63" + options, ("255.255.255.255" if peer[0] == "0.0.0.0" else peer[0], 68))
"""
DHCP_RULES = (f"{{id: dhcp, to: [{netlab.SERVER4}/32], protocol: udp, ports: [67], next-hop: [{netlab.MACS['server']}]}}",
              "{id: whoever-is-there, to: [255.255.255.255/32], protocol: udp, ports: [67]}")
OFFERED = "10.77.0.50"


class NetworkManager(unittest.TestCase):
    def setUp(self):
        self.lab = netlab.Lab("sknm")
        self.addCleanup(self.lab.close)
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="sknm-"))
        self.addCleanup(shutil.rmtree, self.top)
        (self.top / "conf.d").mkdir()
        (self.top / "connections").mkdir()
        (self.top / "bus.conf").write_text(BUS.format(self.top))
        (self.top / "NetworkManager.conf").write_text(CONFIG.format(self.top, netlab.STRANGER4))
        for name, text in CONNECTIONS.items():
            file = self.top / "connections" / f"{name}.nmconnection"
            file.write_text(text)
            file.chmod(0o600)
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.top}/bus", "LC_ALL": "C"}
        self.run_beside("dbus-daemon", "--config-file", self.top / "bus.conf", "--nofork", "--nopidfile")
        eventually((self.top / "bus").exists, "the bus is there")
        # as at power-on: nothing is set up
        self.lab.ip("terminal", "link set eno1 down", "addr flush dev eno1", "link set eno2 down", "addr flush dev eno2")

    def run_beside(self, *words):
        with (self.top / "log").open("ab") as log:
            p = subprocess.Popen([str(w) for w in words], env=self.environment, stdout=log, stderr=log)
        self.addCleanup(lambda: (p.terminate(), p.wait()))
        return p

    def manage(self, connected=True):
        self.run_beside("ip", "netns", "exec", self.lab.ns("terminal"), "unshare", "-m", "sh", "-c", IN_PLACE.format(self.top))
        state = "eno1:connect" + ("ed" if connected else "ing")
        eventually(lambda: state in self.nmcli("-t", "-f", "DEVICE,STATE", "device"), state, 40)

    def nmcli(self, *words):
        done = subprocess.run(["ip", "netns", "exec", self.lab.ns("terminal"), "nmcli", *words], env=self.environment,
                              capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def test_without_the_guard_it_talks(self):
        self.manage()
        eventually(lambda: [f for f in self.lab.outside2.frames() if udp_port(f) == 67], "it asks for an address", 30)

    def test_it_sets_up_what_is_listed_and_nothing_else_leaves(self):
        k = Keeper(self.lab, policy(FIRST)).start()
        self.addCleanup(k.close)
        self.manage()
        self.nmcli("--wait", "5", "connection", "up", "eno2")
        self.nmcli("--wait", "5", "connection", "add", "type", "bridge", "ifname", "br9", "con-name", "br9")
        self.nmcli("--wait", "5", "connection", "add", "type", "vlan", "ifname", "v9", "dev", "eno1", "id", "9", "con-name", "v9")
        with Sender(self.lab, *FORBIDDEN, (netlab.SERVER4, LISTED), pause=0.01):
            time.sleep(3)
            found = [f for f in self.lab.outside.frames() if not f.is_link_noise()]
        self.assertEqual([f for f in found if (f.ip_destination, udp_port(f)) != (netlab.SERVER4, LISTED)], [])
        self.assertGreater(len(found), 20)
        self.assertEqual(self.lab.outside2.frames(), [])
        self.assertNotIn("eno2:connected", self.nmcli("-t", "-f", "DEVICE,STATE", "device"))
        self.assertIsNone(k.process.poll())

    # ---- an address by DHCP ----

    def dhcp(self):
        """eno1 asks for an address, and the server gives it one. What it was asked, as a file."""
        file = self.top / "connections/eno1.nmconnection"
        file.write_text("[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n[connection]\nid=eno1\ntype=ethernet\ninterface-name=eno1\n")
        said = self.top / "dhcp"
        with said.open("wb") as out:
            p = self.lab.popen("server", "/usr/bin/python3", "-c", DHCP_SERVER.format(own=netlab.SERVER4, offered=OFFERED),
                               stdout=out)
        self.addCleanup(lambda: (p.kill(), p.wait()))
        eventually(lambda: "ready" in said.read_text(), "the DHCP server is there")
        return said

    def test_dhcp_that_is_not_listed(self):
        asked = self.dhcp()
        k = Keeper(self.lab, policy(FIRST)).start()
        self.addCleanup(k.close)
        self.manage(connected=False)
        time.sleep(8)  # it asks again after four seconds
        self.assertEqual(asked.read_text(), "ready\n")
        self.assertEqual([f for f in self.lab.outside.frames() if not f.is_link_noise()], [])

    def test_dhcp_that_is_listed(self):
        asked = self.dhcp()
        k = Keeper(self.lab, policy(FIRST, *DHCP_RULES)).start()
        self.addCleanup(k.close)
        self.manage()
        self.assertIn(OFFERED, self.lab.sh("terminal", "ip -4 addr show dev eno1").stdout)
        eventually(lambda: f"request {OFFERED}" in asked.read_text(), "it asks its server again, by its own address", 40)
        with Sender(self.lab, *FORBIDDEN, (netlab.SERVER4, LISTED), (netlab.STRANGER4, 67), pause=0.01):
            time.sleep(1)
        found = {(f.ip_destination, udp_port(f)) for f in self.lab.outside.frames() if not f.is_link_noise()}
        self.assertEqual(found, {("255.255.255.255", 67), (netlab.SERVER4, 67), (netlab.SERVER4, LISTED)})


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *(sys.argv[1:] or ["NetworkManager"])])
