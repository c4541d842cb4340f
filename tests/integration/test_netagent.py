#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The real agent and the real sekisho-netd on one fake machine, in a network namespace of their own: a policy that is
installed is what the kernel holds, or it is not installed."""
import fakeroot
from fakeroot import BUILD, AgentTest, VarlinkError, eventually, policy
from netsend import take_chain_away

import errno
import fcntl
import os
import signal
import socket
import struct
import subprocess

MESSAGE = struct.Struct("=IiQ72s16sII48s200s")  # struct network_message
DRY_RUN, TRIED = 4, 5
ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
NETD = BUILD / "agent/network/sekisho-netd"
LISTED = """network:
  interfaces: {{allow: [eth7]}}
  rules:
    - {{id: web, to: [10.0.0.{last}/32], protocol: tcp, ports: [443]}}
"""


def with_network(serial, last=1, mode="enforce"):
    return policy(serial=serial) + LISTED.format(last=last) + f"  mode: {mode}\n"


class NetAgent(AgentTest):
    def setUp(self):
        super().setUp()
        self.namespace = f"sknga{os.getpid()}"
        self.ip("netns", "add", self.namespace)
        self.addCleanup(lambda: self.ip("netns", "del", self.namespace))
        self.netd = None
        self.addCleanup(self.stop_netd)
        self.machine.ship(policy() + "network: {mode: observe}\n")
        self.machine.start()

    def ip(self, *words):
        return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout

    def inside(self, *words, check=True):
        return subprocess.run(["ip", "netns", "exec", self.namespace, *map(str, words)], check=check, capture_output=True,
                              text=True)

    def start_netd(self, keep=os.close):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        path = self.machine.root / "notify-netd"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        notify.settimeout(60)
        with (self.machine.root / "netd.log").open("ab") as log:
            self.netd = subprocess.Popen(["ip", "netns", "exec", self.namespace, NETD, "--root", self.machine.root],
                                         stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": str(path)})
        said = b""
        while b"READY=1" not in said:
            said, fds, _, _ = socket.recv_fds(notify, 4096, 4)
            for fd in fds:  # the socket that its rules belong to
                keep(fd)

    def stop_netd(self, how=signal.SIGTERM):
        if self.netd:
            self.netd.send_signal(how)
            self.netd.wait(timeout=60)
        self.netd = None

    def holds(self):
        return self.machine.guard("network")["holding"]

    def loaded(self, text):
        """What is loaded is exactly what this policy says."""
        file = self.machine.root / "check.yaml"
        file.write_text(text)
        return self.inside(NETD, "--check", file, check=False).returncode == 0

    def codes(self):
        return [e["unmapped"]["sekisho"]["agent"]["code"] for e in self.machine.record()
                if "code" in e["unmapped"]["sekisho"].get("agent", {})]

    def test_installed_is_loaded(self):
        self.assertFalse(self.holds())  # nobody is there
        self.start_netd()
        eventually(self.holds, "the guard holds the policy that came with the package")
        self.assertEqual(self.machine.guard("network")["mode"], "observe")
        self.machine.install(with_network(2))  # returns when it holds
        self.assertTrue(self.loaded(with_network(2)))
        self.assertTrue(self.holds())
        self.assertEqual(self.machine.guard("network")["mode"], "enforce")
        self.assertFalse(self.loaded(with_network(2, last=9)))  # the comparison can fail
        self.machine.install(with_network(3, last=9))
        self.assertTrue(self.loaded(with_network(3, last=9)))

    def test_either_may_be_away(self):
        self.machine.install(with_network(2))  # without netd: it will be told
        self.start_netd()
        eventually(self.holds)
        self.assertTrue(self.loaded(with_network(2)))
        self.stop_netd()
        eventually(lambda: not self.holds(), "its absence is seen")
        self.assertIn("sekisho-left", self.inside("nft", "list", "tables").stdout)
        self.machine.install(with_network(3, last=3))
        self.start_netd()
        eventually(self.holds)
        self.assertTrue(self.loaded(with_network(3, last=3)))
        self.machine.kill()
        self.assertTrue(self.loaded(with_network(3, last=3)))  # the agent is dead, the rules stay
        self.machine.start()
        eventually(self.holds)

    def test_what_does_not_answer_is_not_installed(self):
        self.start_netd()
        self.machine.install(with_network(2))
        self.netd_process().send_signal(signal.SIGSTOP)
        try:
            client = self.machine.client(timeout=60)
            with self.assertRaises(VarlinkError) as refused:
                client.call("InstallPolicy", text=with_network(3, last=3))
            client.close()
        finally:
            self.netd_process().send_signal(signal.SIGCONT)
        self.assertEqual(refused.exception.parameters["reason"], "not-applied")
        self.assertEqual(self.machine.status()["policy"]["serial"], 2)
        eventually(self.holds)
        self.assertTrue(self.loaded(with_network(2)))

    def try_out(self, fd):
        """As the agent asks: netd's answer, None when it hangs up."""
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        caller.settimeout(30)
        directory = os.open(self.machine.root / "run/sekisho", os.O_PATH)
        try:
            caller.connect(f"/proc/self/fd/{directory}/network.sock")
            message = MESSAGE.pack(DRY_RUN, 0, 0, b"", b"", 0, 0, b"", b"")
            if fd is None:
                caller.send(message)
            else:
                socket.send_fds(caller, [message], [fd])
            while True:
                answer = caller.recv(MESSAGE.size)
                if not answer:
                    return None
                kind, error, *_ = MESSAGE.unpack(answer)
                if kind == TRIED:
                    return error
        finally:
            os.close(directory)
            caller.close()

    def in_memory(self, text, seals=ALL_SEALS):
        fd = os.memfd_create("policy", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, fd)
        os.write(fd, text.encode())
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        return fd

    def test_dry_run(self):
        """The kernel is asked, and nothing changes; what is not sealed, no policy, or no file at all is refused."""
        self.machine.install(with_network(2))
        self.machine.kill()
        self.start_netd()
        before = self.inside("nft", "-a", "list", "ruleset").stdout
        self.assertEqual(self.try_out(self.in_memory(with_network(3, last=3))), 0)
        pipe, write = os.pipe()
        self.addCleanup(os.close, pipe)
        self.addCleanup(os.close, write)
        for fd, error in ((self.in_memory(with_network(3), fcntl.F_SEAL_GROW), errno.EBADF), (pipe, errno.EBADF),
                          (self.in_memory("sekisho: 1\n"), errno.EINVAL), (self.in_memory(""), errno.EINVAL)):
            self.assertEqual(self.try_out(fd), -error)
        self.assertIsNone(self.try_out(None))
        self.assertEqual(self.inside("nft", "-a", "list", "ruleset").stdout, before)
        self.assertTrue(self.loaded(with_network(2)))
        self.machine.start()
        self.machine.install(with_network(3, last=3))
        self.assertNotEqual(self.inside("nft", "-a", "list", "ruleset").stdout, before)

    def netd_process(self):
        return self.netd  # ip(8) has become it

    def test_refused_interfaces_are_in_the_record(self):
        self.machine.install(with_network(2))
        self.start_netd()
        self.ip("-n", self.namespace, "link", "add", "eth7", "type", "veth", "peer", "name", "eth8")
        self.ip("-n", self.namespace, "link", "set", "eth7", "up")
        self.ip("-n", self.namespace, "link", "set", "eth8", "up")
        eventually(lambda: "interface-refused" in self.codes(), "it is recorded")
        self.assertEqual(self.codes().count("interface-refused"), 1)
        eventually(lambda: self.machine.guard("network")["open"] == 1 and self.machine.guard("network")["blocked"] >= 1)

    def test_tampering_is_in_the_record(self):
        """Who got hold of the socket is named, and the rules are as they were."""
        kept = []
        self.start_netd(keep=lambda fd: kept.append(socket.socket(fileno=fd)))
        self.addCleanup(kept[0].close)
        self.machine.install(with_network(2))
        take_chain_away(kept[0])
        eventually(lambda: "network-tampered" in self.codes(), "it is recorded")
        told = [e["unmapped"]["sekisho"] for e in self.machine.record()]
        detail = next(t["detail"] for t in told if t.get("agent", {}).get("code") == "network-tampered")
        self.assertIn("python3", detail)
        self.assertNotIn("not mended", detail)
        self.assertTrue(self.loaded(with_network(2)))

    def test_a_damaged_policy_keeps_it_shut(self):
        self.start_netd()
        self.machine.install(with_network(2))
        self.stop_netd()
        self.machine.stop()
        self.inside("nft", "flush", "ruleset")  # as after a restart
        store = self.machine.root / "var/lib/sekisho/policy"
        for name in ("policy.yaml", "last-good.yaml", "state.json"):
            (store / name).write_text("rubbish")
        self.start_netd()
        tables = self.inside("nft", "list", "ruleset").stdout
        self.assertIn("hook output", tables)
        self.assertNotIn("goto", tables)  # the doors are shut
        self.machine.start()
        self.assertIn("no-valid-policy", self.machine.attention())

    def test_observing_and_nothing_accepted(self):
        self.machine.stop()
        for path in (self.machine.root / "var/lib/sekisho/policy").iterdir():
            if path.is_file():
                path.unlink()
        self.start_netd()
        self.assertNotIn("sekisho", self.inside("nft", "list", "tables").stdout)  # the machine is left alone
        self.machine.start()
        eventually(self.holds)
        self.assertIn("observe", self.inside("nft", "list", "ruleset").stdout)
        self.assertNotIn("block", self.inside("nft", "list", "ruleset").stdout.replace("blocked", ""))
        self.stop_netd()
        self.assertNotIn("sekisho", self.inside("nft", "list", "tables").stdout)  # nothing stays of observing

    def test_removed(self):
        self.machine.install(with_network(2))
        self.start_netd()
        self.stop_netd()
        self.assertIn("sekisho-left", self.inside("nft", "list", "tables").stdout)
        self.inside(NETD, "--root", self.machine.root, "--remove")
        self.assertNotIn("sekisho", self.inside("nft", "list", "tables").stdout)


if __name__ == "__main__":
    fakeroot.main()
