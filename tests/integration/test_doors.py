#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The bus guard and sekisho-door on a fake machine: buses that QEMU lacks (Thunderbolt, Bluetooth on a UART, SDIO), and
the order of things at boot. The kernel's part (binding drivers) and udevd's (running the helper) are played here."""

import os
import shutil
import subprocess
import threading
import time

import fakeroot
from fakeroot import BUILD, AgentTest, eventually, policy

HELPER = BUILD / "udev" / "sekisho-door"
BUSES = ("scsi", "mmc", "sdio", "virtio", "pci", "serial", "thunderbolt")
SATA = "pci0000:00/0000:00:1f.2"
CARD = {"type": "SD", "cid": "035344535530384780", "manfid": "0x000003", "oemid": "0x5344", "serial": "0x1a2b3c4d",
        "name": "SU08G"}
DOCK = {"authorized": "0", "vendor": "0x8086", "device": "0x1234", "vendor_name": "Maker", "device_name": "Dock",
        "unique_id": "c2010000-0000-7508-2224-b5034a7ab818"}
UART = {"modalias": "of:Nbluetooth"}


def allow(name, match, action="allow"):
    return f"    - {{id: {name}, match: {{{match}}}, action: {action}}}"


class Kernel(threading.Thread):
    """Binds drivers as the kernel does, and runs the helper for each event as udevd does."""

    def __init__(self, machine):
        super().__init__(daemon=True)
        self.machine, self.devices, self.drivers, self.alive, self.lock = machine, {}, {}, True, threading.RLock()
        self.bound = set()  # devices that ever had a driver
        for bus in BUSES:
            directory = self.bus(bus)
            for path in ("devices", "drivers"):
                (directory / path).mkdir(parents=True)
            (directory / "drivers_probe").write_text("")
            (directory / "drivers_autoprobe").write_text("1\n")

    def bus(self, bus):
        return self.machine.root / "sys/bus" / bus

    def run(self):
        while self.alive:
            with self.lock:
                self.turn()
            time.sleep(0.01)

    def turn(self):
        for bus in BUSES:
            name = take(self.bus(bus) / "drivers_probe")
            if (bus, name) in self.devices:
                self.attach(bus, name)
            for driver in (self.bus(bus) / "drivers").iterdir():
                name = take(driver / "unbind")
                if (bus, name) in self.devices:
                    (self.devices[bus, name] / "driver").unlink(missing_ok=True)
        for device in list(self.devices.values()):
            if take(device / "uevent"):
                self.event(device)

    def event(self, device):
        self.helper("device", f"/{device.relative_to(self.machine.root / 'sys')}")

    def helper(self, *arguments):
        if (self.machine.root / "run/sekisho/doors").exists():
            subprocess.run([HELPER, "--root", self.machine.root, *arguments], check=True, stdout=subprocess.DEVNULL)

    def attach(self, bus, name):
        device, driver = self.devices[bus, name], self.drivers.get(bus)
        override = device / "driver_override"
        if driver and not (device / "driver").exists() and not is_set(override):
            (device / "driver").symlink_to(os.path.relpath(driver, device))
            self.bound.add(name)

    def register(self, bus, name):
        """A driver comes; the kernel offers it what is there only where the bus binds by itself."""
        with self.lock:
            driver = self.drivers[bus] = self.bus(bus) / "drivers" / name
            driver.mkdir(parents=True)
            (driver / "unbind").write_text("")
            for b, device in list(self.devices):
                if b == bus and self.by_itself(bus):
                    self.attach(b, device)
            self.helper("driver", f"/bus/{bus}/drivers/{name}")

    def by_itself(self, bus):
        return bus == "pci" or (self.bus(bus) / "drivers_autoprobe").read_text().strip() == "1"

    def plug(self, bus, path, **files):
        with self.lock:
            device = self.machine.root / "sys/devices" / path
            device.mkdir(parents=True, exist_ok=True)
            if bus == "pci":
                files["driver_override"] = ""
            for file, text in {"uevent": "", **files}.items():
                (device / file).write_bytes(f"{text}\n".encode("latin-1") if text else b"")
            (device / "subsystem").symlink_to(os.path.relpath(self.bus(bus), device))
            self.devices[bus, device.name] = device
            link = self.bus(bus) / "devices" / device.name
            if self.by_itself(bus):
                self.attach(bus, device.name)
            link.symlink_to(os.path.relpath(device, link.parent))
            self.event(device)
            return device

    def unplug(self, bus, name):
        with self.lock:
            (self.bus(bus) / "devices" / name).unlink()
            # not removed: sysfs gives a number of a directory to no other one so soon
            self.devices.pop((bus, name)).rename(self.machine.root / f"gone-{time.monotonic_ns()}")


def is_set(override):
    """A line end clears it; a plain file keeps what was behind."""
    return override.exists() and override.read_text().partition("\n")[0] != ""


def take(path):
    """What was written to a file of sysfs, once."""
    try:
        text = path.read_text().strip()
        if text:
            os.truncate(path, 0)
        return text
    except FileNotFoundError:
        return ""


class Doors(AgentTest):
    def setUp(self):
        super().setUp()
        self.kernel = Kernel(self.machine)
        for bus, driver in (("scsi", "sd"), ("mmc", "mmcblk"), ("pci", "ahci"), ("serial", "hci_uart")):
            self.kernel.register(bus, driver)
        self.kernel.start()
        self.addCleanup(self.kernel.join)
        self.addCleanup(setattr, self.kernel, "alive", False)
        self.controller = self.kernel.plug("pci", SATA, **{"class": "0x010601", "vendor": "0x8086", "device": "0x2922"})
        self.own = self.disk("0:0:0:0")

    def disk(self, name, serial="OWN", **files):
        host = name.split(":")[0]
        path = f"{SATA}/ata{int(host) + 1}/host{host}/target{name.rsplit(':', 1)[0]}/{name}"
        page = f"\0\x80\0{chr(4 + len(serial))}    {serial}"
        return self.kernel.plug("scsi", path, type="0", vendor="ATA", model="DISK", vpd_pg80=page, **files)

    def decided(self, name, action):
        eventually(lambda: (self.machine.device(name) or {}).get("action") == action and
                   self.machine.device(name)["effect"] != "pending", f"{name}: {action}")
        device = self.machine.settled(name)
        self.assertEqual(device["effect"], "as-decided", device)
        return device

    def has_driver(self, device):
        return (device / "driver").exists()

    def test_the_machine_is_told_apart(self):
        """What was there keeps its driver and is nobody's business; a card that was there is shut."""
        card = self.kernel.plug("mmc", "pci0000:00/0000:00:02.0/mmc_host/mmc0/mmc0:aaaa", **CARD)
        soldered = self.kernel.plug("mmc", "platform/sdhci/mmc_host/mmc1/mmc1:0001", type="MMC")
        self.assertTrue(self.has_driver(card) and self.has_driver(self.own))
        self.machine.start()
        device = self.decided("mmc0:aaaa", "block")
        self.assertEqual((device["bus"], device["vendor"], device["product"], device["serial"], device["classes"],
                          device["present_at_boot"]), ("mmc", "0003", "5344", "0x1a2b3c4d", ["storage"], True))
        self.assertFalse(self.has_driver(card))
        self.assertTrue(self.has_driver(self.own) and self.has_driver(soldered) and self.has_driver(self.controller))
        self.assertEqual({d for d in self.machine.devices() if not d.startswith("usb")}, {"mmc0:aaaa"})

    def test_newcomers_get_no_driver(self):
        self.machine.ship(policy(rules=(allow("disk", "bus: ata, class: [storage], serial: NEW"),)))
        self.machine.start()
        other, new = self.disk("1:0:0:0", "OTHER"), self.disk("2:0:0:0", "NEW")
        self.assertEqual(self.decided("2:0:0:0", "allow")["serial"], "NEW")
        self.assertEqual(self.decided("1:0:0:0", "block")["serial"], "OTHER")
        self.assertTrue(self.has_driver(new))
        self.assertFalse(self.has_driver(other))
        self.assertNotIn("1:0:0:0", self.kernel.bound)
        self.machine.install(policy(serial=2))
        self.decided("2:0:0:0", "block")
        self.assertFalse(self.has_driver(new))

    def test_hours(self):
        """A rule opens at its hours alone."""
        now = time.localtime()
        minute = now.tm_hour * 60 + now.tm_min
        clock = [f"{m // 60 % 24:02}:{m % 60:02}" for m in (minute - 120, minute - 60, minute + 60)]
        when = "    - {{id: disk, match: {{bus: ata, class: [storage]}}, action: allow, hours: [Mon-Sun {}-{}]}}"
        self.machine.ship(policy(rules=(when.format(clock[0], clock[1]),)))
        self.machine.start()
        disk = self.disk("1:0:0:0")
        self.assertEqual(self.decided("1:0:0:0", "block")["reason"], "outside-hours")
        self.assertFalse(self.has_driver(disk))
        self.machine.install(policy(serial=2, rules=(when.format(clock[0], clock[2]),)))
        self.decided("1:0:0:0", "allow")
        self.assertTrue(self.has_driver(disk))

    def test_pci_and_the_floor(self):
        self.machine.start()
        nvme = self.kernel.plug("pci", "pci0000:00/0000:01:00.0", **{"class": "0x010802", "vendor": "0x144d",
                                                                       "device": "0xa808"})
        usb = self.kernel.plug("pci", "pci0000:00/0000:02:00.0", **{"class": "0x0c0330", "vendor": "0x1b36",
                                                                      "device": "0x000d"})
        bridge = self.kernel.plug("pci", "pci0000:00/0000:03:00.0", **{"class": "0x060400", "vendor": "0x8086",
                                                                         "device": "0x0001"})
        device = self.decided("0000:01:00.0", "block")
        self.assertEqual((device["bus"], device["vendor"], device["interfaces"]), ("nvme", "144d", ["01:08:02"]))
        for name in ("0000:02:00.0", "0000:03:00.0"):
            self.assertEqual(self.decided(name, "allow")["reason"], "floor-hub")
        self.assertFalse(self.has_driver(nvme))
        self.assertTrue(self.has_driver(usb) and self.has_driver(bridge))
        self.machine.install(policy(serial=2, rules=(allow("nvme", "bus: nvme"),)))
        self.decided("0000:01:00.0", "allow")
        eventually(lambda: self.has_driver(nvme), "the driver to come back")

    def test_dead_agent_shuts(self):
        """What comes while it is dead stays shut, what was let in stays open, and a USB controller works."""
        self.machine.ship(policy(rules=(allow("disk", "bus: ata, class: [storage]"),)))
        self.machine.start()
        before = self.disk("1:0:0:0")
        self.decided("1:0:0:0", "allow")
        saved = self.machine.root / "run/sekisho/decided.json"
        eventually(lambda: saved.exists() and "1:0:0:0" in saved.read_text(), "what was decided to be kept")
        self.machine.kill()
        after = self.disk("2:0:0:0")
        nvme = self.kernel.plug("pci", "pci0000:00/0000:01:00.0", **{"class": "0x010802"})
        usb = self.kernel.plug("pci", "pci0000:00/0000:02:00.0", **{"class": "0x0c0330"})
        eventually(lambda: not self.has_driver(nvme), "the helper to take the driver away")
        self.assertTrue(self.has_driver(usb) and self.has_driver(before))
        self.kernel.register("scsi", "sd2")  # a driver that comes late gets the machine's, and what is open
        time.sleep(0.2)
        self.assertFalse(self.has_driver(after))
        self.machine.start()
        self.decided("2:0:0:0", "allow")
        self.decided("0000:01:00.0", "block")
        self.assertTrue(self.has_driver(after) and self.has_driver(before))
        events = [e for e in self.machine.record() if "1:0:0:0" in e["message"] and "allowed" in e["message"]]
        self.assertEqual(len(events), 1, "the same decision is recorded once")

    def test_late_driver_finds_the_machine(self):
        """A module that is loaded after the buses were shut still gets the machine's own devices."""
        shutil.rmtree(self.kernel.drivers.pop("scsi"))
        (self.own / "driver").unlink()
        self.machine.start()
        self.assertFalse(self.has_driver(self.own))
        self.kernel.register("scsi", "sd_late")
        eventually(lambda: self.has_driver(self.own), "the machine's disk to have its driver")

    def test_boot_goes_on(self):
        """A disk that comes up while udev is still at it belongs to the machine; one that comes later does not."""
        queue = self.machine.root / "run/udev/queue"
        queue.parent.mkdir()
        queue.write_text("")
        self.machine.start()
        slow = self.disk("1:0:0:0", "SLOW")
        eventually(lambda: self.has_driver(slow), "the slow disk to have its driver")
        queue.unlink()
        eventually((self.machine.root / "run/sekisho/doors/kept").exists, "the boot to be over")
        late = self.disk("2:0:0:0", "LATE")
        self.decided("2:0:0:0", "block")
        self.assertFalse(self.has_driver(late))
        self.assertTrue(self.has_driver(slow))
        self.assertNotIn("1:0:0:0", self.machine.devices())

    def test_another_takes_the_name(self):
        """A mark belongs to a device, not to its name."""
        self.machine.start()
        self.kernel.unplug("scsi", "0:0:0:0")
        other = self.disk("0:0:0:0", "OTHER")
        self.decided("0:0:0:0", "block")
        self.assertFalse(self.has_driver(other))

    def test_thunderbolt(self):
        """Authorised by a rule alone: neither by itself, nor by boltd; what the firmware let in stays."""
        present = self.kernel.plug("thunderbolt", "domain0/0-0/0-3", **{**DOCK, "authorized": "1"})
        self.machine.start()
        dock = self.kernel.plug("thunderbolt", "domain0/0-0/0-1", **DOCK)
        device = self.decided("0-1", "block")
        self.assertEqual((device["bus"], device["vendor"], device["serial"], device["name"]),
                         ("thunderbolt", "8086", DOCK["unique_id"], "Maker Dock"))
        (dock / "authorized").write_text("1\n")
        self.kernel.event(dock)  # "change", as the kernel says then
        eventually(lambda: (dock / "authorized").read_text().strip() == "0", "boltd's word to be taken back")
        self.assertEqual((present / "authorized").read_text().strip(), "1")
        self.machine.install(policy(serial=2, rules=(allow("dock", f"bus: thunderbolt, serial: {DOCK['unique_id']}"),)))
        self.decided("0-1", "allow")
        self.assertEqual((dock / "authorized").read_text().strip(), "1")

    def test_disks_on_firewire(self):
        """Shut until listed, those that were there at boot, too: the port leads out of the machine."""
        def disk(name):
            path = f"pci0000:00/0000:00:05.0/fw{name[0]}/fw{name[0]}.0/host{name[0]}/target{name[:-2]}/{name}"
            return self.kernel.plug("scsi", path, type="0", vendor="Maker", model="Disk")

        present = disk("6:0:0:0")
        self.assertTrue(self.has_driver(present))
        self.machine.start()
        late = disk("7:0:0:0")
        for name, plugged, at_boot in ("6:0:0:0", present, True), ("7:0:0:0", late, False):
            device = self.decided(name, "block")
            self.assertEqual((device["bus"], device["name"], device["classes"], device["present_at_boot"]),
                             ("firewire", "Maker Disk", ["storage"], at_boot))
            self.assertFalse(self.has_driver(plugged))
        self.assertNotIn("7:0:0:0", self.kernel.bound)
        self.kernel.unplug("scsi", "7:0:0:0")
        self.machine.install(policy(serial=2, rules=(allow("disk", "bus: firewire, class: [storage]"),)))
        self.decided("6:0:0:0", "allow")
        self.assertTrue(self.has_driver(present))
        late = disk("7:0:0:0")
        self.decided("7:0:0:0", "allow")
        self.assertTrue(self.has_driver(late))

    def test_bluetooth_on_a_uart(self):
        """An adapter that is built in is shut unless listed; what else hangs on a UART is left alone."""
        radio = self.kernel.plug("serial", "pci0000:00/0000:00:1e.0/serial0/serial0-0", **UART)
        other = self.kernel.plug("serial", "pci0000:00/0000:00:1e.1/serial1/serial1-0", **UART)
        (radio / "bluetooth/hci0").mkdir(parents=True)
        self.machine.start()
        device = self.decided("serial0-0", "block")
        self.assertEqual((device["bus"], device["classes"]), ("bluetooth", ["bluetooth"]))
        self.assertFalse(self.has_driver(radio))
        self.assertTrue(self.has_driver(other))
        shutil.rmtree(radio / "bluetooth")  # goes with its driver
        self.kernel.event(other)
        self.assertTrue(self.has_driver(other))
        self.machine.install(policy(serial=2, rules=(allow("radio", "bus: bluetooth"),)))
        self.decided("serial0-0", "allow")
        self.assertTrue(self.has_driver(radio))

    def test_sdio_is_told_by_its_functions(self):
        self.machine.ship(policy(rules=(allow("radio", "bus: mmc, class: [network]"),)))
        self.kernel.register("sdio", "brcmfmac")
        self.machine.start()
        host = "pci0000:00/0000:00:02.0/mmc_host/mmc0/mmc0:0001"
        self.kernel.plug("mmc", host, type="SDIO")
        wireless = self.kernel.plug("sdio", f"{host}/mmc0:0001:1", **{"class": "0x07", "vendor": "0x02d0"})
        bluetooth = self.kernel.plug("sdio", f"{host}/mmc0:0001:2", **{"class": "0x02", "vendor": "0x02d0"})
        self.decided("mmc0:0001:1", "allow")
        self.decided("mmc0:0001:2", "block")
        self.assertTrue(self.has_driver(wireless))
        self.assertFalse(self.has_driver(bluetooth))
        self.assertNotIn("mmc0:0001", self.machine.devices())

    def test_bus_that_does_not_let_itself_be_shut(self):
        """Said in the status for as long as it is so."""
        path = self.kernel.bus("scsi") / "drivers_autoprobe"
        path.unlink()
        path.mkdir()
        self.machine.start()
        self.assertIn("buses-open-by-default", self.machine.attention())
        path.rmdir()
        path.write_text("1\n")
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)
        eventually(lambda: "buses-open-by-default" not in self.machine.attention(), "it to be over")
        self.assertEqual(path.read_text().strip(), "0")


if __name__ == "__main__":
    fakeroot.main()
