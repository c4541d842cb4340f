# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix: each way out, and whether it may arrive. test_netmatrix.py sends every row twice: without rules, where it must
arrive (the sender works and the capture sees it), and under POLICY, where only what is listed may."""
import dataclasses
import os
import socket
import struct
import subprocess
import time

import netsend as n
from netlab import (FAR4, FAR6, ROUTER4, ROUTER6, SERVER4, SERVER6, STRANGER4, STRANGER6, TERMINAL4, TERMINAL6,
                    mac_bytes)
from netsend import ARP, ICMP, ICMPV6, IPV4, IPV6, SCTP, TCP, UDP, UDPLITE

POLICY = """sekisho: 1
header: {{fleet: lab, serial: {serial}, issued: 2026-01-01T00:00:00+09:00, expires: never, target: [all]}}
mode: {mode}
network:
  interfaces: {{allow: [eno1]}}
  rules:
    - {{id: web, to: [10.77.0.2/32, "2001:db8:77::2/128"], protocol: tcp, ports: [443], next-hop: [02:77:00:00:00:02]}}
    - {{id: far, to: [10.88.0.0/24, "2001:db8:88::/48"], protocol: tcp, ports: [8443-8450], next-hop: [02:77:00:00:00:fe]}}
    - {{id: dns, to: [10.77.0.2/32, "2001:db8:77::2/128"], protocol: udp, ports: [53, 5000], next-hop: [02:77:00:00:00:02]}}
    - {{id: sctp, to: [10.77.0.2/32], protocol: sctp, ports: [9899], next-hop: [02:77:00:00:00:02]}}
    - {{id: ping, to: [10.77.0.2/32], protocol: icmp, next-hop: [02:77:00:00:00:02]}}
    - {{id: ping6, to: ["2001:db8:77::2/128"], protocol: icmpv6, next-hop: [02:77:00:00:00:02]}}
{more}  inbound:
    - {{id: ssh, from: [10.77.0.2/32, "2001:db8:77::2/128"], protocol: tcp, ports: [22]}}
"""


def policy(serial=1, mode="enforce", more=""):
    return POLICY.format(serial=serial, mode=mode, more=more)


@dataclasses.dataclass
class Row:
    name: str
    send: object
    arguments: tuple = ()
    allowed: bool = False
    bare: bool = True         # it arrives when nothing forbids it
    setup: tuple = ()         # shell lines in the terminal, before
    undo: tuple = ()          # and after
    second: bool = False      # look behind eno2
    limit: int = 0            # of frames that may arrive although it is not allowed (ARP is as narrow as that)
    note: str = ""
    cargo: object = None      # which frames count; default: all but the link's own

    def is_cargo(self, frame):
        return self.cargo(frame) if self.cargo else not frame.is_link_noise()


def allowed(name, send, *arguments, **options):
    return Row(name, send, arguments, True, **options)


def refused(name, send, *arguments, **options):
    return Row(name, send, arguments, False, **options)


def frames(name, data, **options):
    """The same frame by each of the ways a packet socket has."""
    return [refused(f"AF_PACKET {name}", n.frame, data, **options),
            refused(f"AF_PACKET, past the queue, {name}", n.frame, data, "eno1", True, **options)]


def ether4(name, address, port=9, protocol=UDP, **options):
    return n.ethernet(name, IPV4, n.packet_for(address, protocol, port, **options))


def ether6(name, address, port=9, protocol=UDP, **options):
    return n.ethernet(name, IPV6, n.packet_for(address, protocol, port, **options))


def fragments4(address, port, payload=b"A" * 64):
    body = n.transport(UDP, address, port, payload=payload)
    return n.ipv4(address, UDP, body[:8], more=True), n.ipv4(address, UDP, body[8:], offset=8)


def fragment6(address, body, offset, more, following=UDP):
    header = struct.pack("!BBHI", following, 0, offset | more, 7)
    return n.ipv6(address, 44, header + body)


def many_arps(count):
    s = n.packet_socket("eno1")
    for i in range(count):
        s.send(n.arp(f"10.77.{i // 250}.{i % 250 + 1}"))


def many_solicitations(count):
    s = n.packet_socket("eno1")
    for i in range(count):
        s.send(n.neighbour_solicitation(f"2001:db8:77::{i:x}", b"\1\1" + mac_bytes("terminal")))


def user_namespace(call):
    """What an ordinary user may do who is root in a user namespace of his own. The interfaces are not that namespace's."""
    script = f"import sys; sys.path[:0] = {[os.path.dirname(n.__file__)]!r}\nimport netsend\nnetsend.{call}"
    run = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "unshare", "-Ur", "/usr/bin/python3", "-c", script],
                         capture_output=True, text=True, check=False)
    if run.returncode:
        raise OSError(run.stderr.strip().splitlines()[-1])


