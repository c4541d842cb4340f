#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands between a Wayland compositor that has zwlr_data_control_manager_v1 and a program that is shown
ext_data_control_manager_v1 in its place; says so once it is bound.

  wayland_relay.py COMPOSITOR'S-SOCKET OWN-SOCKET

Version 1 of the one has the requests and events of version 2 of the other, in the same order. All that is changed are the
names and versions in wl_registry.global and wl_registry.bind.
"""
import array
import os
import select
import socket
import struct
import sys

WLR, EXT = (b"zwlr_data_control_manager_v1\0", 2), (b"ext_data_control_manager_v1\0", 1)


def text(value):
    return struct.pack("<I", len(value)) + value + b"\0" * (-len(value) % 4)


class Side:
    def __init__(self, connection):
        self.connection, self.bytes, self.fds = connection, b"", []

    def read(self):
        data, control, _, _ = self.connection.recvmsg(65536, socket.CMSG_SPACE(64 * 4))
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
                self.fds += fds
        self.bytes += data
        return bool(data)

    def messages(self):
        while len(self.bytes) >= 8:
            size = struct.unpack_from("<I", self.bytes, 4)[0] >> 16
            if len(self.bytes) < size:
                return
            yield self.bytes[:size]
            self.bytes = self.bytes[size:]

    def write(self, data, fds):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.connection.sendmsg([data], rights)
        self.connection.sendall(data[sent:])
        for fd in fds:
            os.close(fd)


class Relay:
    def __init__(self, program, compositor):
        self.program, self.compositor, self.registry = Side(program), Side(compositor), None

    def renamed(self, message, old, new):
        """wl_registry.global (name, interface, version) or .bind (name, interface, version, id)."""
        name, size = struct.unpack_from("<II", message, 8)
        if message[16:16 + size] != old[0]:
            return message
        rest = message[16 + size + -size % 4 + 4:]
        body = struct.pack("<I", name) + text(new[0]) + struct.pack("<I", new[1]) + rest
        object_id, word = struct.unpack_from("<II", message)
        return struct.pack("<II", object_id, (8 + len(body)) << 16 | (word & 0xffff)) + body

    def request(self, message):
        object_id, word, *_ = struct.unpack_from("<II", message)
        if object_id == 1 and word & 0xffff == 1:  # wl_display.get_registry
            self.registry = struct.unpack_from("<I", message, 8)[0]
        elif object_id == self.registry:
            new = self.renamed(message, EXT, WLR)
            if new != message:
                print("bound", EXT[0][:-1].decode(), flush=True)
            return new
        return message

    def event(self, message):
        object_id, word = struct.unpack_from("<II", message)
        return self.renamed(message, WLR, EXT) if object_id == self.registry and word & 0xffff == 0 else message

    def run(self):
        ways = {self.program.connection: (self.program, self.compositor, self.request),
                self.compositor.connection: (self.compositor, self.program, self.event)}
        while True:
            for ready in select.select(list(ways), [], [])[0]:
                source, target, change = ways[ready]
                if not source.read():
                    return
                data = b"".join(change(m) for m in source.messages())
                if data:
                    fds, source.fds = source.fds, []
                    target.write(data, fds)


def main():
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(sys.argv[2])
    listening.listen(1)
    print("ready", flush=True)
    program, _ = listening.accept()
    compositor = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    compositor.connect(sys.argv[1])
    Relay(program, compositor).run()


if __name__ == "__main__":
    main()
