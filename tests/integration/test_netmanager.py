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

    def manage(self):
        self.run_beside("ip", "netns", "exec", self.lab.ns("terminal"), "unshare", "-m", "sh", "-c", IN_PLACE.format(self.top))
        eventually(lambda: "eno1:connected" in self.nmcli("-t", "-f", "DEVICE,STATE", "device"), "eno1 is connected", 40)

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


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *(sys.argv[1:] or ["NetworkManager"])])