def socket_rows():
    yield allowed("TCP to the listed server", n.tcp, SERVER4, 443)
    yield allowed("TCP to the listed server, IPv6", n.tcp, SERVER6, 443)
    yield allowed("TCP to a listed prefix, behind the router", n.tcp, FAR4, 8443)
    yield allowed("TCP to the last port of a range", n.tcp, FAR4, 8450)
    yield allowed("TCP to a listed prefix, IPv6", n.tcp, FAR6, 8450)
    yield allowed("UDP to the listed server", n.udp, SERVER4, 5000)
    yield allowed("UDP to the listed server, IPv6", n.udp, SERVER6, 5000)
    yield allowed("UDP in fragments to the listed server", n.udp, SERVER4, 5000, b"A" * 4000)
    yield allowed("UDP in fragments to the listed server, IPv6", n.udp, SERVER6, 5000, b"A" * 4000)
    yield allowed("SCTP to the listed server", n.raw, SERVER4, SCTP, None, 9899)
    yield allowed("ping to the listed server", n.raw, SERVER4, ICMP, None, 0)
    yield allowed("ping to the listed server, IPv6", n.raw, SERVER6, ICMPV6, None, 0)
    yield allowed("DNS tunnel to the listed resolver", n.udp, SERVER4, 53, n.dns_tunnel(),
                  note="a permitted server can relay")
    for what, address in (("a stranger", STRANGER4), ("a stranger, IPv6", STRANGER6),
                          ("somewhere behind the router", "10.99.99.9"), ("somewhere behind the router, IPv6", "2001:db8:99::9")):
        yield refused(f"TCP to {what}", n.tcp, address, 443)
        yield refused(f"UDP to {what}", n.udp, address, 5000)
        yield refused(f"ping to {what}", n.raw, address, ICMPV6 if ":" in address else ICMP, None, 0)
        yield refused(f"SCTP to {what}", n.raw, address, SCTP, None, 9899)
        yield refused(f"UDP-Lite to {what}", udp_with, dict(address=address, port=5000, protocol=UDPLITE))
    for port in (442, 444, 80, 22, 0xFFFF):
        yield refused(f"TCP to the listed server, port {port}", n.tcp, SERVER4, port)
    for port in (8442, 8451):
        yield refused(f"TCP to a listed prefix, port {port}", n.tcp, FAR4, port)
    yield refused("UDP to a port that is listed for TCP", n.udp, SERVER4, 443)
    yield refused("TCP to a port that is listed for UDP", n.tcp, SERVER4, 53)
    yield refused("TCP to the neighbour prefix", n.tcp, "10.88.1.1", 8443)
    yield refused("ping to a host that is listed for TCP", n.raw, FAR4, ICMP, None, 0)
    yield refused("TCP with data in its first packet", n.tcp, STRANGER4, 443, None, True)
    yield refused("TCP over several paths (MPTCP)", n.mptcp, STRANGER4, 443)
    yield refused("UDP in fragments to a stranger", n.udp, STRANGER4, 5000, b"A" * 4000)
    yield refused("UDP with a mark", udp_with, dict(address=STRANGER4, port=5000, mark=1))
    yield refused("UDP with a source of somebody else's", udp_with, dict(address=STRANGER4, port=5000, source="10.1.2.3"))
    yield refused("DNS tunnel to an unlisted resolver", n.udp, STRANGER4, 53, n.dns_tunnel())
    yield refused("DNS tunnel to an unlisted resolver, IPv6", n.udp, STRANGER6, 53, n.dns_tunnel())
    yield refused("DHCP to everybody, with data in an option", udp_with,
                  dict(address="255.255.255.255", port=67, payload=n.dhcp_discover(), broadcast=True, device="eno1"))
    yield refused("DHCP to a stranger", n.udp, STRANGER4, 67, n.dhcp_discover())
    yield refused("DHCP over a packet socket", n.frame, ether4("ff:ff:ff:ff:ff:ff", "255.255.255.255", 67, source="0.0.0.0",
                                                               payload=n.dhcp_discover(), source_port=68))
    yield refused("broadcast", udp_with, dict(address="10.77.0.255", port=9, broadcast=True))
    yield refused("multicast (mDNS)", n.multicast, "224.0.0.251", 5353)
    yield refused("multicast (SSDP)", n.multicast, "239.255.255.250", 1900)
    yield refused("multicast, IPv6", n.multicast, "ff02::fb", 5353)
    yield refused("joining a group (IGMP)", n.join_group, "239.1.2.3")


