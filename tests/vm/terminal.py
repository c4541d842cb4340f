# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal under QEMU: booted cold, or restored from a RAM snapshot in half a second."""
import json
import os
import shutil
import subprocess
import tempfile
import time

import cache
import channel
import gadgets
import witness

RUN = f"{cache.DIRECTORY}/run"
USB_PORTS = 8
SLOTS = 4  # empty PCIe slots for hot-plug

# Measured (testing.md): KVM does not start a stock kernel here, so plain emulation. Nehalem: what AVX saves a real processor
# costs an emulated one more.
MACHINE = """
    -M q35,i8042=off -accel tcg,thread=multi,tb-size=256 -cpu Nehalem -smp 2 -m 1024
    -nodefaults -display none -no-reboot
    -object rng-random,filename=/dev/urandom,id=rng -device virtio-rng-pci,rng=rng
    -device vmgenid,guid=auto
"""
# i8042=off: the only keyboard is the USB one, so a key that arrives came through it.
# vmgenid: every restore gets random numbers of its own.
CMDLINE = """
    console=ttyS0 root=/dev/vda rw fsck.mode=skip quiet loglevel=4 panic=-1 mitigations=off
    tsc=reliable no_timer_check init_on_alloc=0 random.trust_cpu=on systemd.show_status=0
"""

# What a failure leaves behind: file name -> command in the guest.
EVIDENCE = {
    "journal.txt": "journalctl -b --no-pager -o short-monotonic",
    "dmesg.txt": "dmesg",
    "witness.txt": "cat /run/witness.log",
    "record.jsonl": "cat /var/log/sekisho/audit.jsonl",
    "state.txt": "sekishoctl status; sekishoctl devices; systemctl --failed --no-pager; ps aux; "
                 "grep . /sys/bus/usb/devices/*/authorized /sys/bus/usb/devices/*/idVendor",
}


