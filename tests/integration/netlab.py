# SPDX-License-Identifier: GPL-2.0-or-later
"""A network of namespaces: the terminal, a switch that sees every frame it sends, and hosts that are listed or not.

    terminal --eno1--[wire]--[ switch ]-- server      10.77.0.2, 2001:db8:77::2   listed, by its own MAC
             |                   |-- stranger         10.77.0.3, 2001:db8:77::3   on the same wire, listed nowhere
             |                   `-- router --- far   10.88.0.2, 2001:db8:88::2   listed, behind the router's MAC
             `--eno2--[wire]--[ switch2 ]             an interface that is listed nowhere

What left the terminal is what the switch's port received: an AF_PACKET socket there was open before, and each look ends
with a frame that is put on the wire outside of the terminal, so that a deaf capture is noticed. The wire is two interfaces
that hand every frame on as it is (a bridge would keep some for itself)."""

import ctypes
import os
import pathlib
import select
import socket
import struct
import subprocess
import time

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000
MARKER_TYPE = 0x88B5  # an EtherType for local experiments, IEEE 802

MACS = {"terminal": "02:77:00:00:00:01", "server": "02:77:00:00:00:02", "stranger": "02:77:00:00:00:03",
        "router": "02:77:00:00:00:fe", "second": "02:77:00:00:01:01"}
TERMINAL4, SERVER4, STRANGER4, ROUTER4, FAR4 = "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.254", "10.88.0.2"
TERMINAL6, SERVER6, STRANGER6, ROUTER6, FAR6 = ("2001:db8:77::1", "2001:db8:77::2", "2001:db8:77::3", "2001:db8:77::fe",
                                                "2001:db8:88::2")
_libc = ctypes.CDLL(None, use_errno=True)


def mac_bytes(name):
    return bytes.fromhex(MACS.get(name, name).replace(":", ""))


def run(*words, check=True, **options):
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, **options)
    if check and result.returncode:
        raise AssertionError(f"{' '.join(map(str, words))}: {result.returncode}: {result.stdout}{result.stderr}")
    return result


class Frame:
    """A frame as the wire had it, read as far as a test asks."""

    def __init__(self, data, vlan=None):
        self.data, self.vlan = data, vlan
        self.destination, self.source = data[:6], data[6:12]
        self.type = struct.unpack("!H", data[12:14])[0]
        self.body = data[14:]

    @property
    def protocol(self):
        if self.type == 0x0800 and len(self.body) >= 20:
            return self.body[9]
        if self.type == 0x86DD and len(self.body) >= 40:
            return self.body[6]
        return None

    @property
    def ip_destination(self):
        if self.type == 0x0800 and len(self.body) >= 20:
            return socket.inet_ntop(socket.AF_INET, self.body[16:20])
        if self.type == 0x86DD and len(self.body) >= 40:
            return socket.inet_ntop(socket.AF_INET6, self.body[24:40])
        return None

    @property
    def payload(self):
        """Behind IPv4's header, or IPv6's with a hop-by-hop header."""
        if self.type == 0x0800:
            return self.body[(self.body[0] & 15) * 4:]
        if self.body[6] == 0:
            return self.body[40 + (self.body[41] + 1) * 8:]
        return self.body[40:]

    def is_link_noise(self):
        """What a link needs to live: ARP of the right form, ND and MLD, never with data of anybody's in it."""
        if self.vlan is not None:
            return False
        if self.type == 0x0806:
            return len(self.body.rstrip(b"\0")) <= 28 and self.body[:6] == bytes.fromhex("000108000604")
        if self.type != 0x86DD or len(self.body) < 40:
            return False
        kind = self.payload[:1]
        hop_by_hop_mld = self.body[6] == 0 and kind in (b"\x83", b"\x84", b"\x8f")
        return hop_by_hop_mld or (self.body[6] == 58 and kind in (b"\x85", b"\x87", b"\x88") and len(self.body) <= 40 + 48)

    def __repr__(self):
        return (f"<{self.source.hex(':')} > {self.destination.hex(':')} {self.type:#06x}"
                f"{'' if self.vlan is None else f' vlan {self.vlan}'} {self.ip_destination} {self.protocol}"
                f" {len(self.data)} B {self.body[20:60].hex()}>")


