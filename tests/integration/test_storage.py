#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The storage guard and sekisho-media on a fake machine whose disks are real loop devices: the kernel's own read-only
flag and real access control lists; only udevd's part (running the helper and acting on its words) is played here."""

import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time
import unittest

import fakeroot
from fakeroot import BUILD, STORAGE, AgentTest, eventually, policy

HELPER = BUILD / "udev" / "sekisho-media"
BLKROGET = 0x125E
STICK = (0x0781, 0x5591, STORAGE)
RULE = "    - {{id: stick, match: {{bus: usb, class: [storage], vendor: 0781}}, {}}}"
PASSWD = "root:x:0:0::/root:/bin/sh\nyamada:x:1001:1001::/:/bin/sh\ntanaka:x:1002:1002::/:/bin/sh\n"
GROUP = "root:x:0:\njoho:x:2001:tanaka\nyamada:x:1001:\n"


def rule(text):
    return RULE.format(text)


class Disk:
    """A stick's disk with one partition and its sg device, as usb-storage makes them once the stick is authorised."""

    def __init__(self, machine, port, name, loops, kinds=("", "vfat")):
        self.machine, self.name, self.loops = machine, name, loops
        self.scsi = machine.directory(port) / f"{port}:1.0/host2/target2:0:0/2:0:0:0"
        self.directory = self.scsi / "block" / name
        self.parts = {name: self.directory, f"{name}1": self.directory / f"{name}1"}
        self.kinds = dict(zip(self.parts, kinds))
        self.sg = self.scsi / "scsi_generic/sg0"
        self.links = []

    def appear(self):
        m = self.machine
        for (name, directory), loop in zip(self.parts.items(), self.loops):
            (directory / "holders").mkdir(parents=True)
            number = os.stat(loop).st_rdev
            text = f"{os.major(number)}:{os.minor(number)}"
            for file, value in {"dev": text, "ro": "0", "uevent": ""}.items():
                (directory / file).write_text(value)
            os.mknod(m.root / "dev" / name, 0o600 | 0o060000, number)
            self.link("sys/class/block", name, directory)
            self.link("sys/dev/block", text, directory)
        (self.parts[f"{self.name}1"] / "partition").write_text("1")
        self.sg.mkdir(parents=True)
        (self.sg / "uevent").write_text("")
        (m.root / "dev/sg0").write_text("")
        (m.root / "dev/sg0").chmod(0o600)
        (self.directory / "device").symlink_to("../..")
        for directory in (*self.parts.values(), self.sg):
            m.udev.event(directory)
        self.link("sys/block", self.name, self.directory)

    def link(self, where, name, target):
        link = self.machine.root / where / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(target, link.parent))
        self.links.append(link)

    def vanish(self):
        for link in self.links:
            link.unlink()
        for name in self.parts:
            (self.machine.root / "dev" / name).unlink()

    def mode(self, name):
        return oct((self.machine.root / "dev" / name).stat().st_mode & 0o777)

    def acl(self, name):
        """{(tag, id): rights} of the node's list, {} without one; linux/posix_acl_xattr.h."""
        try:
            raw = os.getxattr(self.machine.root / "dev" / name, "system.posix_acl_access")
        except OSError:
            return {}
        found = {}
        for tag, rights, who in struct.iter_unpack("<HHI", raw[4:]):
            if tag in (2, 8):
                found[("user" if tag == 2 else "group", who)] = rights
        return found