class Terminal:
    """One guest. Use as a context manager; leaving it ends QEMU and removes its files."""

    def __init__(self, name, image, disk_base, present=(), append="", ram=None):
        os.makedirs(RUN, exist_ok=True)
        self.name = name
        self.directory = tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=RUN)
        self.image = image
        self.append = append
        self.disk = f"{self.directory}/disk.qcow2"
        overlay(self.disk, disk_base)
        self._start(list(present), ram)

    def _start(self, present, ram):
        self._media = set()  # known to QEMU: a medium outlives the plugging of its device
        self.present = present
        self.started = time.monotonic()
        self._log = open(f"{self.directory}/qemu.log", "ab")
        # setpriv: a guest never outlives the test program, however that ends
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "qemu-system-x86_64", *self._options(ram)],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            self.qmp = channel.Qmp(f"{self.directory}/qmp")
            self.agent = channel.Agent(f"{self.directory}/agent")
        except channel.Timeout as e:
            with open(f"{self.directory}/qemu.log", encoding="utf-8") as f:
                said = f.read().strip()
            self.stop()
            raise channel.Timeout(f"QEMU did not start: {e}; it said: {said}") from None
        self.shell, self.read, self.write, self.list = (
            self.agent.shell, self.agent.read, self.agent.write, self.agent.list)
        self.witness = witness.Witness(self.agent)

    def _options(self, ram):
        d = self.directory
        # What is restored has its kernel in RAM. From -kernel, QEMU would load the file over it at each reset, and waking
        # up from S3 is one; pvh.bin is what else -kernel brings, and has to be there to be restored.
        system = ["-option-rom", "pvh.bin", "-incoming", f"exec:cat {ram}"] if ram else [
            "-kernel", self.image.vmlinux, "-initrd", self.image.initrd,
            "-append", " ".join([*CMDLINE.split(), self.image.cmdline, self.append])]
        options = MACHINE.split() + system + [
            "-qmp", f"unix:{d}/qmp,server=on,wait=off",
            "-chardev", f"file,id=console,path={d}/console,append=on",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,path={d}/agent,server=on,wait=off",
            "-device", "virtio-serial-pci",
            "-device", f"virtserialport,chardev=agent,name={channel.PORT_NAME}",
            # cache=unsafe: the host's page cache is as safe as a test needs
            "-drive", f"file={self.disk},format=qcow2,if=none,id=disk,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk",
            "-device", f"qemu-xhci,id=xhci,p2={USB_PORTS},p3={USB_PORTS}"]
        for i in range(SLOTS):
            options += ["-device", f"pcie-root-port,id=slot{i},chassis={i + 1},slot={i + 1}"]
        for device in self.present:
            if device.medium:
                options += ["-blockdev", json.dumps(self._medium(device))]
            if device.cable:
                options += ["-netdev", json.dumps(device.cable)]
            if device.chardev:
                options += ["-chardev", f"null,id={device.chardev}"]
            if device.table:
                options += ["-acpitable", f"sig=SSDT,rev=2,data={self._table(device)}"]
            options += ["-device", json.dumps(device.properties)]
        return options

    def wait_booted(self, limit=60, meanwhile=None):
        """Until the command agent answers; units may still be starting."""
        self.agent.hello(limit, meanwhile)

    def wait_settled(self, limit=120):
        """Until systemd has nothing left to start."""
        channel.wait_until("boot to finish", lambda: self.shell(
            "systemctl is-system-running --wait", limit).text.strip() in ("running", "degraded"), limit, 0.5)

    def resume(self):
        """After a restore: run, and set the clock that stood still."""
        channel.wait_until("the snapshot to be read", lambda: self.qmp.command(
            "query-status")["status"] in ("paused", "postmigrate"), 30, 0.02)
        self.qmp.command("cont")
        self.agent.ping()
        self.agent.set_clock(time.time())
        self.witness.mark()

    def save(self, ram, disk):
        """Write RAM and disk to files and end; the two belong together from then on."""
        self.sh("sync")
        self.qmp.command("stop")
        self.qmp.command("migrate-set-parameters", max_bandwidth=1 << 33)
        self.qmp.command("migrate", uri=f"exec:cat > {ram}")
        channel.wait_until("the snapshot to be written", lambda: self.qmp.command(
            "query-migrate").get("status") in ("completed", "failed"), 60)
        if self.qmp.command("query-migrate")["status"] != "completed":
            raise AssertionError("QEMU could not save the terminal")
        self.qmp.command("quit")
        self._process.wait(20)
        shutil.move(self.disk, disk)

    def power_cycle(self, present=None, append=""):
        """Cut the power and boot again from the same disk."""
        self._end()
        self.append = append
        self._start(self.present if present is None else list(present), None)

    def cut(self):
        """Cut the power, and leave it at that: the disk is what was written to it."""
        self._end()

    def sh(self, line, limit=60):
        """Output of a shell command line that has to succeed."""
        result = self.shell(line, limit)
        if result.code:
            raise AssertionError(f"`{line}` in the guest: exit {result.code}: {result.text.strip()}")
        return result.text.strip()

    def plug(self, device):
        if device.medium and device.name not in self._media:
            self.qmp.command("blockdev-add", **self._medium(device))
        if device.chardev and device.chardev not in self._media:
            self.qmp.command("chardev-add", id=device.chardev, backend={"type": "null", "data": {}})
            self._media.add(device.chardev)
        if device.cable:
            self.qmp.command("netdev_add", **device.cable)
        self.qmp.command("device_add", **device.properties)
        if device.behind:
            self.qmp.command("device_add", **device.behind)
            self.qmp.command("qom-set", path=f"/machine/peripheral/{device.name}",
                             property="attached", value=True)

    def unplug(self, device):
        self.qmp.command("device_del", id=device.name)
        self.qmp.wait_deleted(device.name)

    def press(self, key):
        self.qmp.command("send-key", keys=[{"type": "qcode", "data": key}])

    def usb(self, device):
        """sysfs folder of what is in a device's port, or None.

        Buses 1 and 2 are the first controller's USB 2 and USB 3 halves; others are hot-added.
        """
        if isinstance(device, gadgets.Gadget):
            return device.find(self)
        port, first = device.properties["port"], device.properties["bus"] == "xhci.0"
        for name in self.list("/sys/bus/usb/devices"):
            bus, _, rest = name.partition("-")
            if rest == port and (bus in ("1", "2")) == first:
                return f"/sys/bus/usb/devices/{name}"
        return None

    def _table(self, device):
        path = f"{self.directory}/{device.name}.aml"
        with open(path, "wb") as f:
            f.write(device.table)
        return path

    def _medium(self, device):
        """Each terminal has its own copy of a medium, since it may write to it."""
        path = f"{self.directory}/{device.name}.img"
        if not os.path.exists(path):
            shutil.copy(device.medium, path)
        self._media.add(device.name)
        return device.blockdev(path)

    def save_evidence(self, directory, with_disks=False):
        """Console and QEMU's words always; what EVIDENCE's commands print if the guest answers.

        Disks only where asked: a copy is some 100 MB, and needs the base image to be read.
        """
        os.makedirs(directory, exist_ok=True)
        disks = [n for n in os.listdir(self.directory) if n.endswith((".img", ".qcow2"))]
        for name in ["console", "qemu.log"] + (disks if with_disks else []):
            shutil.copy(f"{self.directory}/{name}", directory)
        try:
            for name, line in EVIDENCE.items():
                with open(f"{directory}/{name}", "w", encoding="utf-8") as f:
                    f.write(self.shell(line, 30).text)
        except (channel.Timeout, OSError, EOFError) as e:
            with open(f"{directory}/no-answer.txt", "w", encoding="utf-8") as f:
                f.write(f"{e}\n")

    def _end(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._log.close()

    def stop(self):
        self._end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def sweep():
    """Remove what a run that was killed left behind; its guests died with it."""
    for name in os.listdir(RUN) if os.path.isdir(RUN) else ():
        if not os.path.exists(f"/proc/{name.partition('-')[0]}"):
            shutil.rmtree(f"{RUN}/{name}", ignore_errors=True)


def overlay(path, base):
    form = "qcow2" if base.endswith(".qcow2") else "raw"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", form, path],
                   check=True)
