# SPDX-License-Identifier: GPL-2.0-or-later
"""Things to plug in that are not USB: disks and controllers for PCIe slots, drives and readers of the machine's own."""
import os

import cache
import host
from devices import Device


def nvme(medium, name="nvme", slot="slot0", serial="NV0001"):
    return Device(name, "nvme", medium, serial=serial, bus=slot)


def virtio_scsi(name="hba", slot="slot0"):
    return Device(name, "virtio-scsi-pci", bus=slot)


def scsi_disk(medium, name="disk", bus="hba.0", serial="HD0001"):
    return Device(name, "scsi-hd", medium, serial=serial, bus=bus)


def network_card(name="card", slot="slot0"):
    return Device(name, "e1000e", bus=slot)


def serial_card(name="uart", slot="slot0"):
    device = Device(name, "pci-serial", bus=slot, chardev=f"{name}-line")
    device.chardev = f"{name}-line"
    return device


def usb_cd(medium, name="usbcd", port=5):
    device = Device(name, "usb-bot", medium, bus="xhci.0", port=str(port))
    device.behind = {"driver": "scsi-cd", "bus": f"{name}.0", "id": f"{name}-drive",
                     "drive": device.properties.pop("drive")}
    return device


def sd_card(medium, name="sdcard"):
    """In a reader that is part of the machine; only there from power-on (QEMU plugs no cards)."""
    return Device("reader", "sdhci-pci"), Device(name, "sd-card", medium, bus="sd-bus")


def optical(medium, name="cd", bus="ide.0"):
    """A drive of the machine, with a disc in it."""
    return Device(name, "ide-cd", medium, bus=bus)


def floppy(medium, name="floppy"):
    return Device("fdc", "isa-fdc"), Device(name, "floppy", medium, unit=0)


def machine_disk(medium, name="own", bus="ide.1", serial="OWN0001"):
    """A SATA disk of the machine: there from power-on."""
    return Device(name, "ide-hd", medium, serial=serial, bus=bus)


def disc():
    return _file_system("disc", 4 << 20, 2048)


def diskette():
    return _file_system("diskette", 1440 << 10, 512)


def _file_system(name, size, sector):
    """A vfat without partitions, as on floppies and written CDs."""
    def make(directory):
        path = f"{directory}/{name}.img"
        with open(path, "wb") as f:
            f.truncate(size)
        host.run("mkfs.vfat", "-S", str(sector), "-n", name.upper(), path)

    return os.path.join(cache.artifact(name, [cache.source("drives.py")], make), f"{name}.img")