def udp_with(options):
    n.udp(**options)


def raw_rows():
    for protocol, name in ((4, "IP in IP"), (41, "IPv6 in IP"), (47, "GRE"), (50, "ESP"), (51, "AH"), (89, "OSPF"), (112, "VRRP"),
                           (253, "an experiment"), (255, "raw")):
        yield refused(f"raw IP, {name}, to a stranger", n.raw_header, n.ipv4(STRANGER4, protocol, n.TAG), STRANGER4)
        yield refused(f"raw IP, {name}, to the listed server", n.raw_header, n.ipv4(SERVER4, protocol, n.TAG), SERVER4)
    yield refused("raw IP, a source of somebody else's", n.raw_header, n.packet_for(STRANGER4, source="10.9.9.9"), STRANGER4)
    yield refused("raw IP with options", n.raw_header,
                  n.ipv4(STRANGER4, UDP, n.transport(UDP, STRANGER4, 9), options=b"\x07\x27\x04" + n.TAG + bytes(12)), STRANGER4)
    yield refused("ICMP, an unusual type, to a stranger", n.raw, STRANGER4, ICMP, struct.pack("!BBHI", 40, 0, 0, 0) + n.TAG)
    yield refused("ICMP redirect to a stranger", n.raw, STRANGER4, ICMP, struct.pack("!BBHI", 5, 1, 0, 0) + n.TAG)
    first, later = fragments4(STRANGER4, 5000)
    yield refused("raw IP, the first fragment, to a stranger", n.raw_header, first, STRANGER4, bare=False,
                  note="this kernel waits for the rest where connections are tracked")
    yield refused("raw IP, a later fragment, to a stranger", n.raw_header, later, STRANGER4, bare=False)
    port = n.transport(UDP, STRANGER6, 9)
    for name, headers in (("hop-by-hop options", (0,)), ("destination options", (60,)), ("three headers", (0, 60, 60))):
        body, following = port, UDP
        for kind in reversed(headers):
            body, following = n.extension(following, n.TAG) + body, kind
        yield refused(f"IPv6 with {name}", n.raw_header, n.ipv6(STRANGER6, following, body), STRANGER6)
        yield refused(f"IPv6 with {name} to an unlisted port of the server", n.raw_header,
                      n.ipv6(SERVER6, following, body.replace(port, n.transport(UDP, SERVER6, 9))), SERVER6)
    routing = struct.pack("!BBBBI", UDP, 2, 4, 0, 0)[:8] + bytes(16)
    yield refused("IPv6 with a routing header", n.raw_header, n.ipv6(STRANGER6, 43, routing + port), STRANGER6)
    yield refused("IPv6 with nothing behind its header", n.raw_header, n.ipv6(STRANGER6, 59, n.TAG), STRANGER6)


