# SPDX-License-Identifier: GPL-2.0-or-later
"""What else a USB port brings: phones, network and serial adapters, modems, Bluetooth; nodes and requests."""
import channel
import checks
import devices
import gadgets
import sessions
from checks import expect
from scenarios import scenario

# Another package's rule that gives away every device, as libmtp's and android's do for theirs.
GENEROUS = 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", MODE="0666", TAG+="uaccess"\n'
REQUEST = "/usr/local/lib/sekisho-test/usbreq"


def listing(*classes):
    return f"""
    - id: listed
      match: {{bus: usb, class: [{", ".join(classes)}]}}
      action: allow"""


def refused_then_listed(lab, kinds):
    """Each is refused and never seen by a driver; once its classes are listed, its driver has it."""
    t, sekisho = lab.guarded()
    sekisho.install_policy()
    for device, classes, subsystem in kinds:
        t.witness.mark()  # the port may be the last one's
        plug(t, device)
        checks.assert_agent_says(t, sekisho, device, "block")
        checks.assert_shut(t, device)
        on_port = f"/{t.usb(device).rpartition('/')[2]}/"  # a gadget's own end is a device, too
        sekisho.install_policy(listing(*classes))
        checks.assert_agent_says(t, sekisho, device, "allow")
        channel.wait_until(f"{subsystem} of {device.name}",
                           lambda s=subsystem, p=on_port: t.witness.added(s, p), 20)
        sekisho.install_policy()
        checks.assert_agent_says(t, sekisho, device, "block")
        unplug(t, device)
        channel.wait_until(f"{device.name} to be gone", lambda d=device: not t.usb(d), 20)


def plug(terminal, device):
    if isinstance(device, gadgets.Gadget):
        device.plug(terminal)
    else:
        terminal.plug(device)


def unplug(terminal, device):
    if isinstance(device, gadgets.Gadget):
        device.unplug(terminal)
    else:
        terminal.unplug(device)


@scenario()
def adapters_need_their_class(lab):
    """A USB network adapter and a serial adapter give no interface and no tty until listed."""
    refused_then_listed(lab, [(devices.network_adapter(), ["network"], "net"),
                              (devices.serial_adapter(), ["vendor"], "tty")])


@scenario()
def tethering_needs_its_class(lab):
    """A phone's tethering by RNDIS and ECM, and a modem's tty, stay away until listed."""
    refused_then_listed(lab, [(gadgets.Gadget("rndis", "rndis"), ["network"], "net"),
                              (gadgets.Gadget("ecm", "ecm"), ["network"], "net"),
                              (gadgets.Gadget("acm", "serial"), ["serial", "modem"], "tty")])


@scenario()
def bluetooth_needs_its_class(lab):
    """A Bluetooth adapter (its interface class, made by a gadget) is refused until listed."""
    refused_then_listed(lab, [(gadgets.Gadget("bluetooth", "e0:01:01"), ["bluetooth"], "usb")])


@scenario()
def phone_out_of_reach(lab):
    """A refused phone's node is root's, whatever other rules give away: no user's request reaches it."""
    t, sekisho = lab.guarded()
    t.write("/etc/udev/rules.d/60-generous.rules", GENEROUS)
    t.sh("udevadm control --reload")
    sessions.log_in(t)
    phone = devices.phone()
    t.plug(phone)
    checks.assert_agent_says(t, sekisho, phone, "block")
    checks.assert_shut(t, phone)
    node = gadgets.node(t, t.usb(phone))
    said = sessions.as_user(t, f"{REQUEST} {node}").text.strip()
    expect(said == "refused: EACCES", f"a user's request to a refused phone: {said}")

    sekisho.install_policy(listing("phone"))
    checks.assert_agent_says(t, sekisho, phone, "allow")
    channel.wait_until("the user to reach the listed phone", lambda: sessions.as_user(
        t, f"{REQUEST} {node}").text.strip() == "reached", 20, 0.3)
    t.sh(f"chmod 600 {node}; udevadm trigger -c add {t.usb(phone)}; udevadm settle")  # by the list alone
    channel.wait_until("an entry for the user", lambda: sessions.as_user(
        t, f"{REQUEST} {node}").text.strip() == "reached", 20, 0.3)

    sekisho.install_policy(listing("smartcard"))
    checks.assert_agent_says(t, sekisho, phone, "block")
    said = sessions.as_user(t, f"{REQUEST} {node}").text.strip()
    expect(said == "refused: EACCES", f"a user's request once it is refused again: {said}")
    t.sh(f"chmod 666 {node}; systemctl kill -s HUP sekishod")  # somebody gives it away: the agent looks again
    channel.wait_until("the node to be root's again", lambda: t.sh(f"stat -c %a {node}") == "600", 20, 0.3)


@scenario()
def virtual_controller_stays_shut(lab):
    """Devices that usbip brings over a network are closed from birth; the node for fake Bluetooth is root's."""
    t, sekisho = lab.guarded()
    t.sh("modprobe -a vhci-hcd hci_vhci")
    hubs = channel.wait_until("the virtual hubs", lambda: [
        d for d in sekisho.devices() if d["bus"] == "vhci"], 20, 0.3)
    for hub in hubs:
        value = t.read(f"/sys/bus/usb/devices/{hub['port']}/authorized_default")
        expect(value == "0", f"{hub['port']} opens what comes by default: {value}")
    refused = sessions.as_user(t, "sh -c ': </dev/vhci'")
    expect(refused.code, "a user opens /dev/vhci")
    expect(t.shell(": </dev/vhci").code == 0, "root cannot open /dev/vhci either: nothing is shown")
