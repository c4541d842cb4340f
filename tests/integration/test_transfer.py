#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The transfer record: the real sekishod and sekisho-transferd, and a real ext4 on a loop device that the fake machine's
sysfs says is a USB stick. Each thing that is recorded stands beside the same thing on a disk that is no medium."""
import fakeroot
from fakeroot import BUILD, STORAGE, AgentTest, eventually, policy

import ctypes
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

WATCHER = BUILD / "agent/transfer/sekisho-transferd"
STICK_RULE = "    - {id: stick, match: {bus: usb, class: [storage], vendor: 0781, product: 5591}, action: allow}"
NUMBER, WIDE_NUMBER = "123456789018", "１２３４５６７８９０１８"  # the check digits are right
CLONE_NEWNS = 0x00020000


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, **options)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Transfers(AgentTest):
    disk_bytes, disk_files = 64 << 20, 8192

    def setUp(self):
        super().setUp()
        self.loops, self.mounts, self.watcher = [], [], None
        self.addCleanup(self.clean_up)
        m = self.machine
        m.ship(policy(rules=[STICK_RULE]))
        # /proc of the machine itself: mounts and processes are real
        run("mount", "--bind", "/proc", m.root / "proc")
        self.mounts.append(m.root / "proc")
        m.plug("1-1", 0x0781, 0x5591, STORAGE, serial="4C53", label="Ultra")
        self.stick, self.stick_loop = self.disk("stick")
        self.show_as_usb(self.stick_loop, "1-1")
        self.inner, inner_loop = self.disk("inner")
        self.show_as_inner(inner_loop)
        m.start()
        eventually(lambda: m.open("1-1"), "the stick is let in")

    def clean_up(self):
        if self.watcher:
            self.watcher.kill()
            self.watcher.wait()
        if self.machine.agent:
            self.machine.kill()
        for path in reversed(self.mounts):
            subprocess.run(["umount", "-l", path], check=False)
        for loop in self.loops:
            subprocess.run(["losetup", "-d", loop], check=False)

    def disk(self, name):
        """(where it will be mounted, its loop device)"""
        image = self.machine.root / f"{name}.img"
        with image.open("wb") as f:
            f.truncate(self.disk_bytes)
        run("mkfs.ext4", "-q", "-N", self.disk_files, image)
        loop = run("losetup", "--find", "--show", image).stdout.strip()
        self.loops.append(loop)
        run("blockdev", "--setrw", loop)  # read-only outlives a loop device's last user
        place = self.machine.root / "media" / name
        place.mkdir(parents=True)
        return place, loop

    def describe(self, loop, directory):
        numbers = pathlib.Path("/sys/class/block", pathlib.Path(loop).name, "dev").read_text().strip()
        directory.mkdir(parents=True)
        link = self.machine.root / "sys/dev/block" / numbers
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(directory, link.parent))

    def show_as_usb(self, loop, device):
        self.describe(loop, self.machine.directory(device) / f"{device}:1.0/host2/target2:0:0/2:0:0:0/block/sdb/sdb1")

    def show_as_inner(self, loop):
        scsi = self.machine.root / "sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0"
        self.describe(loop, scsi / "block/sda/sda1")
        link = self.machine.root / "sys/bus/scsi/devices/0:0:0:0"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(scsi, link.parent))
        self.machine.write("sys/bus/scsi/drivers_autoprobe", "1\n")

    def mount(self, loop, place):
        run("mount", loop, place)
        self.mounts.append(place)

    def umount(self, place):
        run("umount", place)
        self.mounts.remove(place)

    def watch(self, mount=True):
        log = self.machine.log.open("ab")
        self.watcher = subprocess.Popen([WATCHER, "--root", self.machine.root], stdout=log, stderr=log)
        log.close()
        if mount:
            self.wait_listening()
            self.mount(self.stick_loop, self.stick)
            self.mount(self.loops[1], self.inner)
            # What is opened before it is listened on is the known gap, and not the matter here.
            eventually(lambda: self.listens_on(self.stick), "the medium is listened on")

    def listens_on(self, place):
        """Both listeners have marked its file system (proc(5), fdinfo)."""
        device = os.stat(place).st_dev
        mark = f"sdev:{os.major(device) << 20 | os.minor(device):x} "
        directory = pathlib.Path(f"/proc/{self.watcher.pid}/fdinfo")
        try:
            return sum(mark in file.read_text() for file in directory.iterdir()) == 2
        except FileNotFoundError:
            return False  # one that it had open for a moment; asked again

    def wait_listening(self):
        def fanotify():
            fds = f"/proc/{self.watcher.pid}/fd"
            try:
                return sum("fanotify" in os.readlink(f"{fds}/{fd}") for fd in os.listdir(fds)) == 2
            except FileNotFoundError:
                return False  # it has closed one since it was listed
        eventually(fanotify, "the watcher listens")

    def transfers(self, **wanted):
        found = [r for r in self.machine.record() if r["class_uid"] == 1001]
        own = [(r, r["unmapped"]["sekisho"]["transfer"]) for r in found]
        return [(r, t) for r, t in own if all(t[key] == value for key, value in wanted.items())]

    def transfer(self, **wanted):
        return eventually(lambda: self.transfers(**wanted), f"a record of {wanted}")[0]

    def troubles(self):
        return [r["unmapped"]["sekisho"] for r in self.machine.record()
                if r["class_uid"] == 6002 and r["status_id"] == 2]

    # ---- what is recorded ----

    def test_copy_is_recorded_with_its_hash_and_nothing_of_it_else(self):
        self.watch()
        data = b"secret content " + NUMBER.encode() + os.urandom(300000)
        source = self.machine.root / "source"
        source.write_bytes(data)
        run("cp", source, self.inner / "kept.bin")
        run("cp", source, self.stick / "taken.bin")
        event, t = self.transfer(path="/taken.bin")
        self.assertEqual((t["kind"], t["hash"], t["sha256"], t["size"], t["closes"]),
                         ("written", "done", sha256(data), len(data), 1))
        self.assertEqual((t["command"], t["program"].rpartition("/")[2], t["uid"]), ("cp", "cp", 0))
        self.assertEqual((t["filesystem"], t["disk"], t["port"], t["outside"]), ("ext4", "sdb1", "1-1", False))
        self.assertEqual(event["unmapped"]["sekisho"]["rule"], "stick")
        self.assertEqual(event["unmapped"]["sekisho"]["facts"]["serial"], "4C53")
        self.assertEqual(event["file"]["hashes"][0]["value"], sha256(data))
        self.assertNotIn("taken", event["message"])
        self.assertEqual(self.transfers(path="/kept.bin"), [])
        self.assertNotIn(b"kept.bin", self.machine.record_file.read_bytes())
        self.assertNotIn(b"secret content", self.machine.record_file.read_bytes())
        self.assertEqual(self.troubles(), [])

    def test_three_thousand_files(self):
        self.watch()
        source = self.machine.root / "many"
        source.mkdir()
        wanted = {}
        for n in range(3000):
            data = f"{n} ".encode() * (n % 50 + 1)
            (source / f"f{n}").write_bytes(data)
            wanted[f"/many/f{n}"] = sha256(data)
        run("cp", "-r", source, self.stick)
        eventually(lambda: len(self.transfers(kind="written")) >= 3000, "3,000 records", 120)
        found = self.transfers(kind="written")
        self.assertEqual({t["path"]: t["sha256"] for _, t in found}, wanted)
        self.assertEqual({t["command"] for _, t in found}, {"cp"})
        # Ending, it tells the names that still wait for their closing: none, but for the folder, which waits for none.
        self.watcher.terminate()
        self.assertEqual(self.watcher.wait(20), 0)
        self.assertEqual([t["path"] for _, t in self.transfers(kind="created")], ["/many"])
        self.assertEqual(len({t["id"] for _, t in found}), 3000)
        self.assertEqual(self.troubles(), [])

    def test_another_user_in_other_namespaces(self):
        self.watch()
        self.machine.root.chmod(0o755)
        self.stick.chmod(0o777)
        command = f"echo hidden > {self.stick}/from-namespace; cat /proc/self/uid_map >&2"
        run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "unshare", "-Urm", "sh", "-c", command)
        _, t = self.transfer(path="/from-namespace")
        self.assertEqual((t["uid"], t["sha256"]), (65534, sha256(b"hidden\n")))

    def test_a_mount_that_only_another_namespace_has(self):
        self.watch()
        place = self.machine.root / "elsewhere"
        place.mkdir()
        run("unshare", "-m", "--propagation", "private", "sh", "-c",
            f"mount --bind {self.stick} {place} && echo inside > {place}/other-way")
        _, t = self.transfer(sha256=sha256(b"inside\n"))
        self.assertTrue(t["path"].endswith("other-way"))

    def test_written_under_another_name_first(self):
        self.watch()
        script = ("import os,sys; f=open('draft~','w'); f.write('text'); f.flush(); os.fsync(f.fileno()); f.close();"
                  "os.rename('draft~','letter.txt')")
        run("python3", "-c", script, cwd=self.stick)
        _, renamed = self.transfer(kind="renamed")
        self.assertEqual((renamed["old_path"], renamed["path"]), ("/draft~", "/letter.txt"))
        _, written = self.transfer(kind="written")
        self.assertEqual(written["sha256"], sha256(b"text"))
        self.assertIn(written["path"], ("/draft~", "/letter.txt"))

    def test_mapped_memory(self):
        self.watch()
        script = ("import mmap,os; fd=os.open('mapped',os.O_RDWR|os.O_CREAT); os.ftruncate(fd,4096);"
                  "m=mmap.mmap(fd,4096); os.close(fd); m[:5]=b'12345'; m.close()")
        run("python3", "-c", script, cwd=self.stick)
        _, t = self.transfer(path="/mapped")
        self.assertEqual(t["sha256"], sha256(b"12345" + bytes(4091)))

    def test_deleted_and_link_and_folder(self):
        self.watch()
        (self.stick / "a").write_text("x")
        self.transfer(path="/a", kind="written")
        (self.stick / "a").unlink()
        self.transfer(path="/a", kind="deleted")
        (self.stick / "b").write_text("linked")
        self.transfer(path="/b", kind="written")
        (self.stick / "folder").mkdir()
        _, t = self.transfer(path="/folder", kind="created")
        self.assertTrue(t["directory"])
        (self.stick / "link").symlink_to("a name that says something")
        os.link(self.stick / "b", self.stick / "b2")
        self.transfer(path="/link", kind="created")
        self.transfer(path="/b2", kind="created")
        self.assertEqual(self.transfers(path="/b", kind="created"), [])  # it was told as written

    def test_file_that_is_never_closed(self):
        """A killed or unplugged copy: the name is there without a hash."""
        self.watch()
        with (self.stick / "long").open("w") as f:
            f.write("begun")
            f.flush()
            self.transfer(path="/long", kind="created")
            self.assertEqual(self.transfers(path="/long", kind="written"), [])
        self.transfer(path="/long", kind="written", sha256=sha256(b"begun"))

    def test_holes_and_truncation(self):
        self.watch()
        with (self.stick / "sparse").open("wb") as f:
            f.seek(32 << 20)
            f.write(b"end")
        self.transfer(path="/sparse", kind="written", size=(32 << 20) + 3, sha256=sha256(bytes(32 << 20) + b"end"))
        with (self.stick / "sparse").open("r+b") as f:
            f.truncate(5)
        self.transfer(path="/sparse", kind="written", size=5, sha256=sha256(bytes(5)))

    def test_second_medium_and_remount(self):
        self.watch()
        m = self.machine
        m.plug("1-2", 0x0781, 0x5591, STORAGE, serial="4C54", label="Ultra")
        second, loop = self.disk("second")
        self.show_as_usb(loop, "1-2")
        run("mount", "-o", "ro", loop, second)
        self.mounts.append(second)
        with self.assertRaises(OSError):
            (second / "refused").write_text("r")
        run("mount", "-o", "remount,rw", second)
        (second / "there").write_text("t")
        (self.stick / "here").write_text("h")
        event, t = self.transfer(path="/there", kind="written", sha256=sha256(b"t"))
        self.assertEqual((t["port"], event["unmapped"]["sekisho"]["facts"]["serial"]), ("1-2", "4C54"))
        _, t = self.transfer(path="/here", kind="written", sha256=sha256(b"h"))
        self.assertEqual(t["port"], "1-1")

    def test_medium_without_room(self):
        self.watch()
        full = subprocess.run(["dd", "if=/dev/urandom", f"of={self.stick}/big", "bs=1M", "count=128"],
                              capture_output=True, text=True, check=False)
        self.assertIn("No space left", full.stderr)
        data = (self.stick / "big").read_bytes()
        self.transfer(path="/big", kind="written", size=len(data), sha256=sha256(data))

    def test_numbers_in_names(self):
        self.watch()
        for n, name in enumerate((f"{NUMBER}.pdf", f"申請{WIDE_NUMBER}.txt", f"{NUMBER[:4]}-{NUMBER[4:8]}-{NUMBER[8:]}",
                                  "123456789017.txt", "line\nbreak\\", os.fsdecode(b"bad\xff\xc0"))):
            (self.stick / name).write_text(f"{n}")
        for n, path in enumerate(("/************.pdf", "/申請＊＊＊＊＊＊＊＊＊＊＊＊.txt", "/****-****-****",
                                  "/123456789017.txt", "/line\\x0abreak\\\\", "/bad\\xff\\xc0")):
            self.transfer(path=path, kind="written", sha256=sha256(str(n).encode()))
        (self.stick / f"{NUMBER}.pdf").rename(self.stick / f"x{NUMBER}")
        self.transfer(kind="renamed", path="/x************", old_path="/************.pdf")
        text = self.machine.record_file.read_text()
        for number in (NUMBER, WIDE_NUMBER, f"{NUMBER[:4]}-{NUMBER[4:8]}-{NUMBER[8:]}"):
            self.assertNotIn(number, text)

    # ---- what breaks ----

    def test_agent_that_comes_back_gets_what_it_missed(self):
        self.watch()
        self.machine.kill()
        (self.stick / "meanwhile").write_text("m")
        time.sleep(0.3)
        self.machine.start()
        self.transfer(path="/meanwhile", kind="written", sha256=sha256(b"m"))

    def test_watcher_that_comes_back_says_that_something_may_be_missing(self):
        self.watch()
        self.watcher.kill()
        self.watcher.wait()
        (self.stick / "unseen").write_text("u")
        self.watch(mount=False)
        eventually(lambda: [t for t in self.troubles() if t["agent"]["code"] == "transfers-lost"], "the gap is told")
        (self.stick / "seen").write_text("s")
        self.transfer(path="/seen", kind="written")
        self.assertEqual(self.transfers(path="/unseen"), [])

    def test_stopped_watcher_holds_openers_and_a_dead_one_lets_them_go(self):
        """What cannot be seen waits; but a watcher that died makes nobody hang."""
        self.watch()
        self.watcher.send_signal(signal.SIGSTOP)
        copy = subprocess.Popen(["sh", "-c", f"echo x > {self.stick}/waiting"])
        time.sleep(0.5)
        self.assertIsNone(copy.poll())
        self.watcher.kill()
        self.watcher.wait()
        self.assertEqual(copy.wait(20), 0)

    def test_overflow_is_told(self):
        """Many files that are open already and closed at once, while nobody reads the kernel's queue."""
        self.watch()
        # Each closing counts for itself when process and file are not those of another that still waits.
        limit = int(pathlib.Path("/proc/sys/fs/fanotify/max_queued_events").read_text())
        each = limit // 3 + 200
        script = ("import os,resource,sys; n=int(sys.argv[1]);"
                  "resource.setrlimit(resource.RLIMIT_NOFILE, (n + 100, n + 100)); os.makedirs('o', exist_ok=True);"
                  "fds=[os.open(f'o/{i}', os.O_RDWR | os.O_CREAT) for i in range(n)];"
                  "print('open',flush=True); sys.stdin.readline(); os._exit(0)")
        holders = [subprocess.Popen(["python3", "-c", script, str(each)], cwd=self.stick, text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
        for holder in holders:
            self.assertEqual(holder.stdout.readline(), "open\n")
        self.watcher.send_signal(signal.SIGSTOP)
        for holder in holders:
            holder.communicate("go\n")
        self.watcher.send_signal(signal.SIGCONT)
        eventually(lambda: [t for t in self.troubles() if t["agent"]["code"] == "transfers-lost"
                            and "queue" in t["detail"]], "the overflow is told", 60)

    def test_unmounting_ends_it(self):
        self.watch()
        (self.stick / "one").write_text("1")
        self.transfer(path="/one", kind="written")
        eventually(lambda: subprocess.run(["umount", self.stick], capture_output=True, check=False).returncode == 0,
                   "it can be unmounted")
        self.mounts.remove(self.stick)
        self.mount(self.stick_loop, self.stick)
        time.sleep(0.2)
        (self.stick / "two").write_text("2")
        self.transfer(path="/two", kind="written")

    def test_idle_means_idle(self):
        self.watch()
        (self.stick / "one").write_text("1")
        self.transfer(path="/one", kind="written")
        status = pathlib.Path(f"/proc/{self.watcher.pid}/status")

        def switches():
            return [line.split()[1] for line in status.read_text().splitlines() if "ctxt_switches" in line]
        eventually(lambda: switches() == (time.sleep(1), switches())[1], "it falls asleep")
        before = switches()
        time.sleep(3)
        self.assertEqual(switches(), before)


def private_mounts():
    """Nothing that is mounted here is seen outside, and all of it goes with this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode == 0


if __name__ == "__main__":
    if os.geteuid() == 0 and not private_mounts():
        print("cannot make a mount namespace")
        sys.exit(77)
    if os.geteuid() == 0 and not pathlib.Path("/dev/loop-control").exists():
        print("no loop devices")
        sys.exit(77)
    fakeroot.main()