class Udev(threading.Thread):
    """udevd's part: for each "change" runs the helper, gives the node what the rules say, and keeps the properties."""

    def __init__(self, machine):
        super().__init__(daemon=True)
        self.machine, self.disks, self.kinds, self.alive = machine, [], {}, True
        self.lock = threading.Lock()

    def run(self):
        while self.alive:
            for disk in list(self.disks):
                for directory in (*disk.parts.values(), disk.sg):
                    try:
                        if (directory / "uevent").read_text() == "change":
                            (directory / "uevent").write_text("")
                            self.event(directory)
                    except FileNotFoundError:
                        pass
            time.sleep(0.02)

    def event(self, directory):
        with self.lock:
            self.handle(directory)

    def database(self, directory):
        return self.machine.root / "run/udev/data" / f"b{(directory / 'dev').read_text()}"

    def handle(self, directory):
        root, name = self.machine.root, directory.name
        path = "/" + str(directory.relative_to(root / "sys"))
        is_block = (directory / "dev").exists()
        kind = next((d.kinds[name] for d in self.disks if name in d.kinds), "")
        environment = {"ID_FS_TYPE": kind}
        if is_block and self.database(directory).exists():
            environment.update(line[2:].split("=", 1) for line in self.database(directory).read_text().splitlines()
                               if line.startswith("E:SEKISHO_READ_ONLY"))
        said = self.helper("udev", path, env=environment).splitlines()
        said = dict(line.split("=", 1) for line in said)
        node = root / "dev" / name
        private = said["SEKISHO_MEDIA"] in ("shut", "locked") or said["SEKISHO_USERS"] == "1"
        node.chmod(0o600 if private else 0o440 if said["SEKISHO_MEDIA"] == "read-only" else 0o660)
        if not is_block:
            return
        fd = os.open(node, os.O_RDONLY | os.O_NONBLOCK)
        flag = struct.unpack("i", fcntl.ioctl(fd, BLKROGET, b"\0" * 4))[0]
        os.close(fd)
        (directory / "ro").write_text(str(flag))
        if said["SEKISHO_USERS"] == "1":
            self.helper("acl", path)
        self.database(directory).parent.mkdir(parents=True, exist_ok=True)
        self.database(directory).write_text(
            "".join(f"E:{k}={v}\n" for k, v in {**said, "ID_FS_TYPE": kind}.items()))

    def helper(self, *arguments, env=None):
        done = subprocess.run([HELPER, "--root", self.machine.root, *arguments], env={**os.environ, **(env or {})},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, (arguments, done.stderr)
        return done.stdout


class Closer(threading.Thread):
    """systemd's part: hears what the agent asks for, and answers as the helper would."""

    def __init__(self, machine):
        super().__init__(daemon=True)
        self.asked, self.answer, self.gate = [], b"0\n", threading.Event()
        self.gate.set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        (machine.root / "run/sekisho").mkdir(parents=True, exist_ok=True)
        directory = os.open(machine.root / "run/sekisho", os.O_PATH)
        self.socket.bind(f"/proc/self/fd/{directory}/media.sock")
        os.close(directory)
        self.socket.listen()

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.asked.append(client.recv(256).decode().split())
            self.gate.wait(20)
            client.sendall(self.answer)
            client.close()


class StorageTest(AgentTest):
    """A stick at 1-2 whose disk is real, and those who act on it."""

    def setUp(self):
        super().setUp()
        m = self.machine
        m.write("etc/passwd", PASSWD)
        m.write("etc/group", GROUP)
        for path in ("sys/block", "sys/class/block"):
            (m.root / path).mkdir(parents=True)
        loops = []
        for i in range(2):
            image = m.root / f"medium{i}"
            image.write_bytes(b"\0" * (1 << 20))
            loop = subprocess.run(["losetup", "-f", "--show", image], stdout=subprocess.PIPE, text=True, check=True)
            loops.append(loop.stdout.strip())
            self.addCleanup(subprocess.run, ["losetup", "-d", loops[-1]], check=True)
            # the kernel would keep it for whatever image comes next
            self.addCleanup(subprocess.run, ["blockdev", "--setrw", loops[-1]], check=True)
            subprocess.run(["blockdev", "--setrw", loops[-1]], check=True)
        self.loops = loops
        m.udev = Udev(m)
        m.udev.start()
        self.addCleanup(m.udev.join)
        self.addCleanup(setattr, m.udev, "alive", False)
        self.closer = Closer(m)
        self.closer.start()
        self.addCleanup(self.closer.socket.close)
        self.addCleanup(self.closer.socket.shutdown, socket.SHUT_RDWR)
        m.plug("1-2", *STICK, serial="A")

    def disk(self, kinds=("", "vfat")):
        """The stick was let in: its disk comes."""
        eventually(lambda: self.machine.open("1-2"), "the stick to be let in")
        disk = Disk(self.machine, "1-2", "sda", self.loops, kinds)
        self.machine.udev.disks.append(disk)
        disk.appear()
        return disk

    def start(self, text, kinds=("", "vfat")):
        self.machine.ship(policy(rules=[rule(text)]))
        self.machine.start()
        return self.disk(kinds)

    def held(self, result="as-decided"):
        return eventually(lambda: (d := self.machine.disks().get("sda")) and d["effect"] == result and d,
                          f"the disk to be {result}")

    def may(self, node, user):
        return self.machine.udev.helper("may", f"/dev/{node}", user).strip()

    def writes(self, name):
        """Whether the kernel lets root write to it."""
        fd = os.open(self.machine.root / "dev" / name, os.O_RDWR)
        try:
            os.write(fd, b"x" * 512)
            return True
        except PermissionError:
            return False
        finally:
            os.close(fd)


class Storage(StorageTest):
    def test_a_disk_without_a_mark_is_shut(self):
        self.machine.ship(policy(rules=[rule("action: allow")]))
        self.machine.start()
        eventually(lambda: self.machine.open("1-2"))
        self.machine.kill()
        disk = self.disk()
        self.assertEqual([disk.mode(n) for n in ("sda", "sda1", "sg0")], ["0o600"] * 3)
        self.assertFalse(self.writes("sda"))
        self.assertEqual(self.may("sda1", "yamada"), "no")

        self.machine.start()  # the twin: the same disk, decided
        self.assertTrue(self.held()["open"])
        eventually(lambda: [disk.mode(n) for n in ("sda", "sda1", "sg0")] == ["0o660"] * 3, "ordinary nodes")
        self.assertTrue(self.writes("sda"))
        self.assertEqual(self.may("sda1", "yamada"), "yes")

    def test_read_only(self):
        disk = self.start("action: read-only")
        self.assertEqual(self.held()["held"], ["read-only"])
        self.assertEqual(self.machine.device("1-2")["effect"], "as-decided")
        self.assertFalse(self.writes("sda") or self.writes("sda1"))
        self.assertEqual([disk.mode(n) for n in ("sda", "sda1", "sg0")], ["0o440", "0o440", "0o600"])
        self.machine.kill()  # and it stays so, also when udev looks again
        for directory in disk.parts.values():
            self.machine.udev.event(directory)
        self.assertFalse(self.writes("sda") or self.writes("sda1"))
        self.assertEqual(disk.mode("sda1"), "0o440")

    def test_users(self):
        disk = self.start("action: allow, users: [yamada, 'group:joho', nobody-of-that-name]")
        self.assertEqual(self.held()["held"], ["users"])
        self.assertEqual(disk.acl("sda1"), {("user", 1001): 6, ("group", 2001): 6})
        self.assertEqual((disk.mode("sda1"), disk.mode("sg0")), ("0o660", "0o600"))  # the middle is the list's mask
        self.assertEqual([self.may("sda1", u) for u in ("yamada", "tanaka", "root", "stranger")],
                         ["yes", "yes", "no", "no"])
        self.machine.install(policy(2, [rule("action: read-only, users: [yamada]")]))
        eventually(lambda: disk.acl("sda1") == {("user", 1001): 4}, "the new list")
        self.assertEqual(self.held()["held"], ["read-only", "users"])
        self.assertEqual(self.may("sda1", "tanaka"), "no")
        self.assertEqual(self.closer.asked[-1][::2], ["sda", "detach"], "others may have had it mounted")

    def test_encrypted(self):
        disk = self.start("action: allow, encrypted: luks", ("", "crypto_LUKS"))
        self.assertEqual(self.held()["held"], ["luks"])
        self.assertEqual([disk.mode(n) for n in ("sda", "sda1", "sg0")], ["0o600"] * 3)
        self.assertEqual((self.may("sda", "yamada"), self.may("sda1", "yamada")), ("no", "yes"))
        disk.kinds["sda1"] = "vfat"  # formatted anew
        self.machine.udev.event(disk.parts["sda1"])
        self.assertEqual(self.may("sda1", "yamada"), "no")

    def test_what_is_mounted_is_taken_away_before_the_port_is_shut(self):
        self.start("action: allow")
        self.held()
        self.closer.gate.clear()
        threading.Thread(target=self.machine.install, args=(policy(2, [rule("action: block")]),)).start()
        eventually(lambda: self.closer.asked)
        inode = str((self.machine.root / "sys/block/sda").stat().st_ino)
        self.assertEqual(self.closer.asked, [["sda", inode, "detach"]])
        self.assertEqual(self.may("sda1", "yamada"), "no", "nobody new gets in meanwhile")
        self.assertTrue(self.machine.open("1-2"), "while it is being written back the port is open")
        self.closer.gate.set()
        eventually(lambda: not self.machine.open("1-2"), "then it is shut")
        self.assertFalse(self.held()["open"])

    def test_a_disk_that_cannot_be_held_costs_the_port(self):
        """The rules of udev are gone, say: the kernel would let everybody write."""
        self.machine.ship(policy(rules=[rule("action: read-only")]))
        self.machine.start()
        eventually(lambda: self.machine.open("1-2"))
        self.machine.udev.handle = lambda directory: None
        self.disk()
        eventually(lambda: not self.machine.open("1-2"), "the stick to be shut again", 60)
        self.assertIn("rule-not-held", self.machine.attention())

    def test_a_mark_is_only_its_own_disks(self):
        disk = self.start("action: allow")
        self.held()
        self.machine.kill()
        disk.vanish()
        other = Disk(self.machine, "1-2", "sda", self.loops)
        other.scsi = disk.scsi.with_name("3:0:0:0")
        other.directory = other.scsi / "block/sda"
        other.parts = {"sda": other.directory, "sda1": other.directory / "sda1"}
        other.sg = other.scsi / "scsi_generic/sg0"
        self.machine.udev.disks[:] = [other]
        other.appear()
        self.assertEqual(other.mode("sda"), "0o600")
        self.assertFalse(self.writes("sda"))

    def test_gone(self):
        disk = self.start("action: allow")
        self.held()
        mark = self.machine.root / "run/sekisho/media/sda"
        self.assertTrue(mark.exists())
        disk.vanish()
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)
        eventually(lambda: not self.machine.disks())
        self.assertFalse(mark.exists())


if __name__ == "__main__":
    if not pathlib.Path("/dev/loop-control").exists():
        print("needs loop devices")
        raise SystemExit(77)
    fakeroot.main()
