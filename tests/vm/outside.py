# SPDX-License-Identifier: GPL-2.0-or-later
"""The other end of a terminal's network cable: hears every frame from the first on, and answers as one or more hosts.

QEMU sends each frame as one datagram over the loopback of this machine (-netdev dgram); it is taken before the terminal
is switched on, so that nothing can come too early."""
import socket
import struct
import threading

import devices

MAC = bytes.fromhex("5254007700fe")  # every host here answers as this one
TERMINAL_MAC = "52:54:00:77:00:01"
TERMINAL, SERVER, STRANGER = "10.77.0.1", "10.77.0.2", "10.77.0.3"


class Frame:
    def __init__(self, data):
        self.data = data
        self.type = struct.unpack("!H", data[12:14])[0]
        self.body = data[14:]

    @property
    def destination(self):
        return socket.inet_ntoa(self.body[16:20]) if self.type == 0x0800 else None

    @property
    def port(self):
        """TCP's or UDP's, of the receiver; None for anything else."""
        if self.type != 0x0800 or self.body[9] not in (6, 17):
            return None
        return struct.unpack("!H", self.body[22:24])[0]

    def is_of_the_link(self):
        """ARP, and IPv6's neighbour and group messages."""
        if self.type == 0x0806:
            return True
        if self.type != 0x86DD:
            return False
        if self.body[6] == 0:
            return self.body[48] in (131, 132, 143)
        return self.body[6] == 58 and self.body[40] in (133, 135, 136)

    def __repr__(self):
        return f"<{self.type:#06x} {self.destination}:{self.port} {self.data[:60].hex()}>"


def _checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Outside:
    def __init__(self, hosts=(SERVER, STRANGER)):
        self.hosts = [socket.inet_aton(h) for h in hosts]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.socket.bind(("127.0.0.1", 0))
        spare = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        spare.bind(("127.0.0.1", 0))
        self.qemu = spare.getsockname()
        spare.close()
        self.lock, self.heard = threading.Lock(), []
        threading.Thread(target=self._listen, daemon=True).start()

    def adapter(self, name="nic", driver="virtio-net-pci", mac=TERMINAL_MAC, **properties):
        """What a terminal is given to be connected with this."""
        device = devices.Device(name, driver, netdev=f"{name}-cable", mac=mac, **properties)
        device.cable = {"type": "dgram", "id": f"{name}-cable",
                        "local": {"type": "inet", "host": "127.0.0.1", "port": str(self.qemu[1])},
                        "remote": {"type": "inet", "host": "127.0.0.1", "port": str(self.socket.getsockname()[1])}}
        return device

    def frames(self):
        """All since the last call."""
        with self.lock:
            heard, self.heard = self.heard, []
        return heard

    def close(self):
        self.socket.close()

    def _listen(self):
        while True:
            try:
                data, sender = self.socket.recvfrom(65536)
            except OSError:
                return
            if len(data) < 14:
                continue
            frame = Frame(data)
            with self.lock:
                self.heard.append(frame)
            answer = self._answer(frame)
            if answer:
                self.socket.sendto(answer, sender)

    def _answer(self, frame):
        if frame.type == 0x0806 and frame.body[6:8] == b"\0\1" and frame.body[24:28] in self.hosts:
            return frame.data[6:12] + MAC + b"\x08\x06" + frame.body[:6] + b"\0\2" + MAC + frame.body[24:28] + frame.body[8:18]
        if frame.type != 0x0800 or frame.body[16:20] not in self.hosts:
            return None
        header = (frame.body[0] & 15) * 4
        payload = frame.body[header:struct.unpack("!H", frame.body[2:4])[0]]
        if frame.body[9] == 17:
            source, port, length, _ = struct.unpack("!HHHH", payload[:8])
            return self._packet(frame, struct.pack("!HHHH", port, source, length, 0) + payload[8:])
        if frame.body[9] == 1 and payload[0] == 8:
            reply = b"\0\0\0\0" + payload[4:]
            return self._packet(frame, reply[:2] + struct.pack("!H", _checksum(reply)) + reply[4:])
        if frame.body[9] == 6 and payload[13] & 0x3F == 0x02:  # SYN: a connection is as good as open when it is answered
            source, port, number = struct.unpack("!HHI", payload[:8])
            tcp = struct.pack("!HHIIHHHH", port, source, 1, number + 1 & 0xFFFFFFFF, 0x5012, 8192, 0, 0)
            pseudo = frame.body[16:20] + frame.body[12:16] + struct.pack("!HH", 6, len(tcp))
            return self._packet(frame, tcp[:16] + struct.pack("!H", _checksum(pseudo + tcp)) + tcp[18:])
        return None

    @staticmethod
    def _packet(frame, payload):
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, frame.body[9], 0)
        head += frame.body[16:20] + frame.body[12:16]
        return frame.data[6:12] + MAC + b"\x08\x00" + head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + payload
