# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that a program on a terminal can do to get bytes onto a wire, as functions that run inside the terminal's
namespace. Each carries TAG where the protocol has room for it. None of them knows what should happen."""

import ctypes
import errno
import fcntl
import mmap
import os
import socket
import struct
import time

from netlab import MACS, ROUTER4, SERVER4, SERVER6, STRANGER4, TERMINAL4, TERMINAL6, mac_bytes

TAG = b"outbound-cargo-0123456789"
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
TCP, UDP, ICMP, ICMPV6, SCTP, UDPLITE = 6, 17, 1, 58, 132, 136
SOL_PACKET, PACKET_QDISC_BYPASS, PACKET_TX_RING, PACKET_VERSION = 263, 20, 13, 10


# ---- the bytes ----

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo(source, destination, protocol, size):
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    return ends + (struct.pack("!II", size, protocol) if family == socket.AF_INET6 else struct.pack("!HH", protocol, size))


def transport(protocol, destination, port, source=None, payload=TAG, source_port=40000):
    source = source or (TERMINAL6 if ":" in destination else TERMINAL4)
    if protocol == UDP:
        data = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
        at = 6
    elif protocol == TCP:
        data = struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 5 << 4, 2, 1024, 0, 0) + payload
        at = 16
    elif protocol == SCTP:  # INIT
        return struct.pack("!HHII", source_port, port, 0, 0) + struct.pack("!BBHIIHHI", 1, 0, 20, 7, 4096, 1, 1, 1) + payload
    elif protocol == ICMP:
        data = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + payload
        return data[:2] + struct.pack("!H", checksum(data)) + data[4:]
    elif protocol == ICMPV6:
        data = struct.pack("!BBHHH", 128, 0, 0, 1, 1) + payload
        at = 2
    else:
        return payload
    sum_ = checksum(_pseudo(source, destination, protocol, len(data)) + data)
    return data[:at] + struct.pack("!H", sum_ or 0xFFFF) + data[at + 2:]


def ipv4(destination, protocol, body, source=TERMINAL4, offset=0, more=False, options=b"", ttl=64):
    header = struct.pack("!BBHHHBBH4s4s", 0x40 | (5 + len(options) // 4), 0, 20 + len(options) + len(body), 77,
                         (0x2000 if more else 0) | offset // 8, ttl, protocol, 0, socket.inet_aton(source),
                         socket.inet_aton(destination)) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + body


def ipv6(destination, following, body, source=TERMINAL6, hops=64):
    return struct.pack("!IHBB16s16s", 6 << 28, len(body), following, hops, socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, destination)) + body


def extension(following, content):
    """A hop-by-hop or destination options header with content in a padding option."""
    data = struct.pack("BB", 1, len(content)) + content
    while (2 + len(data)) % 8:
        data += b"\0"
    return struct.pack("BB", following, (2 + len(data)) // 8 - 1) + data


def ethernet(destination, ether_type, body, source="terminal"):
    return mac_bytes(destination) + mac_bytes(source) + struct.pack("!H", ether_type) + body


def packet_for(address, protocol=UDP, port=9, **options):
    source = options.pop("source", TERMINAL6 if ":" in address else TERMINAL4)
    body = transport(protocol, address, port, source, **options)
    return ipv6(address, protocol, body, source) if ":" in address else ipv4(address, protocol, body, source)


# ---- sockets as programs use them ----

def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp(address, port, device=None, fast=False):
    s = socket.socket(_family(address), socket.SOCK_STREAM)
    s.setblocking(False)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    if fast:
        s.sendto(TAG, 0x20000000, (address, port))  # MSG_FASTOPEN
    else:
        s.connect_ex((address, port))
    time.sleep(0.01)


def mptcp(address, port):
    s = socket.socket(_family(address), socket.SOCK_STREAM, 262)
    s.setblocking(False)
    s.connect_ex((address, port))
    time.sleep(0.01)


def udp(address, port, payload=TAG, device=None, broadcast=False, mark=None, source=None, protocol=0):
    s = socket.socket(_family(address), socket.SOCK_DGRAM, protocol)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    if broadcast:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if mark is not None:
        s.setsockopt(socket.SOL_SOCKET, 36, mark)
    if source:
        s.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT: any source
        s.bind((source, 0))
    s.sendto(payload, (address, port))


def raw(address, protocol, body=TAG, port=None):
    if port is not None:
        body = transport(protocol, address, port)
    s = socket.socket(_family(address), socket.SOCK_RAW, protocol)
    s.sendto(body, (address, 0))


def raw_header(packet, address):
    """IP_HDRINCL: the whole packet is the sender's."""
    s = socket.socket(_family(address), socket.SOCK_RAW, 255)
    s.sendto(packet, (address, 0))