class Capture:
    """Every frame that a switch's port receives from the terminal."""

    def __init__(self, lab, namespace, port, wire):
        self.lab = lab
        with lab.inside("wire"):
            self.injector = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.injector.bind((wire, 0))
        with lab.inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            self.socket.bind((port, ETH_P_ALL))
        self.number = 0
        self.frames()

    def _read(self):
        try:
            data, extra, _, address = self.socket.recvmsg(65536, 256)
        except BlockingIOError:
            return None
        if address[2] == PACKET_OUTGOING or len(data) < 14:
            return False
        vlan = None
        for level, kind, value in extra:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                if status & 0x10:  # TP_STATUS_VLAN_VALID
                    vlan = tci & 0xFFF
        return Frame(data, vlan)

    def frames(self, seconds=5.0):
        """All since the last call. The wire is in order: when the marker is here, what was sent before it is too."""
        self.number += 1
        time.sleep(0.02)  # frames cross two interfaces, perhaps on another processor
        self.injector.send(b"\xff" * 6 + struct.pack("!6sHQ", bytes(6), MARKER_TYPE, self.number) + bytes(50))
        found, end = [], time.monotonic() + seconds
        while True:
            frame = self._read()
            if frame is None:
                if time.monotonic() > end:
                    raise AssertionError("the capture is deaf")
                select.select([self.socket], [], [], 0.05)
            elif frame and frame.type == MARKER_TYPE:
                if frame.body[:8] == struct.pack("!Q", self.number):
                    if self.lost():
                        raise AssertionError("the capture lost frames")
                    return found
            elif frame:
                found.append(frame)

    def lost(self):
        return struct.unpack("II", self.socket.getsockopt(SOL_PACKET, 6, 8))[1]

    def close(self):
        self.socket.close()
        self.injector.close()


