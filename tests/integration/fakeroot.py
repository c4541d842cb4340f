# SPDX-License-Identifier: GPL-2.0-or-later
"""A fake machine for sekishod --root: a sysfs tree with USB devices, and the real agent running against it.

Regular files are not sysfs: what is written is read back, but no driver binds and no interface appears. What counts in
tests is what stands in `authorized`, and when."""

import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", "build/dev"))
SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
AGENT = BUILD / "agent" / "sekishod"
CONTROLLER = "pci0000:00/0000:00:14.0"

STORAGE, KEYBOARD, MOUSE, READER = (8, 6, 0x50), (3, 1, 1), (3, 1, 2), (0x0B, 0, 0)
HUB, CAMERA = (9, 0, 0), (0x0E, 1, 0)
TYPING_KEYS = "fffffffffffffffe"

POLICY = """sekisho: 1
header:
  fleet: test
  serial: {serial}
  issued: {issued}
  expires: {expires}
  target: [all]
mode: {mode}
contact: tester
devices:
  default: {default}
  keyboards: {keyboards}
  rules:
{rules}
"""
ALLOW_READER = "    - {id: reader, match: {bus: usb, class: [smartcard]}, action: allow}"
BLOCK_CAMERA = "    - {id: no-camera, match: {bus: usb, class: [video]}, action: block}"


def policy(serial=1, rules=(ALLOW_READER,), mode="enforce", default="block", keyboards="present",
           issued="2026-01-01T00:00:00+09:00", expires="never"):
    return POLICY.format(serial=serial, rules="\n".join(rules or [BLOCK_CAMERA]), mode=mode, default=default,
                         keyboards=keyboards, issued=issued, expires=expires)


def descriptors(vendor, product, *interfaces, device_class=0):
    """The bytes of sysfs `descriptors`: one configuration with these interfaces."""
    body = b"".join(struct.pack("<BBBBBBBBB", 9, 4, n, 0, 0, *triple, 0) for n, triple in enumerate(interfaces))
    head = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, device_class, 0, 0, 64, vendor, product, 0x0100, 0, 0, 0, 1)
    return head + struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(interfaces), 1, 0, 0x80, 50) + body


def eventually(check, what="", seconds=20.0):
    """Waits until check() is true, and returns what it returned. Generous, because sanitizers and busy machines are slow."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def accepts(path):
    """Whether somebody listens there: the socket's file is there a moment earlier."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


class VarlinkError(Exception):
    def __init__(self, name, parameters):
        super().__init__(name, parameters)
        self.name, self.parameters = name, parameters


class Varlink:
    """As little of a Varlink client as a test needs."""

    def __init__(self, path, timeout=20.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        directory = os.open(path.parent, os.O_PATH)
        try:
            self.socket.connect(f"/proc/self/fd/{directory}/{path.name}")
        except BaseException:
            self.socket.close()
            raise
        finally:
            os.close(directory)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, method, parameters=None, more=False):
        message = {"method": f"org.sekisho.Agent.{method}", "parameters": parameters or {}}
        if more:
            message["more"] = True
        self.socket.sendall(json.dumps(message).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.buffer:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError("the agent closed the connection")
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b"\0", 1)
        reply = json.loads(message)
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters", {}))
        return reply["parameters"]

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive()