def frame_rows():
    yield from frames("to a stranger", ether4("stranger", STRANGER4))
    yield from frames("to a stranger, IPv6", ether6("stranger", STRANGER6))
    yield from frames("to the listed address and port, by a stranger's MAC", ether4("stranger", SERVER4, 443, TCP))
    yield from frames("to the listed address and port, by a stranger's MAC, IPv6", ether6("stranger", SERVER6, 443, TCP))
    yield from frames("to a listed prefix, by the server's MAC", ether4("server", FAR4, 8443, TCP))
    yield from frames("to a stranger, by the server's MAC", ether4("server", STRANGER4, 443, TCP))
    yield from frames("to everybody, with the listed address", ether4("ff:ff:ff:ff:ff:ff", SERVER4, 443, TCP))
    yield from frames("to a group, with the listed address", ether4("01:00:5e:00:00:01", SERVER4, 443, TCP))
    yield from frames("to the listed address, an unlisted port", ether4("server", SERVER4, 9))
    yield from frames("of version 6 in a frame of version 4", n.ethernet("server", IPV4, n.packet_for(SERVER6, TCP, 443)))
    yield from frames("of version 4 in a frame of version 6", n.ethernet("server", IPV6, n.packet_for(SERVER4, TCP, 443)))
    yield from frames("of no protocol that is known", n.ethernet("server", 0x88B6, n.TAG))
    yield from frames("of IEEE 802.3 (a length as type)", n.ethernet("server", len(n.TAG) + 3, b"\xaa\xaa\x03" + n.TAG))
    yield from frames("with a header that is too short", n.ethernet("server", IPV4, b"\x45" + bytes(18)))
    for ether_type, name in ((0x88CC, "LLDP"), (0x8863, "PPPoE"), (0x8847, "MPLS"), (0x888E, "EAPOL"), (0x88E5, "MACsec"),
                             (0x22F0, "AVTP"), (0x8906, "FCoE"), (0x0842, "wake on LAN"), (0x9000, "loopback")):
        yield refused(f"AF_PACKET {name}", n.frame, n.ethernet("server", ether_type, n.TAG))
    yield refused("AF_PACKET, STP to a bridge", n.frame, n.ethernet("01:80:c2:00:00:00", 38, b"\x42\x42\x03" + n.TAG))
    yield refused("AF_PACKET, header by the kernel, to a stranger", n.frame_dgram, "stranger", IPV4, n.packet_for(STRANGER4))
    yield refused("AF_PACKET by a ring, to a stranger", n.frame_ring, ether4("stranger", STRANGER4))
    yield refused("AF_PACKET, cut by the kernel, to a stranger", n.frame_offloaded,
                  ether4("stranger", STRANGER4, payload=b"A" * 3000))
    yield from frames("with a source MAC of somebody else's", n.ethernet("stranger", IPV4, n.packet_for(STRANGER4), "server"))
    for outer, name in ((0x8100, "802.1Q"), (0x88A8, "802.1ad")):
        for tag in (0, 5):
            yield from frames(f"in a VLAN ({name}, {tag}), otherwise listed", n.tagged(outer, tag, ether4("server", SERVER4, 443, TCP)))
    yield from frames("in two VLANs", n.tagged(0x88A8, 7, n.tagged(0x8100, 5, ether4("server", SERVER4, 443, TCP))))
    first, later = fragments4(STRANGER4, 5000)
    yield from frames("the first fragment to a stranger", n.ethernet("stranger", IPV4, first))
    yield from frames("a later fragment to a stranger", n.ethernet("stranger", IPV4, later))
    yield from frames("a later fragment to a stranger, IPv6",
                      n.ethernet("stranger", IPV6, fragment6(STRANGER6, n.TAG, 800, 0)))
    first, _ = fragments4(SERVER4, 9)
    yield from frames("the first fragment to an unlisted port of the server", n.ethernet("server", IPV4, first))
    yield from frames("a fragment of 4 bytes, so that no port is in it",
                      n.ethernet("server", IPV4, n.ipv4(SERVER4, UDP, b"\0\0", more=True)))
    yield refused("AF_XDP to a stranger", n.af_xdp, ether4("stranger", STRANGER4), limit=99,
                  note="beneath every hook of netfilter; needs CAP_NET_RAW (SECURITY.md)")
    yield refused("UDP as root of a user namespace", user_namespace, f"udp({STRANGER4!r}, 9)")
    yield refused("TCP as root of a user namespace, IPv6", user_namespace, f"tcp({STRANGER6!r}, 443)")
    yield allowed("UDP as root of a user namespace to the listed server", user_namespace, f"udp({SERVER4!r}, 5000)")
    yield refused("AF_PACKET as root of a user namespace", user_namespace, f"frame({ether4('stranger', STRANGER4)!r})", bare=False,
                  note="the kernel refuses the socket")