class Lab:
    """Namespaces with a name of their own for each instance; close() takes them away."""

    count = 0

    def __init__(self, prefix="sknl"):
        Lab.count += 1
        self.prefix = f"{prefix}{os.getpid()}x{Lab.count}"
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.names, self.captures, self.fds = [], [], {}
        self.outside = self.outside2 = None
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    # ---- building ----

    def ns(self, name):
        return f"{self.prefix}-{name}"

    def ip(self, namespace, *lines):
        text = "\n".join(lines) + "\n"
        run("ip", "-n", self.ns(namespace), "-batch", "-", input=text)

    def add(self, name):
        run("ip", "netns", "add", self.ns(name))
        self.names.append(name)
        self.fds[name] = os.open(f"/run/netns/{self.ns(name)}", os.O_RDONLY | os.O_CLOEXEC)
        with self.inside(name):
            for what in ("all", "default"):
                # no waiting for duplicate address detection, no addresses of the kernel's own choice
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{what}/accept_dad").write_text("0")
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{what}/accept_ra").write_text("0")
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{what}/router_solicitations").write_text("0")
                if name in ("wire", "switch", "switch2"):  # these say nothing of their own
                    pathlib.Path(f"/proc/sys/net/ipv6/conf/{what}/disable_ipv6").write_text("1")
        self.ip(name, "link set lo up")

    def _cable(self, namespace, name, switch, port, mac):
        run("ip", "link", "add", name, "netns", self.ns(namespace), "address", mac, "type", "veth", "peer", "name", port,
            "netns", self.ns(switch))

    def _wire(self, name, switch, mac):
        near, far = f"{name}n", f"{name}f"
        self._cable("terminal", name, "wire", near, mac)
        self._cable("wire", far, switch, "t0", "02:77:00:00:02:01")
        self.ip("wire", f"link set {near} up promisc on", f"link set {far} up promisc on")
        for a, b in ((near, far), (far, near)):
            run("tc", "-n", self.ns("wire"), "qdisc", "add", "dev", a, "clsact")
            run("tc", "-n", self.ns("wire"), "filter", "add", "dev", a, "ingress", "protocol", "all", "u32", "match", "u32",
                "0", "0", "action", "mirred", "egress", "redirect", "dev", b)

    def _build(self):
        for name in ("terminal", "wire", "switch", "switch2", "server", "stranger", "router", "far"):
            self.add(name)
        self._wire("eno1", "switch", MACS["terminal"])
        self._wire("eno2", "switch2", MACS["second"])
        for host in ("server", "stranger", "router"):
            self._cable(host, "eth0", "switch", host, MACS[host])
        self._cable("far", "eth0", "router", "eth1", "02:88:00:00:00:02")
        self.ip("switch", "link add br0 type bridge mcast_snooping 0", *(
            line for p in ("t0", "server", "stranger", "router")
            for line in (f"link set {p} master br0", f"link set {p} up")), "link set br0 up")
        self.ip("switch2", "link set t0 up", "addr add 10.99.0.2/24 dev t0")
        self.ip("terminal", f"addr add {TERMINAL4}/24 dev eno1", f"addr add {TERMINAL6}/64 dev eno1 nodad", "link set eno1 up",
                "link set eno2 up", "addr add 10.99.0.1/24 dev eno2",
                f"route add default via {ROUTER4}", f"route add default via {ROUTER6}")
        for host, four, six in (("server", SERVER4, SERVER6), ("stranger", STRANGER4, STRANGER6),
                                ("router", ROUTER4, ROUTER6)):
            self.ip(host, f"addr add {four}/24 dev eth0", f"addr add {six}/64 dev eth0 nodad", "link set eth0 up")
        self.ip("router", "addr add 10.88.0.254/24 dev eth1", "addr add 2001:db8:88::fe/64 dev eth1 nodad", "link set eth1 up")
        self.ip("far", f"addr add {FAR4}/24 dev eth0", f"addr add {FAR6}/64 dev eth0 nodad", "link set eth0 up",
                "route add default via 10.88.0.254", "route add default via 2001:db8:88::fe")
        with self.inside("router"):
            pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            pathlib.Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
        self.outside = self.capture("switch", "t0", "eno1f")
        self.outside2 = self.capture("switch2", "t0", "eno2f")

    def capture(self, namespace, port, wire):
        c = Capture(self, namespace, port, wire)
        self.captures.append(c)
        return c

    # ---- working ----

    def inside(self, name):
        return Inside(self, name)

    def do(self, name, function, *arguments, uid=None, seconds=30):
        """function(*arguments) in a child inside the namespace. What went wrong there is returned as text, for a test's
        message: whether something left is the capture's to say."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(read)
                _setns(self.fds[name])
                if uid is not None:
                    os.setgroups([])
                    os.setresgid(uid, uid, uid)
                    os.setresuid(uid, uid, uid)
                function(*arguments)
                status = 0
            except BaseException as e:  # pylint: disable=broad-except
                os.write(write, f"{type(e).__name__}: {e}".encode()[:4000])
            finally:
                os._exit(status)
        os.close(write)
        with os.fdopen(read, "rb") as f:
            ready, _, _ = select.select([f], [], [], seconds)
            said = f.read().decode() if ready else "took too long"
        if not ready:
            os.kill(pid, 9)
        os.waitpid(pid, 0)
        return said

    def sh(self, name, line, check=True, **options):
        return run("ip", "netns", "exec", self.ns(name), "sh", "-c", line, check=check, **options)

    def popen(self, name, *words, **options):
        return subprocess.Popen(["ip", "netns", "exec", self.ns(name), *map(str, words)], **options)

    def close(self):
        for c in self.captures:
            c.close()
        for name in self.names:
            run("ip", "netns", "del", self.ns(name), check=False)
        for fd in self.fds.values():
            os.close(fd)
        os.close(self.home)
        self.names, self.captures, self.fds = [], [], {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


class Inside:
    """This thread, in another namespace for the length of a with."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name

    def __enter__(self):
        _setns(self.lab.fds[self.name])

    def __exit__(self, *_):
        _setns(self.lab.home)