def ping_socket(address):
    s = socket.socket(_family(address), socket.SOCK_DGRAM, ICMPV6 if ":" in address else ICMP)
    s.sendto(struct.pack("!BBHHH", 128 if ":" in address else 8, 0, 0, 1, 1) + TAG, (address, 0))


# ---- frames ----

def packet_socket(device, bypass=False):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    if bypass:
        s.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    s.bind((device, 0))
    return s


def frame(data, device="eno1", bypass=False):
    packet_socket(device, bypass).send(data)


def frame_dgram(destination, ether_type, body, device="eno1"):
    """The kernel writes the Ethernet header."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    s.sendto(body, (device, ether_type, 0, 0, mac_bytes(destination)))


def frame_ring(data, device="eno1"):
    """PACKET_TX_RING: the kernel sends from memory that is ours."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_TX_RING, struct.pack("IIII", 4096, 1, 2048, 2))
    s.bind((device, 0))
    with mmap.mmap(s.fileno(), 4096) as ring:
        at = 32  # TPACKET_ALIGN(sizeof(struct tpacket_hdr)); the data begins behind it less the sockaddr
        ring[at:at + len(data)] = data
        ring[8:16] = struct.pack("II", len(data), len(data))
        ring[0:8] = struct.pack("L", 1)  # TP_STATUS_SEND_REQUEST
        s.send(b"")


