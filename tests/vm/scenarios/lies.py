# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that do not say what they are, made of bytes at the other end of usbip."""
import channel
import checks
import gadgets
import usbip
from checks import expect
from scenarios import scenario

IDS = (0x1D6B, 0x0105)
LISTED = """
    - id: listed
      match: {%sclass: [vendor], vendor: 1d6b, product: 0105}
      action: allow"""
RESET = "/usr/local/lib/sekisho-test/medium reset"
BY_NETWORK = LISTED % "bus: vhci, "


def vendor_only(number=0):
    return usbip.interface(usbip.VENDOR, number)


# Of each the kernel makes a device with one harmless interface.
LIES = {
    "promises": usbip.configuration(vendor_only(), promised=2, more=9),
    "hides": usbip.configuration(vendor_only(), b"\0" + usbip.interface(usbip.DISK, 1)[1:]),
}


def refused(terminal, sekisho, device, reason):
    device.plug(terminal)
    checks.assert_agent_says(terminal, sekisho, device, "block", 40)
    said = sekisho.device(device)
    expect(said["reason"] == reason, f"{device.name} is refused for another reason: {said}")
    checks.assert_shut(terminal, device)
    return said


@scenario()
def descriptors_that_lie(lab):
    """A device from the network needs a rule for that; one whose descriptors do not hold together is refused all the same."""
    t, sekisho = lab.guarded()
    honest = usbip.Imported("honest", usbip.device(*IDS), usbip.configuration(vendor_only()))
    sekisho.install_policy(LISTED % "")
    said = refused(t, sekisho, honest, "virtual-controller")
    expect(said["bus"] == "vhci", f"not behind the virtual controller: {said}")
    sekisho.install_policy(BY_NETWORK)
    checks.assert_agent_says(t, sekisho, honest, "allow", 40)
    channel.wait_until("its interface", lambda: checks.interfaces(t, honest.find(t)), 20, 0.2)
    honest.unplug(t)

    for name, configuration in LIES.items():
        t.witness.mark()
        liar = usbip.Imported(name, usbip.device(*IDS), configuration)
        refused(t, sekisho, liar, "descriptors-invalid")
        liar.unplug(t)

    # the kernel prefers a configuration that is no vendor's own, so that this one is a disk
    t.witness.mark()
    both = usbip.Imported("both", usbip.device(*IDS, 2), usbip.configuration(vendor_only()),
                          usbip.configuration(usbip.interface(usbip.DISK), value=2))
    refused(t, sekisho, both, "virtual-controller")
    sekisho.install_policy(BY_NETWORK.replace("[vendor]", "[vendor, storage]"))
    checks.assert_agent_says(t, sekisho, both, "allow", 40)
    path = both.find(t)
    channel.wait_until("the disk's interface", lambda: [
        t.read(f"{path}/{name}/bInterfaceClass") for name in checks.interfaces(t, path)] == ["08"], 20, 0.2)
    both.unplug(t)

    # one that says it is another as soon as it is open and reset
    t.witness.mark()
    turning = usbip.Imported("turning", usbip.device(*IDS), usbip.configuration(vendor_only()), turn=2,
                             later=usbip.device(0x1D6B, 0x0106))
    turning.plug(t)
    checks.assert_agent_says(t, sekisho, turning, "allow", 40)
    path = turning.find(t)
    t.shell(f"{RESET} {gadgets.node(t, path)}")
    channel.wait_until("it to be another", lambda: t.read(f"{path}/idProduct") == "0106", 60, 0.2)
    t.witness.mark()
    checks.assert_agent_says(t, sekisho, turning, "block", 40)
    checks.assert_shut(t, turning)
    sekisho.verify()
