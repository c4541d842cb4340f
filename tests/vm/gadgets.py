# SPDX-License-Identifier: GPL-2.0-or-later
"""USB devices that QEMU lacks, made by guest/gadget in the terminal itself.

The guest's kernel plays both sides: what is plugged into its dummy controller is, for the host
side of the same kernel, a device like any other, with any functions, ids and serial.
"""
import channel

TOOL = "/usr/local/lib/sekisho-test/gadget"
KEY_A = 4  # HID usage; arrives as input event code 30
CODE_A = 30


class Gadget:
    """functions: "storage", "card", "keyboard", "serial", "ecm", "rndis", or an interface's "CC:SS:PP"."""

    def __init__(self, name, *functions, vendor="1d6b", product="0104", serial=None, power=100):
        self.name = name
        self.functions = functions
        self.vendor, self.product, self.power = vendor, product, power
        self.properties = {"serial": serial or f"{name}-0001"}

    def plug(self, terminal):
        terminal.sh(f"{TOOL} add {self.name} {self.vendor} {self.product} {self.properties['serial']} "
                    f"{self.power} {' '.join(self.functions)}")

    def unplug(self, terminal):
        terminal.sh(f"{TOOL} remove {self.name}")
        channel.wait_until(f"{self.name} to be gone", lambda: not self.find(terminal), 20)

    def press_a(self, terminal):
        terminal.sh(f"{TOOL} type {self.name} {KEY_A}")

    def insert(self, terminal, file):
        """Another card (a file of the guest) into its slot."""
        terminal.sh(f"{TOOL} insert {self.name} {file}")

    def find(self, terminal):
        """sysfs folder, or None. Told by its serial and its product string, which is its name."""
        found = terminal.shell("cd /sys/bus/usb/devices && for d in *; do "
                               f"[ \"$(cat $d/product 2>/dev/null)\" = {self.name} ] && echo $d; done")
        names = found.text.split()
        return f"/sys/bus/usb/devices/{names[0]}" if names else None


def node(terminal, path):
    """The usbfs node of a device, given its sysfs folder."""
    return f"/dev/bus/usb/{int(terminal.read(path + '/busnum')):03d}/" \
           f"{int(terminal.read(path + '/devnum')):03d}"