def frame_offloaded(data, device="eno1"):
    """PACKET_VNET_HDR: a frame that the kernel cuts into several (GSO)."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, 15, 1)
    s.bind((device, 0))
    s.send(struct.pack("=BBHHHH", 1, 3, 42, 1000, 34, 6) + data)  # NEEDS_CSUM, GSO_UDP


SOL_XDP, XDP_TX_RING, XDP_UMEM_REG, XDP_FILL, XDP_COMPLETION, XDP_OFFSETS = 283, 3, 4, 5, 6, 1


def af_xdp(data, device="eno1"):
    """A socket that sends from memory of ours, beneath everything (if_xdp.h, copy mode)."""
    s = socket.socket(44, socket.SOCK_RAW, 0)
    umem = mmap.mmap(-1, 16 * 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(umem))
    s.setsockopt(SOL_XDP, XDP_UMEM_REG, struct.pack("=QQIIII", address, 16 * 4096, 4096, 0, 0, 0))
    for ring in (XDP_FILL, XDP_COMPLETION, XDP_TX_RING):
        s.setsockopt(SOL_XDP, ring, struct.pack("I", 8))
    offsets = struct.unpack("=16Q", s.getsockopt(SOL_XDP, XDP_OFFSETS, 128))
    producer, _, descriptors = offsets[4:7]  # of the sending ring
    ring = mmap.mmap(s.fileno(), descriptors + 8 * 16, offset=0x80000000)  # before bind, for Linux 6.1
    _xdp_bind(s, socket.if_nametoindex(device))
    umem[:len(data)] = data
    ring[descriptors:descriptors + 16] = struct.pack("=QII", 0, len(data), 0)
    ring[producer:producer + 4] = struct.pack("I", 1)
    _kick(s)
    time.sleep(0.02)


def _kick(s):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sendto(s.fileno(), None, 0, socket.MSG_DONTWAIT, None, 0) < 0 and ctypes.get_errno() != errno.EAGAIN:
        raise OSError(ctypes.get_errno(), "sendto")


def _xdp_bind(s, index):
    libc = ctypes.CDLL(None, use_errno=True)
    address = struct.pack("=HHIII", 44, 2, index, 0, 0)  # XDP_COPY
    if libc.bind(s.fileno(), address, len(address)) < 0:
        raise OSError(ctypes.get_errno(), "bind AF_XDP")


# ---- ARP, ND, VLAN ----

def arp(target, operation=1, extra=b"", lengths=(6, 4), sender=TERMINAL4, sender_mac="terminal", to="ff:ff:ff:ff:ff:ff",
        hardware=1, protocol=IPV4):
    return ethernet(to, ARP, struct.pack("!HHBBH6s4s6s4s", hardware, protocol, *lengths, operation, mac_bytes(sender_mac),
                                         socket.inet_aton(sender), bytes(6), socket.inet_aton(target)) + extra)


def tagged(outer, tag, inner_frame):
    return inner_frame[:12] + struct.pack("!HH", outer, tag) + inner_frame[12:]


def neighbour_solicitation(target, options, to="33:33:ff:00:00:02", destination="ff02::1:ff00:2"):
    body = struct.pack("!BBHI", 135, 0, 0, 0) + socket.inet_pton(socket.AF_INET6, target) + options
    sum_ = checksum(_pseudo(TERMINAL6, destination, ICMPV6, len(body)) + body)
    body = body[:2] + struct.pack("!H", sum_) + body[4:]
    return ethernet(to, IPV6, ipv6(destination, ICMPV6, body, hops=255))


# ---- application protocols ----

def dns(name_labels):
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0)
    return query + b"".join(bytes([len(p)]) + p for p in name_labels) + b"\0" + struct.pack("!HH", 16, 1)


def dns_tunnel():
    return dns([TAG + b"x" * 30, b"y" * 60, b"z" * 60, b"tunnel", b"example"])


def dhcp_discover():
    head = struct.pack("!BBBBIHH4s4s4s4s16s64s128sI", 1, 1, 6, 0, 7, 0, 0x8000, bytes(4), bytes(4), bytes(4), bytes(4),
                       mac_bytes("terminal") + bytes(10), bytes(64), bytes(128), 0x63825363)
    return head + b"\x35\x01\x01" + b"\x3c" + bytes([len(TAG)]) + TAG + b"\xff"


def join_group(address):
    s = socket.socket(_family(address), socket.SOCK_DGRAM)
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, 20, socket.inet_pton(socket.AF_INET6, address) + struct.pack(
            "I", socket.if_nametoindex("eno1")))
    else:
        s.setsockopt(socket.SOL_IP, 35, socket.inet_aton(address) + bytes(4) + struct.pack("i", socket.if_nametoindex("eno1")))
    time.sleep(0.02)


def multicast(address, port):
    s = socket.socket(_family(address), socket.SOCK_DGRAM)
    index = socket.if_nametoindex("eno1")
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, 17, index)
    else:
        s.setsockopt(socket.SOL_IP, 32, bytes(8) + struct.pack("i", index))
    s.sendto(TAG, (address, port))


# ---- interfaces ----

def through_tun(packet):
    """A packet that comes out of a tunnel interface, to be forwarded."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun9", 0x1001))  # IFF_TUN | IFF_NO_PI
    os.system("ip addr add 10.66.0.1/24 dev tun9; ip link set tun9 up")
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
        f.write("1")
    os.write(tun, packet)
    time.sleep(0.02)


def shell(*lines):
    """Commands first, then a datagram to where the last word says; all of it in the child."""
    for line in lines:
        if os.system(f"exec 2>/dev/null; {line}"):
            raise OSError(f"failed: {line}")


# ---- through a socket that was got hold of ----

def take_chain_away(s):
    """Empties chain output of table inet sekisho through its owner's netfilter socket: a batch of one DELRULE."""
    def attribute(kind, data):
        data += b"\0"
        return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)

    def message(kind, family, payload=b"", flags=1, resource=0):
        return struct.pack("=IHHII", 20 + len(payload), kind, flags, 1, 0) + struct.pack("!BBH", family, 0, resource) + payload

    rule_of = attribute(1, b"sekisho") + attribute(2, b"output")
    s.sendto(message(16, 0, resource=10) + message(0x0A08, 1, rule_of) + message(17, 0, resource=10), (0, 0))
