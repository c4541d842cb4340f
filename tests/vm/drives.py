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


def radio_on_a_uart(name="radio"):
    """A Bluetooth adapter of the board, on its second serial port, as the firmware says; it never answers."""
    device = Device(name, "isa-serial", index=1, chardev=f"{name}-line")
    device.chardev = f"{name}-line"
    device.table = _serial_device(b"BTH0", b"BCM2E39", b"\\_SB.PCI0.SF8.COM2")
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


def _serial_device(name, hid, port):
    """AML: Scope (\\_SB) { Device (NAME) { _HID, _CRS: UartSerialBus (115200, 8N1, no flow control) at the port } }"""
    wire = (bytes([1, 0, 3, 2]) + (0x34).to_bytes(2, "little") + bytes([1, 10, 0]) + (115200).to_bytes(4, "little") +
            bytes([32, 0, 32, 0, 0, 0xC0]) + port + b"\0")  # ACPI 6.4, 6.4.3.8.2
    resources = b"\x8e" + len(wire).to_bytes(2, "little") + wire + b"\x79\0"
    inside = (name + b"\x08_HID\x0d" + hid + b"\0" +
              b"\x08_CRS" + _package(b"\x11", bytes([0x0A, len(resources)]) + resources))
    return _package(b"\x10", b"\\_SB_" + _package(b"\x5b\x82", inside))


def _package(op, body):
    """With its length in two bytes, the first of which has four bits of it (ACPI 6.4, 20.2.4)."""
    size = len(body) + 2
    return op + bytes([0x40 | size & 15, size >> 4]) + body


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
