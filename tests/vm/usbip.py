# SPDX-License-Identifier: GPL-2.0-or-later
"""USB devices that say whatever a test wants them to say: bytes that usbip brings into the terminal (guest/usbip.py)."""
import cache
import channel
import gadgets

PLACE = "/root/usbip.py"
CONTROLLER = "/sys/devices/platform/vhci_hcd.0"
VENDOR, DISK, KEYBOARD = (0xFF, 0, 0), (8, 6, 0x50), (3, 1, 1)


def device(vendor, product, configurations=1):
    return (bytes([18, 1, 0, 2, 0, 0, 0, 64]) + vendor.to_bytes(2, "little") + product.to_bytes(2, "little") +
            bytes([0, 1, 1, 2, 3, configurations]))


def interface(triple, number=0):
    return bytes([9, 4, number, 0, 0, *triple, 0])


def configuration(*interfaces, value=1, promised=None, more=0):
    """promised: interfaces that it says it has; more: bytes that it says follow, and do not."""
    inside = b"".join(interfaces)
    return (bytes([9, 2]) + (9 + len(inside) + more).to_bytes(2, "little") +
            bytes([len(interfaces) if promised is None else promised, value, 0, 0x80, 50]) + inside)


class Imported(gadgets.Gadget):
    """Plugged into the virtual controller's port; later: what it says it is from its turn-th whole answer on."""

    def __init__(self, name, what, *configurations, port=0, turn=0, later=None):
        super().__init__(name)
        self.port, self.turn = port, turn
        self.said = [what.hex() + (f",{later.hex()}" if later else ""), *(c.hex() for c in configurations)]

    def plug(self, terminal):
        with open(f"{cache.HERE}/guest/usbip.py", "rb") as f:
            terminal.write(PLACE, f.read())
        terminal.sh(f"modprobe vhci-hcd; setsid python3 {PLACE} {self.port} {self.name} {self.properties['serial']} {self.turn} "
                    f"{' '.join(self.said)} >/run/usbip.log 2>&1 &")

    def unplug(self, terminal):
        terminal.write(f"{CONTROLLER}/detach", str(self.port))
        channel.wait_until(f"{self.name} to be gone", lambda: not self.find(terminal), 20)

    def find(self, terminal):
        """By its port on the controller's USB 2 half: to look at everything takes long, there are so many of these hubs."""
        buses = [int(name[3:]) for name in terminal.list(CONTROLLER) if name.startswith("usb") and name[3:].isdigit()]
        path = f"/sys/bus/usb/devices/{min(buses, default=0)}-{self.port + 1}"
        return path if terminal.read(f"{path}/product") == self.name else None
