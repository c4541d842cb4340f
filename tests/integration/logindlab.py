# SPDX-License-Identifier: GPL-2.0-or-later
"""A fake machine with a system bus and a logind that does as it is told."""
import fakeroot
from fakeroot import AgentTest, eventually

import os
import pathlib
import subprocess
import sys

import dbus
import dbus.bus

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="false"/><allow eavesdrop="false"/><allow own="*"/><allow user="*"/></policy>
</busconfig>
"""
TESTING = dict(bus_name="org.freedesktop.login1", object_path="/org/freedesktop/login1", dbus_interface="org.sekisho.Test")


def start_bus(path):
    """A dbus-daemon of the test's own. Popen and address."""
    path.parent.mkdir(parents=True, exist_ok=True)
    config = path.with_suffix(".conf")
    config.write_text(CONFIG.format(path=path))
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"])
    address = f"unix:path={path}"
    eventually(lambda: listens(address), "the bus")
    return daemon, address


def listens(address):
    try:
        dbus.bus.BusConnection(address).close()
        return True
    except dbus.DBusException:
        return False


class LogindTest(AgentTest):
    """self.bus is a connection to the machine's system bus, on which played_logind.py lives."""

    def setUp(self):
        super().setUp()
        self.daemon, self.address = start_bus(self.machine.root / "run/dbus/system_bus_socket")
        self.addCleanup(self.end, self.daemon)
        self.bus = dbus.bus.BusConnection(self.address)
        self.logind = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "played_logind.py"],
                                       env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}, stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.end, self.logind)
        self.assertEqual(self.logind.stdout.readline(), "ready\n")

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()

    def play(self, method, *arguments, signature=""):
        return self.bus.call_blocking(TESTING["bus_name"], TESTING["object_path"], TESTING["dbus_interface"], method,
                                      signature, arguments)

    def add(self, id_="c7", uid=None, type_="x11", seat="seat0"):
        self.play("Add", id_, dbus.UInt32(os.getuid() if uid is None else uid), type_, seat, signature="suss")

    def set(self, id_, key, value):
        self.play("Set", id_, key, value, signature="ssv")

    def requests(self):
        return [str(r) for r in self.play("Requests")]


__all__ = ["LogindTest", "eventually", "fakeroot", "start_bus"]
