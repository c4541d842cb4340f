# SPDX-License-Identifier: GPL-2.0-or-later
"""The two wires into a terminal: the command agent in the guest (guest/agent.c), and QMP."""
import collections
import json
import os
import select
import socket
import struct
import time

PORT_NAME = "sekisho.test.agent"
PING, CLOCK, READ, WRITE, SHELL, LIST = range(6)

Result = collections.namedtuple("Result", "code text")


class Timeout(Exception):
    """Something that was waited for did not come."""


# Limits were measured on a quiet machine; two emulated terminals beside each other, and other work, take three times that.
PATIENCE = float(os.environ.get("SEKISHO_VM_PATIENCE", "3"))


def wait_until(what, condition, limit, pause=0.05):
    """Value of condition() as soon as it is true; Timeout, saying `what`, after limit seconds."""
    end = time.monotonic() + limit * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"{what}: not within {limit * PATIENCE:.0f} s")
        time.sleep(pause)


def _connect(path, limit=20):
    def attempt():
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except OSError:
            s.close()
            return None
    return wait_until(f"socket {path}", attempt, limit, pause=0.02)


class Agent:
    """One request at a time to the guest's command agent."""

    def __init__(self, path):
        self._socket = _connect(path)

    def hello(self, limit, meanwhile=None):
        """A booting guest says hello; until then `meanwhile` is called a few times a second."""
        if meanwhile:
            def said():
                meanwhile()
                return select.select([self._socket], [], [], 0)[0]
            wait_until("the guest's agent", said, limit, 0.2)
        self._answer(limit)

    def ping(self, limit=10):
        self._ask(PING, b"", limit)

    def set_clock(self, seconds):
        self._ask(CLOCK, struct.pack("<Q", int(seconds * 1e9)), 10)

    def shell(self, line, limit=60):
        """Result(code, text) of a shell command line; text is stdout and stderr together."""
        code, data = self._ask(SHELL, line.encode(), limit)
        return Result(code, data.decode("utf-8", "replace"))

    def read(self, path):
        """Content of a file without its last newline, None if it cannot be read."""
        code, data = self._ask(READ, path.encode(), 30)
        return None if code else data.decode("utf-8", "replace").rstrip("\n")

    def write(self, path, data, mode=0o644):
        data = data.encode() if isinstance(data, str) else data
        code, _ = self._ask(WRITE, struct.pack("<I", mode) + path.encode() + b"\0" + data, 30)
        if code:
            raise OSError(code, os.strerror(code), path)

    def list(self, path):
        """Names in a folder; empty if there is no such folder."""
        code, data = self._ask(LIST, path.encode(), 10)
        return [] if code else sorted(data.decode().split())

    def _ask(self, operation, data, limit):
        self._socket.sendall(struct.pack("<II", operation, len(data)) + data)
        return self._answer(limit)

    def _answer(self, limit):
        code, length = struct.unpack("<II", self._receive(8, limit))
        return code, self._receive(length, limit)

    def _receive(self, length, limit):
        data = b""
        self._socket.settimeout(limit * PATIENCE)
        while len(data) < length:
            try:
                more = self._socket.recv(min(length - len(data), 1 << 20))
            except socket.timeout:
                raise Timeout(f"no answer from the guest's agent within {limit} s") from None
            if not more:
                raise EOFError("the terminal is gone")
            data += more
        return data


class Qmp:
    """QEMU's monitor: plug, unplug, keys, stop, save."""

    def __init__(self, path):
        self._socket = _connect(path)
        self._socket.settimeout(60 * PATIENCE)
        self._lines = self._socket.makefile("rb")
        self._events = []
        self._lines.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Arguments are spelt with _ for -; but a device's properties as QEMU spells them."""
        if name != "device_add":
            arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        request = json.dumps({"execute": name, "arguments": arguments})
        self._socket.sendall(request.encode() + b"\n")
        while True:
            message = self._next()
            if "error" in message:
                raise RuntimeError(f"QMP {name}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]

    def wait_deleted(self, device):
        """device_del only asks; for PCI the guest has to agree first."""
        while {"DEVICE_DELETED": device} not in self._events:
            self._next()
        self._events.remove({"DEVICE_DELETED": device})

    def _next(self):
        line = self._lines.readline()
        if not line:
            raise EOFError("QEMU is gone")
        message = json.loads(line)
        if "event" in message:
            self._events.append({message["event"]: message.get("data", {}).get("device")})
        return message