def link_rows():
    yield refused("ARP with data behind it", n.frame, n.arp(SERVER4, extra=n.TAG * 40))
    yield refused("ARP with data where padding is", n.frame, n.arp(SERVER4, extra=n.TAG[:18]))
    yield refused("ARP for longer addresses", n.frame, n.arp(SERVER4, lengths=(6, 16), extra=n.TAG))
    yield refused("ARP of another link", n.frame, n.arp(SERVER4, hardware=6))
    yield refused("ARP for another protocol", n.frame, n.arp(SERVER4, protocol=0x1234))
    yield refused("ARP, an unknown operation", n.frame, n.arp(SERVER4, operation=77), cargo=lambda f: f.body[6:8] == b"\0\x4d")
    yield refused("ARP in somebody else's name", n.frame, n.arp(SERVER4, operation=2, sender_mac="server"),
                  cargo=lambda f: f.type == ARP and f.body[8:14] == mac_bytes("server"))
    yield refused("ARP tunnel: 1000 questions", many_arps, 1000, limit=200, cargo=lambda f: f.type == ARP,
                  note="as narrow as the link needs it")
    yield refused("a neighbour solicitation with data", n.frame, n.neighbour_solicitation(SERVER6, n.TAG * 40))
    yield refused("a neighbour solicitation with data, past the queue", n.frame,
                  n.neighbour_solicitation(SERVER6, n.TAG * 40), "eno1", True)
    yield refused("ND tunnel: 1000 questions", many_solicitations, 1000, limit=200,
                  cargo=lambda f: f.type == IPV6 and f.protocol == ICMPV6 and f.payload[:1] == b"\x87", note="likewise")
    yield refused("a router advertisement", n.frame, n.ethernet("33:33:00:00:00:01", IPV6, n.ipv6(
        "ff02::1", ICMPV6, struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + n.TAG, hops=255)))


def interface_rows():
    unlisted = ("addr add 10.77.0.9/24 dev {0}", "link set {0} up")
    yield refused("an interface that is not listed", n.udp, "10.99.0.2", 9, second=True)
    yield refused("an interface that is not listed, by its name", n.udp, "10.99.0.2", 9, n.TAG, "eno2", second=True)
    yield refused("an interface that is not listed, a frame", n.frame, n.ethernet("ff:ff:ff:ff:ff:ff", IPV4, n.packet_for("10.99.0.2")),
                  "eno2", second=True)
    yield refused("an interface that is not listed, put up again and again", up_again, second=True,
                  undo=("ip link set eno2 up",))
    yield refused("macvlan", n.frame, ether4("stranger", STRANGER4), "mv0",
                  setup=("ip link add link eno1 name mv0 type macvlan mode bridge", "ip link set mv0 up"), undo=("ip link del mv0",))
    yield refused("macvlan in a namespace of its own", in_inner, "mv0",
                  setup=("ip link add link eno1 name mv0 type macvlan mode bridge",))
    yield refused("a bridge over the listed interface", n.frame, ether4("stranger", STRANGER4), "br0",
                  setup=("ip link add br0 type bridge", "ip link set eno1 master br0", "ip link set br0 up"),
                  undo=("ip link del br0",))
    yield refused("a bridge between a namespace and the listed interface", bridged,
                  setup=("ip link add br0 type bridge", "ip link set eno1 master br0", "ip link set br0 up"),
                  undo=("ip link del br0",))
    yield refused("a tunnel (VXLAN) to a stranger", n.frame, ether4("ff:ff:ff:ff:ff:ff", "10.1.1.1"), "vx0",
                  setup=("ip link add vx0 type vxlan id 7 remote 10.77.0.3 dstport 4789 dev eno1", "ip link set vx0 up"),
                  undo=("ip link del vx0",))
    yield refused("what a tun interface is given, forwarded", n.through_tun, n.packet_for(STRANGER4, source="10.66.0.9"))
    yield refused("what a tun interface is given, forwarded, to the listed server", n.through_tun,
                  n.packet_for(SERVER4, TCP, 443, source="10.66.0.9"))
    yield refused("forwarded from a namespace of its own", forwarded, STRANGER4, 9)
    yield refused("forwarded from a namespace of its own, to the listed server", forwarded, SERVER4, 443)
    yield refused("the listed interface under another name", renamed,
                  undo=("ip link set eno9 down; ip link set eno9 name eno1", *TERMINAL_UP))
    yield refused("the listed interface in another namespace", moved, undo=TERMINAL_UP, limit=99,
                  note="root carries it where no rule of ours is (SECURITY.md)")
    yield refused("an unlisted interface under the listed name", disguised, second=True,
                  undo=("ip link set eno1 down", "ip link set eno1 name eno2", "ip link set eno8 down", "ip link set eno8 name eno1",
                        *TERMINAL_UP, "ip link set eno2 up", "ip addr replace 10.99.0.1/24 dev eno2"))