class Machine:
    """The fake machine, and at most one agent on it."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sekisho-"))
        for path in ("etc", "proc/sys/kernel/random", "run", "var/log", "sys/class/input", "sys/bus/usb/devices",
                     "sys/module/usbcore/parameters", "usr/share/sekisho", "dev"):
            (self.root / path).mkdir(parents=True)
        (self.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        (self.root / "etc/hostname").write_text("terminal\n")
        (self.root / "proc/sys/kernel/random/boot_id").write_text("11111111-2222-3333-4444-555555555555\n")
        self.write("sys/module/usbcore/parameters/authorized_default", "1\n")
        self.ship(policy())
        self.agent = None
        self.log = self.root / "agent.log"
        self.devnum = 1
        self.plug("usb1", 0x1D6B, 0x0002, HUB, authorized=1, device_class=9)

    # ---- the machine ----

    def write(self, path, text):
        (self.root / path).write_text(text)

    def ship(self, text):
        self.write("usr/share/sekisho/default-policy.yaml", text)

    def link(self, name):
        return self.root / "sys/bus/usb/devices" / name

    def directory(self, name):
        """Where the device really is: below its parents."""
        parts = [] if name.startswith("usb") else [name]
        while parts and "." in parts[0]:
            parts.insert(0, parts[0].rsplit(".", 1)[0])
        bus = name if name.startswith("usb") else "usb" + name.split("-")[0]
        return self.root.joinpath("sys/devices", CONTROLLER, bus, *parts)

    def build(self, name, vendor, product, *interfaces, serial=None, label="Thing", authorized=0, raw=None,
              device_class=0):
        """The device's directory, before anybody can see it under its name."""
        directory = self.directory(name)
        directory.mkdir(parents=True)
        files = {"idVendor": f"{vendor:04x}\n", "idProduct": f"{product:04x}\n", "dev": f"189:{self.devnum - 1}\n",
                 "authorized": f"{authorized}\n", "uevent": "", "product": f"{label}\n"}
        self.devnum = self.devnum % 127 + 1
        if serial is not None:
            files["serial"] = f"{serial}\n"
        if name.startswith("usb"):
            files["authorized_default"] = "1\n"
        for file, text in files.items():
            (directory / file).write_text(text)
        (directory / "descriptors").write_bytes(
            raw if raw is not None else descriptors(vendor, product, *interfaces, device_class=device_class))
        return directory

    def show(self, name):
        self.link(name).symlink_to(os.path.relpath(self.directory(name), self.link(name).parent))

    def plug(self, name, *arguments, **options):
        self.build(name, *arguments, **options)
        self.show(name)

    def unplug(self, name):
        self.link(name).unlink()
        shutil.rmtree(self.directory(name))

    def keyboard_driver(self, name, number):
        """What the kernel does after authorising a keyboard: an input device that can type."""
        directory = self.directory(name) / f"{name}:1.0" / "input" / f"input{number}"
        (directory / "capabilities").mkdir(parents=True)
        (directory / "capabilities/key").write_text(f"1000000000007 ff9f207ac14057ff febeffdfffefffff {TYPING_KEYS}\n")
        link = self.root / "sys/class/input" / f"input{number}"
        link.symlink_to(os.path.relpath(directory, link.parent))
        return link

    def authorized(self, name):
        return (self.directory(name) / "authorized").read_text().strip()

    def open(self, name):
        return self.authorized(name) == "1"

    # ---- the agent ----

    def start(self, wait=True, **environment):
        with self.log.open("ab") as log:
            # Its own name is in the notification: READY=1 is the agent's word that everything has been looked at.
            self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            path = self.root / "notify"
            path.unlink(missing_ok=True)
            self.notify.bind(str(path))
            self.notify.settimeout(60)
            self.agent = subprocess.Popen([AGENT, "--root", self.root, "--foreground"], stdout=log, stderr=log,
                                          env={**os.environ, "NOTIFY_SOCKET": str(path), "LC_ALL": "C.UTF-8",
                                               **environment})
        if wait:
            self.extended = 0  # how often it asked for more time
            try:
                while (message := self.notify.recv(4096)).startswith(b"EXTEND_TIMEOUT_USEC="):
                    self.extended += 1
            except TimeoutError:
                raise AssertionError(f"the agent is not ready, status {self.agent.poll()}:\n"
                                     f"{self.log.read_text(errors='replace')[-3000:]}") from None
            assert b"READY=1" in message, message
        self.notify.close()
        return self.agent

    def stop(self, how=signal.SIGTERM):
        agent, self.agent = self.agent, None
        agent.send_signal(signal.SIGCONT)
        agent.send_signal(how)
        status = agent.wait(timeout=60)
        if how == signal.SIGTERM:
            assert status == 0, f"the agent ended with {status}"
        return status

    def kill(self):
        return self.stop(signal.SIGKILL)

    def client(self, **options):
        return Varlink(self.root / "run/sekisho/agent.sock", **options)

    def call(self, method, **parameters):
        client = self.client()
        try:
            return client.call(method, **parameters)
        finally:
            client.close()

    def devices(self):
        return {d["port"]: d for d in self.call("ListDevices")["devices"] if not d["node"]}

    def disks(self):
        return {d["node"]: d for d in self.call("ListDevices")["devices"] if d["node"]}

    def device(self, name):
        return self.devices().get(name)

    def status(self):
        return self.call("GetStatus")

    def guard(self, name):
        return next(g for g in self.status()["guards"] if g["name"] == name)

    def attention(self):
        return {f["code"]: f for f in self.status()["attention"]}

    def settled(self, name):
        """The device as the agent sees it, once there is an effect."""
        def check():
            d = self.device(name)
            return d if d and d["effect"] != "pending" else None
        return eventually(check, f"{name} is settled")

    def install(self, text):
        return self.call("InstallPolicy", text=text)

    # ---- the record ----

    @property
    def record_file(self):
        return self.root / "var/log/sekisho/audit.jsonl"

    def record(self):
        lines = self.record_file.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]

    def close(self):
        if self.agent:
            self.kill()
        shutil.rmtree(self.root, ignore_errors=True)


class AgentTest(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()
        self.addCleanup(self.machine.close)

    def tearDown(self):
        if self.machine.log.exists():
            self.last_log = self.machine.log.read_text(errors="replace")
            # A sanitizer's report is a failure whatever the test thought of it.
            for sign in ("AddressSanitizer", "runtime error:", "LeakSanitizer"):
                self.assertFalse(sign in self.last_log, f"{sign} in the agent's log:\n{self.last_log[-3000:]}")


def main():
    if os.geteuid() != 0:
        print("needs root: the agent's files and sysfs belong to root")
        sys.exit(77)
    unittest.main(verbosity=2)
