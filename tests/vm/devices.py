# SPDX-License-Identifier: GPL-2.0-or-later
"""Things that a test plugs in, the same whether present at power-on or plugged later."""
import os

import cache
import host

STICK = {"vendor": "46f4", "product": "0001"}  # what QEMU's usb-storage says of itself
READER = {"vendor": "08e6", "product": "4433"}
STICK_BYTES = 16 << 20


class Device:
    """A QEMU device; `medium` is the file whose content it starts with, if it has one."""

    def __init__(self, name, driver, medium=None, **properties):
        self.name = name
        self.medium = medium
        self.properties = {"driver": driver, "id": name, **properties}
        self.behind = None  # a second device that is attached to the first
        self.chardev = None  # what QEMU has to have before the device
        self.cable = None  # likewise, of a network adapter: the cable's other end
        self.table = None  # what the firmware says of it (AML, the body of an SSDT); from power-on only
        if medium:
            self.properties["drive"] = f"{name}-medium"

    def blockdev(self, path):
        """What QEMU calls the medium; `path` is a terminal's own copy of it."""
        return {"driver": "raw", "node-name": f"{self.name}-medium",
                "file": {"driver": "file", "filename": path}}


def stick(medium, name="stick", port=3, serial="4C530001", bus="xhci.0"):
    return Device(name, "usb-storage", medium, serial=serial, bus=bus, port=str(port))


def uas_stick(medium, name="uas", port=5, serial="5A5A0001", bus="xhci.0"):
    """A fast stick: the kernel waits for slow ones to settle, for these it does not."""
    device = Device(name, "usb-uas", medium, serial=serial, bus=bus, port=str(port))
    device.behind = {"driver": "scsi-hd", "bus": f"{name}.0", "id": f"{name}-disk",
                     "drive": device.properties.pop("drive")}
    return device


def keyboard(name="keyboard", port=1, bus="xhci.0"):
    return Device(name, "usb-kbd", bus=bus, port=str(port))


def reader(name="reader", port=4, bus="xhci.0"):
    return Device(name, "usb-ccid", bus=bus, port=str(port))


def phone(name="phone", port=6):
    """Files of this folder, by MTP: no kernel driver, only programs reach it."""
    return Device(name, "usb-mtp", rootdir=os.path.dirname(os.path.abspath(__file__)), bus="xhci.0",
                  port=str(port))


def network_adapter(name="nic", port=7):
    return Device(name, "usb-net", bus="xhci.0", port=str(port))


def serial_adapter(name="serial", port=8):
    """An FTDI chip: its interface says nothing but "vendor"."""
    device = Device(name, "usb-serial", bus="xhci.0", port=str(port), chardev=f"{name}-line")
    device.properties["always-plugged"] = True
    device.chardev = f"{name}-line"
    return device


def tablet(name, bus, port):
    return Device(name, "usb-tablet", bus=bus, port=str(port))


def controller(name="late", slot="slot0", ports=4):
    """A USB controller on a PCIe slot; what is plugged into it goes to bus NAME.0."""
    return Device(name, "qemu-xhci", bus=slot, p2=ports, p3=ports)


def medium(second_bytes=0):
    """A stick's content as sold: a partition table and one vfat partition; behind it an empty one, if it is to have
    a size."""
    def make(directory):
        path = f"{directory}/stick.img"
        first, sectors, more = 2048, STICK_BYTES // 512 - 2048, second_bytes // 512
        table = _partition(0x0C, first, sectors) + (_partition(0x83, first + sectors, more) if more else bytes(16))
        with open(path, "wb") as f:
            f.truncate(STICK_BYTES + second_bytes)
            f.seek(446)
            f.write(table + bytes(32) + b"\x55\xaa")
        host.run("mkfs.vfat", "-F", "16", "-n", "STICK", f"--offset={first}", path,
                 str(sectors // 2))

    kind = "stick" if not second_bytes else f"stick{second_bytes >> 20}"
    return os.path.join(cache.artifact(kind, [cache.source("devices.py")], make), "stick.img")


def _partition(kind, first, sectors):
    """An entry of the MBR's table; by sectors only."""
    return bytes([0, 0, 0, 0, kind, 0, 0, 0]) + first.to_bytes(4, "little") + sectors.to_bytes(4, "little")
