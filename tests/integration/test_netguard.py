#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The network guard stays: through flushes, kills, stops, restarts and a thousand changes of policy, nothing gets out that
is listed nowhere. A sender that never rests tries all the while; the capture outside of the terminal counts. Beside it a
listed sender shows that the way is open and the capture hears."""
import netlab
import netsend
from fakeroot import BUILD, eventually

import collections
import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

NETD = pathlib.Path(os.environ.get("SEKISHO_NETD", BUILD / "agent/network/sekisho-netd"))
RELOADS = int(os.environ.get("SEKISHO_RELOADS", "60"))
MESSAGE = struct.Struct("=IiQ72s16sII48s200s")
RELOAD, STATE, LOADED, TROUBLE = range(4)
LISTED, ALSO, NOWHERE = 1001, 1002, 1003  # UDP ports of the server

HEAD = """sekisho: 1
header: {fleet: t, serial: %d, issued: 2026-01-01T00:00:00+09:00, expires: never, target: [all]}
mode: %s
network:
  interfaces: {allow: [%s]}
"""


def policy(*rules, serial=2, mode="enforce", interfaces="eno1", inbound=()):
    text = HEAD % (serial, mode, interfaces)
    text += "  rules:\n" + "".join(f"    - {r}\n" for r in rules) if rules else ""
    return text + ("  inbound:\n" + "".join(f"    - {r}\n" for r in inbound) if inbound else "")


def rule(name, to, protocol, port, mac=netlab.MACS["server"]):
    return f'{{id: {name}, to: ["{to}"], protocol: {protocol}, ports: [{port}], next-hop: ["{mac}"]}}'


FIRST = rule("first", f"{netlab.SERVER4}/32", "udp", LISTED)
SECOND = rule("second", f"{netlab.SERVER4}/32", "udp", ALSO)


class Keeper:
    """Does for sekisho-netd what the service manager does: keeps the socket that it hands over, and gives it back."""

    def __init__(self, lab, text):
        self.lab = lab
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="skng-"))
        for path in ("run/sekisho", "etc", "var/lib/sekisho"):
            (self.root / path).mkdir(parents=True)
        self.policy, self.log = self.root / "policy.yaml", self.root / "log"
        self.policy.write_text(text)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.root / "notify"))
        self.kept, self.process, self.calling = None, None, None

    def start(self):
        environment = dict(os.environ, NOTIFY_SOCKET=str(self.root / "notify"), LC_ALL="C")
        words = [str(NETD), "--root", str(self.root), "--policy", str(self.policy)]
        if self.kept is not None:
            words = ["bash", "-c", f'exec env LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=nftables "$@" 3<&{self.kept}', "-"] + words
        with self.lab.inside("terminal"), self.log.open("ab") as log:
            self.process = subprocess.Popen(words, env=environment, stdout=log, stderr=log,
                                            pass_fds=[self.kept] if self.kept is not None else [])
        self.wait_ready()
        return self

    def wait_ready(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if select.select([self.notify], [], [], 0.05)[0]:
                data, fds, _, _ = socket.recv_fds(self.notify, 4096, 4)
                if b"FDSTORE=1" in data:
                    self.forget()
                    self.kept = fds[0]
                if b"READY=1" in data:
                    return
            if self.process.poll() is not None:
                break
        raise AssertionError(f"sekisho-netd is not ready: {self.said()}")

    def said(self):
        return self.log.read_text(errors="replace")

    def forget(self):
        if self.kept is not None:
            os.close(self.kept)
        self.kept = None

    def call(self):
        """As the agent does."""
        if not self.calling:
            self.calling = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.calling.settimeout(30)
            self.calling.connect(str(self.root / "run/sekisho/network.sock"))
        return self.calling

    def reload(self, text):
        temporary = self.root / "next"
        temporary.write_text(text)
        temporary.rename(self.policy)
        s = self.call()
        s.send(MESSAGE.pack(RELOAD, 0, 0, b"", b"", 0, 0, b"", b""))
        while True:
            kind, error, *_ = MESSAGE.unpack(s.recv(4096))
            if kind == LOADED:
                return error

    def kill(self, how=signal.SIGKILL):
        if self.calling:
            self.calling.close()
            self.calling = None
        self.process.send_signal(how)
        return self.process.wait(timeout=30)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.forget()
        self.notify.close()
        shutil.rmtree(self.root)


def hammer(targets, pause, stop):
    """Sends to all, until told not to; what the kernel says to that does not matter."""
    sockets = {4: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 6: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)}
    while not select.select([stop], [], [], pause)[0]:
        for address, port in targets:
            try:
                sockets[6 if ":" in address else 4].sendto(b"x" * 64, (address, port))
            except OSError:
                pass
    for s in sockets.values():
        s.close()


class Sender:
    def __init__(self, lab, *targets, pause=0.0):
        read, self.stop = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                netlab._setns(lab.fds["terminal"])
                os.closerange(read + 1, 4096)  # the kept socket, too
                os.closerange(3, read)
                hammer(targets, pause, read)
            finally:
                os._exit(0)
        os.close(read)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.stop)
        os.waitpid(self.pid, 0)


FORBIDDEN = [(netlab.SERVER4, NOWHERE), (netlab.STRANGER4, LISTED), (netlab.SERVER6, LISTED), (netlab.FAR4, LISTED)]


def udp_port(frame):
    if frame.protocol != 17 or frame.type not in (0x0800, 0x86DD):
        return None
    return struct.unpack("!H", frame.payload[2:4])[0]


# What is listed, sent to somebody else by a chain that is nobody's business but its owner's.
REWRITE = f"""table netdev other {{
  chain egress {{
    type filter hook egress device "eno1" priority %d; policy accept;
    ip daddr {netlab.SERVER4} udp dport {LISTED} ip daddr set {netlab.STRANGER4} ether daddr set {netlab.MACS['stranger']}
  }}
}}
"""


class NetGuard(unittest.TestCase):
    def setUp(self):
        self.lab = netlab.Lab("skng")
        self.addCleanup(self.lab.close)
        for host in ("server", "stranger", "router"):
            for family in ("4", "6"):
                address = getattr(netlab, host.upper() + family)
                self.lab.ip("terminal", f"neigh replace {address} lladdr {netlab.MACS[host]} nud permanent dev eno1")

    def keeper(self, text=None):
        k = Keeper(self.lab, text or policy(FIRST))
        self.addCleanup(k.close)
        return k

    def nft(self, words, check=True):
        return self.lab.sh("terminal", f"nft {words}", check=check)

    def expect_only(self, ports):
        """How each packet began that arrived; all of them went to listed ports."""
        found = [f for f in self.lab.outside.frames() if not f.is_link_noise()]
        strangers = [f for f in found if udp_port(f) not in ports or f.ip_destination != netlab.SERVER4]
        self.assertEqual(strangers, [])
        return [bytes(f.payload[8:13]) for f in found]

    def expect_tight(self, ports=(LISTED,), at_least=5):
        """Of all that was captured only the listed ports are there, and they are."""
        found = len(self.expect_only(ports))
        self.assertGreaterEqual(found, at_least, "the listed way is not open, or the capture is deaf")
        return found

    def senders(self, *listed):
        return Sender(self.lab, *FORBIDDEN), Sender(self.lab, *((netlab.SERVER4, p) for p in listed or (LISTED,)), pause=0.005)

    def test_the_senders_do_get_out_without_rules(self):
        with Sender(self.lab, *FORBIDDEN, pause=0.01):
            time.sleep(0.3)
        ports = {(f.ip_destination, udp_port(f)) for f in self.lab.outside.frames()}
        self.assertTrue(set(FORBIDDEN) <= ports, f"only {ports}")

    def test_flush_ruleset_in_a_loop(self):
        k = self.keeper().start()
        self.nft("add table inet other")  # what is somebody's own goes, as he wishes
        forbidden, listed = self.senders()
        with forbidden, listed:
            for _ in range(20):
                self.nft("flush ruleset")
            self.expect_tight(at_least=10)
        self.assertNotIn("other", self.nft("list tables").stdout)
        self.assertEqual(self.nft("delete table inet sekisho", check=False).returncode, 1)
        self.assertIsNone(k.process.poll())

    def test_what_others_rewrite_is_judged_afterwards(self):
        def rewritten(priority):
            file = k.root / "other.nft"
            file.write_text(REWRITE % priority)
            self.nft(f"-f {file}")
            self.lab.outside.frames()
            with Sender(self.lab, (netlab.SERVER4, LISTED), pause=0.01):
                time.sleep(0.3)
            self.nft("delete table netdev other")
            return [f for f in self.lab.outside.frames() if f.ip_destination == netlab.STRANGER4]

        k = self.keeper()
        self.assertTrue(rewritten(400), "nothing is rewritten, so this proves nothing")
        k.start()
        for priority in (0, 400, 0x7FFFFFFF):
            with self.subTest(priority):
                self.assertEqual(rewritten(priority), [])

    def test_killed_and_started_again(self):
        k = self.keeper().start()
        forbidden, listed = self.senders()
        with forbidden, listed:
            for _ in range(4):
                k.kill()
                time.sleep(0.05)
                self.expect_tight(at_least=1)  # nobody is there; the kept socket holds the rules
                k.start()
            self.expect_tight()
        # the rules that were found are those that stand: no second set, and changes still work
        self.assertEqual(k.reload(policy(SECOND, serial=3)), 0)
        self.lab.outside.frames()
        with Sender(self.lab, (netlab.SERVER4, LISTED), (netlab.SERVER4, ALSO), pause=0.01):
            time.sleep(0.5)
        self.expect_tight(ports=(ALSO,), at_least=1)

    def test_without_a_keeper_a_kill_opens(self):
        """The twin of the test above: it is the kept socket that holds."""
        k = self.keeper().start()
        k.kill()
        k.forget()
        with Sender(self.lab, *FORBIDDEN, pause=0.01):
            time.sleep(0.2)
        self.assertTrue([f for f in self.lab.outside.frames() if udp_port(f) == NOWHERE])

    def test_stopped_for_good_and_started_again(self):
        k = self.keeper().start()
        forbidden, listed = self.senders()
        with forbidden, listed:
            for _ in range(3):
                self.assertEqual(k.kill(signal.SIGTERM), 0)
                k.forget()  # as when the unit is stopped
                self.assertIn("sekisho-left", self.nft("list tables").stdout)
                time.sleep(0.1)
                self.expect_tight(at_least=1)
                k.start()
                self.assertNotIn("sekisho-left", self.nft("list tables").stdout)
            self.expect_tight()

    def test_reloads_under_load(self):
        k = self.keeper(policy(FIRST, rule("net", "10.88.0.0/24", "tcp", 80))).start()
        texts = [policy(FIRST, rule("net", "10.88.0.0/24", "tcp", 80)), policy(SECOND)]
        forbidden, listed = self.senders(LISTED, ALSO)
        with self.lab.inside("terminal"):
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(probe.close)
        found = collections.Counter()
        with forbidden, listed:
            for i in range(RELOADS):
                self.assertEqual(k.reload(texts[(i + 1) % 2]), 0)
                now, before = (ALSO, LISTED)[i % 2], (LISTED, ALSO)[i % 2]
                with contextlib.suppress(PermissionError):
                    probe.sendto(b"stale", (netlab.SERVER4, before))  # listed a moment ago
                probe.sendto(b"fresh", (netlab.SERVER4, now))
                if i % 50 == 49:
                    found.update(self.expect_only((LISTED, ALSO)))
            found.update(self.expect_only((LISTED, ALSO)))
        self.assertEqual((found[b"stale"], found[b"fresh"]), (0, RELOADS))
        self.assertGreater(found[b"xxxxx"], RELOADS // 10)
        print(f"{RELOADS} reloads, {found.total()} listed packets, 0 others", file=sys.stderr)

    def test_tightening_cuts_what_is_open(self):
        tcp = rule("web", f"{netlab.SERVER4}/32", "tcp", 443)
        k = self.keeper(policy(tcp)).start()
        server = self.lab.popen("server", sys.executable, "-c", "import socket\ns = socket.create_server(('', 443))\n"
                                "c, _ = s.accept()\nwhile True:\n d = c.recv(64)\n if not d: break\n c.send(d)")
        self.addCleanup(lambda: (server.kill(), server.wait()))
        eventually(lambda: "443" in self.lab.sh("server", "ss -Hlnt 'sport = 443'").stdout, "the server listens")
        with self.lab.inside("terminal"):
            c = socket.socket()
        self.addCleanup(c.close)
        c.settimeout(5)
        c.connect((netlab.SERVER4, 443))
        c.send(b"ping")
        self.assertEqual(c.recv(64), b"ping")
        self.assertEqual(k.reload(policy(SECOND, serial=3)), 0)
        self.lab.outside.frames()
        c.settimeout(1)
        c.send(b"after")
        with self.assertRaises(TimeoutError):
            c.recv(64)
        self.assertEqual([f for f in self.lab.outside.frames() if f.protocol == 6], [])
        # and when it is listed again it goes on: nothing was torn down
        self.assertEqual(k.reload(policy(tcp, serial=4)), 0)
        c.settimeout(20)
        self.assertEqual(c.recv(64), b"after")

    def test_tightening_cuts_who_called(self):
        """A connection from outside, and an exchange of UDP, end with the rules that allowed them."""
        inbound = [f"{{id: ssh, from: [{netlab.SERVER4}/32], protocol: tcp, ports: [22]}}"]
        k = self.keeper(policy(FIRST, inbound=inbound)).start()
        with self.lab.inside("terminal"):
            listener = socket.create_server(("", 22))
            mine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with self.lab.inside("server"):
            caller, theirs = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for s in (listener, mine, caller, theirs):
            self.addCleanup(s.close)
            s.settimeout(5)
        caller.connect((netlab.TERMINAL4, 22))
        called, _ = listener.accept()
        self.addCleanup(called.close)
        theirs.bind((netlab.SERVER4, LISTED))
        mine.sendto(b"question", (netlab.SERVER4, LISTED))
        _, asked_by = theirs.recvfrom(64)
        theirs.sendto(b"answer", asked_by)
        self.assertEqual(mine.recv(64), b"answer")

        self.assertEqual(k.reload(policy(SECOND, serial=3)), 0)
        self.lab.outside.frames()
        called.send(b"secret")
        theirs.sendto(b"order", asked_by)
        mine.settimeout(1)
        caller.settimeout(1)
        for s in (mine, caller):
            with self.assertRaises(TimeoutError):
                s.recv(64)
        self.assertEqual([f for f in self.lab.outside.frames() if f.protocol in (6, 17)], [])

    def test_who_may_call(self):
        k = self.keeper(policy(inbound=[f"{{id: ssh, from: [{netlab.SERVER4}/32], protocol: tcp, ports: [22]}}"])).start()
        listener = self.lab.popen("terminal", sys.executable, "-c",
                                  "import socket\nfor p in (22, 23):\n"
                                  " globals()[f's{p}'] = socket.create_server(('', p), backlog=9)\n"
                                  "while True:\n c, _ = s22.accept(); c.send(b'hello'); c.close()")
        self.addCleanup(lambda: (listener.kill(), listener.wait()))
        for port in (22, 23):
            eventually(lambda p=port: str(p) in self.lab.sh("terminal", f"ss -Hlnt 'sport = {p}'").stdout, f"{port} listens")

        def connect(port):
            with socket.create_connection((netlab.TERMINAL4, port), timeout=2) as s:
                if s.recv(5) != b"hello":
                    raise AssertionError("no hello")

        self.assertEqual(self.lab.do("server", connect, 22), "")
        self.assertIn("Timeout", self.lab.do("server", connect, 23))
        self.assertIn("Timeout", self.lab.do("stranger", connect, 22))
        self.assertIsNone(k.process.poll())

    def test_interfaces_that_are_not_listed(self):
        k = self.keeper().start()

        def is_down(name):
            return "UP" not in self.lab.sh("terminal", f"ip -o link show {name}").stdout.split("<")[1].split(">")[0].split(",")

        eventually(lambda: is_down("eno2"), "the second adapter is down")
        self.assertFalse(is_down("eno1"))
        for name, made in (("br7", "link add br7 type bridge"), ("vlan7", "link add link eno1 name vlan7 type vlan id 7"),
                           ("mac7", "link add link eno1 name mac7 type macvlan"), ("tun7", "tuntap add tun7 mode tun"),
                           ("tap7", "tuntap add tap7 mode tap"), ("dummy7", "link add dummy7 type dummy"),
                           ("usb7", "link add usb7 type veth peer name usb7peer")):
            with self.subTest(name):
                if "Unknown device type" in self.lab.sh("terminal", f"ip {made}", check=False).stderr:
                    continue  # not in this kernel; the terminal's has it
                self.lab.sh("terminal", f"ip link set {name} up")
                eventually(lambda n=name: is_down(n), f"{name} is down")
                self.lab.sh("terminal", f"ip link del {name}")
        # renamed to a listed name it is listed, renamed away it is not
        self.lab.ip("terminal", "link set eno1 down", "link set eno1 name away", "link set eno2 name eno1")
        self.lab.sh("terminal", "ip link set away up; ip link set eno1 up")
        eventually(lambda: is_down("away") and not is_down("eno1"), "names changed hands")
        self.lab.ip("terminal", "link set eno1 down", "link set eno1 name eno2", "link set away name eno1", "link set eno1 up")
        eventually(lambda: not is_down("eno1"), "eno1 is listed again")
        # to another namespace and back
        self.lab.ip("terminal", f"link set eno2 netns {self.lab.ns('far')}")
        self.lab.ip("far", "link set eno2 up", f"link set eno2 netns {self.lab.ns('terminal')}")
        self.lab.sh("terminal", "ip link set eno2 up")
        eventually(lambda: is_down("eno2"), "it came back and is down")
        self.assertIn("interface-refused", k.said())
        with Sender(self.lab, (netlab.SERVER4, LISTED), *FORBIDDEN, pause=0.01):
            self.lab.ip("terminal", f"addr replace {netlab.TERMINAL4}/24 dev eno1",
                        f"neigh replace {netlab.SERVER4} lladdr {netlab.MACS['server']} nud permanent dev eno1")
            self.lab.outside.frames()
            time.sleep(0.3)
        self.expect_tight()

    def test_neighbours_are_pinned(self):
        """Nobody else can answer for whom the rules name, and whoever moves him is undone."""
        self.lab.ip("terminal", f"neigh flush all nud permanent", f"neigh flush all")
        k = self.keeper(policy(FIRST, rule("far", "10.88.0.0/24", "tcp", 80, netlab.MACS["router"]),
                               rule("six", f"{netlab.SERVER6}/128", "udp", LISTED),
                               rule("far-six", "2001:db8:88::/48", "tcp", 80, netlab.MACS["router"]))).start()

        def pinned(address, host):
            return lambda: f"lladdr {netlab.MACS[host]} PERMANENT" in self.lab.sh("terminal", f"ip neigh show {address}").stdout

        eventually(pinned(netlab.SERVER4, "server"), "the server is pinned")
        eventually(pinned(netlab.ROUTER4, "router"), "the router is pinned")
        eventually(pinned(netlab.SERVER6, "server"), "the server is pinned, IPv6")
        eventually(pinned(netlab.ROUTER6, "router"), "the router is pinned, IPv6")
        for stranger in (netlab.STRANGER4, netlab.STRANGER6):
            self.assertNotIn("PERMANENT", self.lab.sh("terminal", f"ip neigh show {stranger}").stdout)
        self.lab.ip("terminal", f"neigh replace {netlab.SERVER4} lladdr {netlab.MACS['stranger']} nud permanent dev eno1")
        eventually(pinned(netlab.SERVER4, "server"), "it is pinned again")
        self.lab.ip("terminal", f"neigh del {netlab.ROUTER4} dev eno1")
        eventually(pinned(netlab.ROUTER4, "router"), "and the router")
        self.lab.ip("terminal", f"neigh replace {netlab.SERVER6} lladdr {netlab.MACS['stranger']} nud permanent dev eno1")
        eventually(pinned(netlab.SERVER6, "server"), "it is pinned again, IPv6")
        # the stranger says that he is the server
        lie = (b"\xff" * 6 + netlab.mac_bytes("stranger") + b"\x08\x06\0\1\x08\0\6\4\0\2" + netlab.mac_bytes("stranger")
               + socket.inet_aton(netlab.SERVER4) + netlab.mac_bytes("terminal") + socket.inet_aton(netlab.TERMINAL4))

        def lying():
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
                s.bind(("eth0", 0))
                for _ in range(50):
                    s.send(lie)

        self.assertEqual(self.lab.do("stranger", lying), "")
        self.assertTrue(pinned(netlab.SERVER4, "server")())
        self.assertEqual(k.reload(policy(SECOND, serial=3)), 0)
        eventually(lambda: not pinned(netlab.ROUTER4, "router")(), "who is not listed is let go")

    def test_radios_and_modules(self):
        k = self.keeper().start()
        out = k.root / "run/modprobe.d/sekisho-network.conf"
        for module in ("bluetooth", "cfg80211"):
            self.assertIn(f"install {module} /bin/false", out.read_text())
        self.assertEqual(k.reload(policy(FIRST, interfaces="eno1, wlan0", serial=3)), 0)
        self.assertIn("install bluetooth /bin/false", out.read_text())
        self.assertNotIn("80211", out.read_text())  # a Wi-Fi adapter needs them before it can be there
        k.kill()
        k.policy.write_text(policy(FIRST, mode="observe", serial=4))
        k.start()
        self.assertFalse(out.exists(), "what an earlier life kept out is not let in")

    def test_tampering_is_mended_and_told(self):
        """Other programs cannot change the rules; whoever got hold of the socket could."""
        k = self.keeper().start()
        forbidden, listed = self.senders()
        s = socket.socket(fileno=os.dup(k.kept))
        self.addCleanup(s.close)
        with forbidden, listed:
            time.sleep(0.2)
            netsend.take_chain_away(s)
            eventually(lambda: "network-tampered" in k.said(), "it is seen")
            self.expect_tight(at_least=1)
            time.sleep(0.2)
            self.expect_tight(at_least=1)
        self.assertEqual(subprocess.run(["ip", "netns", "exec", self.lab.ns("terminal"), NETD, "--check", k.policy]).returncode, 0)

    def test_tampering_while_nobody_is_there(self):
        """The kept socket holds the rules, and whoever got hold of it changes them before there is a new guard."""
        k = self.keeper().start()
        s = socket.socket(fileno=os.dup(k.kept))
        self.addCleanup(s.close)
        k.kill()
        netsend.take_chain_away(s)
        k.start()
        eventually(lambda: "network-tampered: before the start: " in k.said(), "it is seen")
        self.assertEqual(subprocess.run(["ip", "netns", "exec", self.lab.ns("terminal"), NETD, "--check", k.policy]).returncode, 0)
        forbidden, listed = self.senders()
        with forbidden, listed:
            time.sleep(0.2)
            self.expect_tight()

    def test_observing_breaks_nothing(self):
        k = self.keeper(policy(FIRST, mode="observe")).start()
        self.lab.ip("terminal", "link set eno2 up")
        with Sender(self.lab, *FORBIDDEN, (netlab.SERVER4, LISTED), pause=0.01):
            time.sleep(0.3)
        ports = {(f.ip_destination, udp_port(f)) for f in self.lab.outside.frames()}
        self.assertTrue({*FORBIDDEN, (netlab.SERVER4, LISTED)} <= ports, f"only {ports}")
        self.assertIn("UP", self.lab.sh("terminal", "ip -o link show eno2").stdout.split(">")[0])
        # from observing to enforcing and back, in the same process
        self.assertEqual(k.reload(policy(FIRST, serial=3)), 0)
        self.lab.outside.frames()
        with Sender(self.lab, *FORBIDDEN, (netlab.SERVER4, LISTED), pause=0.01):
            time.sleep(0.2)
        self.expect_tight()
        self.assertEqual(k.reload(policy(FIRST, mode="observe", serial=4)), 0)
        eventually(lambda: "UP" in self.lab.sh("terminal", "ip -o link show eno2").stdout.split(">")[0], "eno2 is given back")
        self.lab.outside.frames()
        with Sender(self.lab, *FORBIDDEN, pause=0.01):
            time.sleep(0.2)
        self.assertTrue([f for f in self.lab.outside.frames() if udp_port(f) == NOWHERE])

    def test_everything_is_down_when_rules_cannot_be_had(self):
        """Somebody holds tables of our name, so that ours cannot be made at the start."""
        k = self.keeper().start()
        k.kill(signal.SIGTERM)
        k.forget()
        self.nft("flush ruleset")  # as after a restart of the machine

        def up(name):
            return "UP" in self.lab.sh("terminal", f"ip -o link show {name}").stdout.split("<")[1].split(">")[0].split(",")

        holder = self.lab.popen("terminal", "nft", "-i", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: (holder.kill(), holder.wait(), holder.stdin.close()))
        holder.stdin.write(b"add table inet sekisho { flags owner; }\n")
        holder.stdin.flush()
        eventually(lambda: "sekisho" in self.nft("list tables").stdout, "the name is taken")
        with Sender(self.lab, *FORBIDDEN, (netlab.SERVER4, LISTED), pause=0.01):
            self.assertTrue(up("eno1"))
            with self.assertRaises(AssertionError):
                k.start()
            self.assertFalse(up("eno1"))
            self.assertFalse(up("eno2"))
            self.lab.outside.frames()
            time.sleep(0.3)
            self.assertEqual(self.lab.outside.frames(), [])
        holder.kill()
        holder.wait()
        k.start()  # the twin: what is listed is given back
        eventually(lambda: up("eno1"), "eno1 is up again")
        self.assertFalse(up("eno2"))

    def test_closed_before_the_policy_is_read(self):
        """What was enforced last is shut from the first moment; a policy that cannot be read keeps it shut."""
        k = self.keeper().start()
        k.kill(signal.SIGTERM)
        k.forget()
        self.nft("flush ruleset")  # as after a restart of the machine
        k.policy.write_text("sekisho: 1\nnonsense\n")
        with self.assertRaises(AssertionError):
            k.start()  # it says so, and goes on trying under its service manager
        k.policy.write_text(policy(FIRST))
        with Sender(self.lab, *FORBIDDEN, (netlab.SERVER4, LISTED)):
            self.lab.outside.frames()
            k.start()
            time.sleep(0.2)
        self.expect_tight(at_least=1)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root for network namespaces")
        sys.exit(77)
    unittest.main()