TERMINAL_UP = ("ip link set eno1 up", f"ip addr replace {TERMINAL4}/24 dev eno1", f"ip addr replace {TERMINAL6}/64 dev eno1 nodad",
               f"ip route replace default via {ROUTER4}", f"ip route replace default via {ROUTER6}")


def up_again():
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        try:
            os.system("ip link set eno2 up")
            n.frame(n.ethernet("ff:ff:ff:ff:ff:ff", IPV4, n.packet_for("10.99.0.2")), "eno2")
        except OSError:
            pass


def _inner(commands, send):
    """A namespace with a name that is nobody else's, gone afterwards."""
    name = f"sknl{os.getpid()}i"
    end = time.monotonic() + 5  # the one before takes its adapters with it, but later
    while {"vbr", "vout"} & {adapter for _, adapter in socket.if_nameindex()} and time.monotonic() < end:
        time.sleep(0.02)
    try:
        n.shell(f"ip netns add {name}", *(c.format(name) for c in commands))
        code = f"import sys; sys.path[:0] = {[os.path.dirname(n.__file__)]!r}\nimport netsend\n{send}"
        subprocess.run(["ip", "netns", "exec", name, "/usr/bin/python3", "-c", code], capture_output=True, check=False, timeout=10)
    finally:
        os.system(f"ip netns del {name} 2>/dev/null")


def in_inner(device):
    _inner((f"ip link set {device} netns {{0}}", f"ip -n {{0}} link set {device} up",
            f"ip -n {{0}} addr add 10.77.0.9/24 dev {device}"),
           f"netsend.frame({ether4('stranger', STRANGER4)!r}, {device!r})")


def bridged():
    _inner(("ip link add vin type veth peer name vbr", "ip link set vin netns {0}", "ip link set vbr master br0", "ip link set vbr up",
            "ip -n {0} link set vin up"), f"netsend.frame({ether4('stranger', STRANGER4)!r}, 'vin')")


def forwarded(address, port):
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
        f.write("1")
    _inner(("ip link add vin type veth peer name vout", "ip link set vin netns {0}", "ip addr add 10.55.0.1/24 dev vout",
            "ip link set vout up", "ip -n {0} addr add 10.55.0.2/24 dev vin", "ip -n {0} link set vin up",
            "ip -n {0} route add default via 10.55.0.1"),
           f"import time; netsend.udp({address!r}, {port}); netsend.tcp({address!r}, {port}); time.sleep(0.1)")


def renamed():
    n.shell("ip link set eno1 down", "ip link set eno1 name eno9", *(line.replace("eno1", "eno9") for line in TERMINAL_UP))
    n.udp(STRANGER4, 9)
    n.frame(ether4("stranger", STRANGER4), "eno9")
    time.sleep(0.3)
    n.frame(ether4("stranger", STRANGER4), "eno9", True)


def moved():
    name = f"sknl{os.getpid()}m"
    here = f"sknl{os.getpid()}h"
    try:
        n.shell(f"ip netns add {name}", f"ip netns attach {here} {os.getpid()}", f"ip link set eno1 netns {name}",
                f"ip -n {name} link set eno1 up")
        code = f"import sys; sys.path[:0] = {[os.path.dirname(n.__file__)]!r}\nimport netsend\n" \
               f"netsend.frame({ether4('stranger', STRANGER4)!r})"
        subprocess.run(["ip", "netns", "exec", name, "/usr/bin/python3", "-c", code], check=False, timeout=10)
    finally:
        os.system(f"ip -n {name} link set eno1 netns {here}; ip netns del {name}; ip netns del {here}")


def disguised():
    n.shell("ip link set eno1 down", "ip link set eno1 name eno8", "ip link set eno2 down", "ip link set eno2 name eno1",
            "ip link set eno1 up", "ip addr replace 10.99.0.1/24 dev eno1")
    time.sleep(0.3)
    n.udp("10.99.0.2", 9)
    n.frame(n.ethernet("ff:ff:ff:ff:ff:ff", IPV4, n.packet_for("10.99.0.2")), "eno1")


GROUPS = {"sockets": socket_rows, "raw IP": raw_rows, "frames": frame_rows, "the link's own protocols": link_rows,
          "interfaces": interface_rows}


def every():
    """(group, row) of all."""
    return [(group, row) for group, make in GROUPS.items() for row in make()]
