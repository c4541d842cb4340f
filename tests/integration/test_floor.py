#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The keyboard floor: the real sekisho-usb-floor against a fake machine (--root), row by row.

What counts is what stands in `authorized` afterwards, not what the helper says."""

import fcntl
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["SEKISHO_BUILD"])
SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
HELPER = BUILD / "udev" / "sekisho-usb-floor"
OPEN, NOT_FLOOR, AGENT, INVALID, ERROR, REFUSED = range(6)
DEVPATH = "/devices/pci0000:00/0000:00:14.0/usb1/1-2"


def fixture(name):
    path = SOURCE / "tests" / "fixtures" / "descriptors" / f"{name}.hex"
    return b"".join(bytes.fromhex(line.split("#")[0]) for line in path.read_text().splitlines())


class Machine:
    """A directory that looks like /: sysfs as far as the helper sees it, and /run."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        (self.root / "sys" / "devices").mkdir(parents=True)

    def plug(self, descriptors, authorized="0\n", devpath=DEVPATH):
        device = self.root / "sys" / devpath.lstrip("/")
        device.mkdir(parents=True)
        (device / "descriptors").write_bytes(descriptors)
        (device / "authorized").write_text(authorized)
        return device

    def agent_lock(self):
        run = self.root / "run" / "sekisho"
        run.mkdir(parents=True)
        lock = (run / "agent.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def floor(self, devpath=DEVPATH):
        return subprocess.run([HELPER, "--root", self.root, devpath], capture_output=True, text=True, timeout=30)


class FloorTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.machine = Machine(directory.name)

    def check(self, device, status, authorized, output=None, devpath=DEVPATH):
        r = self.machine.floor(devpath)
        self.assertEqual(r.returncode, status, r.stderr)
        if device is not None:
            self.assertEqual((device / "authorized").read_text(), authorized)
        expected = f"SEKISHO_FLOOR={output}\n" if output else ""
        self.assertEqual(r.stdout, expected)

    ROWS = [
        # fixture, exit status, authorized afterwards, what it is called
        ("keyboard", OPEN, "1\n", "hid"),
        ("mouse", OPEN, "1\n", "hid"),
        ("hub", OPEN, "1\n", "hub"),
        ("roothub", OPEN, "1\n", "hub"),
        ("keyboard-excess-byte", OPEN, "1\n", "hid"),
        ("keyboard-short-tail", OPEN, "1\n", "hid"),
        ("keyboard-counts-wrong", OPEN, "1\n", "hid"),
        ("stick", NOT_FLOOR, "0\n", None),
        ("uas", NOT_FLOOR, "0\n", None),
        ("reader", NOT_FLOOR, "0\n", None),
        ("rndis", NOT_FLOOR, "0\n", None),
        ("camera", NOT_FLOOR, "0\n", None),
        ("badusb", NOT_FLOOR, "0\n", None),
        ("hidden", NOT_FLOOR, "0\n", None),
    ]

    def test_rows(self):
        for name, status, authorized, output in self.ROWS:
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                self.machine = Machine(root)
                self.check(self.machine.plug(fixture(name)), status, authorized, output)

    def test_every_fixture_has_a_row(self):
        fixtures = {p.stem for p in (SOURCE / "tests" / "fixtures" / "descriptors").glob("*.hex")}
        self.assertEqual(fixtures, {row[0] for row in self.ROWS})

    def test_truncated(self):
        whole = fixture("keyboard")
        for cut in (0, 17, 18, 26, 27, 35, len(whole) - 1):
            with self.subTest(cut=cut), tempfile.TemporaryDirectory() as root:
                self.machine = Machine(root)
                self.check(self.machine.plug(whole[:cut]), INVALID, "0\n")

    def test_damaged(self):
        whole = fixture("keyboard")
        too_large = whole + b"\x02\x44" * 40000
        for name, damaged in (("length 0", whole + b"\0\0"), ("storage behind the end", whole + bytes([9, 4, 2, 0, 0, 8, 6, 80, 0])),
                              ("two promised", whole[:17] + b"\2" + whole[18:]), ("too large", too_large)):
            with self.subTest(name), tempfile.TemporaryDirectory() as root:
                self.machine = Machine(root)
                self.check(self.machine.plug(damaged), INVALID, "0\n")

    def test_already_open(self):
        keyboard = self.machine.plug(fixture("keyboard"), authorized="1\n")
        os.utime(keyboard / "authorized", (1, 1))
        self.check(keyboard, OPEN, "1\n", "hid")
        self.assertEqual((keyboard / "authorized").stat().st_mtime, 1)  # not written again

    def test_open_stick_is_not_closed_here(self):
        self.check(self.machine.plug(fixture("stick"), authorized="1\n"), NOT_FLOOR, "1\n")

    def test_agent_alive(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        lock = self.machine.agent_lock()
        self.check(keyboard, AGENT, "0\n")
        lock.close()  # however the agent dies, the kernel lets go of its lock
        self.check(keyboard, OPEN, "1\n", "hid")

    def test_agent_killed(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        run = self.machine.root / "run" / "sekisho"
        run.mkdir(parents=True)
        code = ("import fcntl,sys\nf=open(sys.argv[1],'w')\nfcntl.flock(f,fcntl.LOCK_EX)\n"
                "print('locked',flush=True)\nsys.stdin.read()")
        with subprocess.Popen([sys.executable, "-c", code, run / "agent.lock"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as agent:
            self.assertEqual(agent.stdout.readline(), "locked\n")
            self.check(keyboard, AGENT, "0\n")
            agent.kill()
        self.check(keyboard, OPEN, "1\n", "hid")

    def test_lock_file_without_agent(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        self.machine.agent_lock().close()
        self.check(keyboard, OPEN, "1\n", "hid")

    def test_another_helper_is_not_the_agent(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        with self.machine.agent_lock() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            self.check(keyboard, OPEN, "1\n", "hid")

    def test_lock_of_the_wrong_kind(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        run = self.machine.root / "run" / "sekisho"
        run.mkdir(parents=True)
        os.mkfifo(run / "agent.lock")
        self.check(keyboard, OPEN, "1\n", "hid")

    def test_lock_is_let_go(self):
        """The agent may start right behind the helper."""
        keyboard = self.machine.plug(fixture("keyboard"))
        self.machine.agent_lock().close()
        self.check(keyboard, OPEN, "1\n", "hid")
        with (self.machine.root / "run" / "sekisho" / "agent.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_path_with_sys(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        self.check(keyboard, OPEN, "1\n", "hid", devpath="/sys" + DEVPATH)

    def test_bad_paths(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        for path in ("", "/", "/sys", "relative", "/devices/none", "/etc", "/sys/kernel", DEVPATH + "/../1-2",
                     DEVPATH + "/..", DEVPATH + "/descriptors", "--help", DEVPATH + "x" * 5000):
            with self.subTest(path):
                self.check(keyboard, ERROR, "0\n", devpath=path)

    def test_link_is_not_a_device(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        link = keyboard.with_name("1-3")
        link.symlink_to("1-2")
        self.check(keyboard, ERROR, "0\n", devpath=DEVPATH[:-1] + "3")

    def test_usage(self):
        for arguments in ([], ["--root"], ["--root", "/"], ["a", "b"], ["--root", "/nowhere", "/devices/x"]):
            r = subprocess.run([HELPER, *arguments], capture_output=True, text=True, timeout=30)
            self.assertEqual(r.returncode, ERROR, arguments)
            self.assertEqual(r.stdout, "")

    def test_unplugged_meanwhile(self):
        keyboard = self.machine.plug(fixture("keyboard"))
        (keyboard / "authorized").unlink()
        self.check(None, ERROR, None)

    def test_kernel_does_not_obey(self):
        """/dev/null takes the 1 and shows nothing: the effect counts, not the write."""
        keyboard = self.machine.plug(fixture("keyboard"))
        (keyboard / "authorized").unlink()
        null = os.stat("/dev/null")
        try:
            os.mknod(keyboard / "authorized", 0o600 | 0o020000, null.st_rdev)
            (keyboard / "authorized").open("w").close()
        except PermissionError:
            self.skipTest("device nodes cannot be made here")
        self.check(None, REFUSED, None)


class FilesTest(unittest.TestCase):
    """The files around the helper say the same as it, and as each other."""

    def test_rules_call_the_installed_helper(self):
        rules = (SOURCE / "udev" / "60-sekisho-floor.rules").read_text()
        self.assertIn('IMPORT{program}="/usr/lib/udev/sekisho-usb-floor $devpath"', rules)
        for name in ("60-sekisho-floor.rules", "72-sekisho-closed.rules"):
            text = (SOURCE / "udev" / name).read_text()
            labels = set(re.findall(r'LABEL="(\w+)"', text))
            self.assertEqual(set(re.findall(r'GOTO="(\w+)"', text)), labels)
            self.assertEqual(len(labels), 1)

    def grub(self, floor):
        """The drop-in as grub-mkconfig sources it, with the helper's path pointing at floor."""
        text = (SOURCE / "udev" / "sekisho.grub.cfg").read_text()
        self.assertIn("/usr/lib/udev/sekisho-usb-floor", text)
        text = text.replace("/usr/lib/udev/sekisho-usb-floor", floor)
        script = 'set -eu\nGRUB_CMDLINE_LINUX="quiet"\n' + text + '\nprintf %s "$GRUB_CMDLINE_LINUX"'
        return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout

    def test_grub_shuts_only_with_a_floor(self):
        self.assertEqual(self.grub(str(HELPER)), "quiet usbcore.authorized_default=0")
        self.assertEqual(self.grub("/nowhere/sekisho-usb-floor"), "quiet")

    def hook(self, installed):
        """Runs the initramfs hook against a fake installation; returns the image's files."""
        with tempfile.TemporaryDirectory() as directory:
            base = pathlib.Path(directory)
            functions, image = base / "functions", base / "image"
            functions.write_text('copy_exec() { mkdir -p "$DESTDIR/usr/lib/udev"; cp "$1" "$DESTDIR/usr/lib/udev/"; }\n')
            image.mkdir()
            (image / "usr/lib/modprobe.d").mkdir(parents=True)
            (image / "lib").symlink_to("usr/lib")
            (image / "usr/lib/modprobe.d/sekisho.conf").write_text("copied by mkinitramfs")
            for path in installed:
                target = base / "system" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(path)
            text = (SOURCE / "udev" / "initramfs-hook").read_text()
            text = re.sub(r"(?m)^(helper|rules|options)=/", rf"\1={base}/system/", text)
            text = text.replace("/usr/share/initramfs-tools/hook-functions", str(functions))
            # The image's paths are those of the real system.
            text = text.replace("$DESTDIR$rules", f"$DESTDIR${{rules#{base}/system}}")
            text = text.replace("$DESTDIR$options", f"$DESTDIR${{options#{base}/system}}")
            subprocess.run(["sh", "-c", text], env={"DESTDIR": str(image), "PATH": os.environ["PATH"]}, check=True,
                           capture_output=True, timeout=30)
            return {str(p.relative_to(image)) for p in image.rglob("*") if p.is_file()}

    HELPER_FILE = "usr/lib/udev/sekisho-usb-floor"
    RULES_FILE = "usr/lib/udev/rules.d/60-sekisho-floor.rules"
    OPTIONS_FILE = "usr/lib/modprobe.d/sekisho.conf"

    def test_hook_takes_the_floor_along(self):
        self.assertEqual(self.hook([self.HELPER_FILE, self.RULES_FILE, self.OPTIONS_FILE]),
                         {self.HELPER_FILE, self.RULES_FILE, self.OPTIONS_FILE})

    def test_hook_never_shuts_ports_without_a_floor(self):
        for missing in ([self.RULES_FILE, self.OPTIONS_FILE], [self.HELPER_FILE, self.OPTIONS_FILE], []):
            self.assertEqual(self.hook(missing), set())

    def test_hook_prerequisites(self):
        r = subprocess.run(["sh", SOURCE / "udev" / "initramfs-hook", "prereqs"], capture_output=True, text=True)
        self.assertEqual((r.returncode, r.stdout), (0, "udev\n"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
