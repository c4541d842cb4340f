# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside the terminal: a USB device made of bytes, as a computer at the other end of usbip can make one.

    usbip.py PORT NAME SERIAL TURN DEVICE CONFIGURATION...

DEVICE and CONFIGURATION are descriptors in hex, answered as they are, whatever they say. If TURN is not 0, the device says of
itself what stands behind a comma in DEVICE from its TURN-th whole answer on. It has no endpoints but the first: nothing more
is asked of it before a driver has it. Ends when the terminal lets go of it. Documentation/usb/usbip_protocol.rst."""
import socket
import struct
import sys

SUBMIT, UNLINK, ANSWER, UNLINKED = 1, 2, 3, 4
HIGH_SPEED = 3
EPIPE, ECONNRESET = 32, 104
GET_DESCRIPTOR, SET_CONFIGURATION, SET_INTERFACE = 6, 9, 11
DEVICE, CONFIGURATION, STRING = 1, 2, 3
ATTACH = "/sys/devices/platform/vhci_hcd.0/attach"


class Made:
    def __init__(self, name, serial, turn, device, configurations):
        self.strings = ["", "Sekisho", name, serial]
        self.turn, self.answers = turn, 0
        self.device = [bytes.fromhex(text) for text in device.split(",")]
        self.configurations = [bytes.fromhex(text) for text in configurations]

    def control(self, request, value, length):
        """What it answers, None if it does not know the request."""
        kind, index = value >> 8, value & 255
        if request in (SET_CONFIGURATION, SET_INTERFACE):
            return b""
        if request != GET_DESCRIPTOR:
            return None
        if kind == DEVICE:
            self.answers += length == len(self.device[0])
            return self.device[-1 if self.turn and self.answers >= self.turn else 0]
        if kind == CONFIGURATION and index < len(self.configurations):
            return self.configurations[index]
        if kind == STRING and index < len(self.strings):
            text = self.strings[index].encode("utf-16-le") if index else b"\x09\x04"
            return bytes([2 + len(text), STRING]) + text
        return None


def read(line, size):
    data = b""
    while len(data) < size:
        more = line.recv(size - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def serve(line, made):
    while True:
        header = read(line, 48)
        command, number, _, inward, _ = struct.unpack(">5I", header[:20])
        if command == UNLINK:
            line.sendall(struct.pack(">5Ii24x", UNLINKED, number, 0, 0, 0, -ECONNRESET))
            continue
        length = struct.unpack(">I", header[24:28])[0]
        _, request, value, _, _ = struct.unpack("<BBHHH", header[40:48])
        if not inward:
            read(line, length)
        answer = made.control(request, value, length)
        data = (answer or b"")[:length] if inward else b""
        status = -EPIPE if answer is None else 0
        line.sendall(struct.pack(">5IiI20x", ANSWER, number, 0, 0, 0, status, len(data) if inward else length) + data)


def main():
    port, name, serial, turn, device, *configurations = sys.argv[1:]
    ours, kernels = socket.socketpair()
    with open(ATTACH, "w", encoding="ascii") as f:
        f.write(f"{port} {kernels.fileno()} {port} {HIGH_SPEED}")
    kernels.close()
    serve(ours, Made(name, serial, int(turn), device, configurations))


main()
