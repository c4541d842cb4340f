# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that are more than one thing, or turn into another: software gadgets in the guest."""
import channel
import checks
import gadgets
import product
import sessions
from checks import expect
from scenarios import kinds, scenario

KEYBOARD_PART = """
    - id: desk-keyboard
      match: {class: [keyboard, hid], vendor: 1d6b, product: 0104, interfaces: matching}
      action: allow"""
WHOLE = """
    - id: whole
      match: {vendor: 1d6b, product: 0104}
      action: allow"""


def two_faced():
    """A keyboard with a disk inside."""
    return gadgets.Gadget("twofaced", "keyboard", "storage")


def assert_gadget_types(terminal, gadget):
    """Its key arrives; it is pressed again until a driver is there to hear it."""
    def arrives():
        gadget.press_a(terminal)
        return gadgets.CODE_A in [code for _, code in terminal.witness.keys()]
    channel.wait_until(f"a key of {gadget.name}", arrives, 20, 0.5)


def wait_for_disk(terminal):
    channel.wait_until("the gadget's disk", terminal.witness.block_nodes, 20)


@scenario(product=False)
def bare_composite_opens(lab):
    """Without Sekisho: a keyboard with a disk inside gives both."""
    t = lab.bare()
    gadget = two_faced()
    gadget.plug(t)
    wait_for_disk(t)
    assert_gadget_types(t, gadget)


@scenario()
def composite_opens_in_part(lab):
    """`interfaces: matching` gives the keyboard, never the disk inside; listed whole it gives both."""
    t, sekisho = lab.guarded()
    t.write("/etc/udev/rules.d/60-generous.rules", kinds.GENEROUS)
    t.sh("udevadm control --reload")
    sekisho.install_policy(KEYBOARD_PART)
    gadget = two_faced()
    gadget.plug(t)
    checks.assert_agent_says(t, sekisho, gadget, "allow")
    assert_gadget_types(t, gadget)
    t.sh(checks.STICK_SETTLE)
    checks.assert_no_node(t)
    expect(not t.witness.added("scsi"), "a storage driver had the disk for a moment")
    path = gadget.find(t)
    expect(t.read(f"{path}/{path.rpartition('/')[2]}:1.1/authorized") == "0", "the disk's interface is open")
    hub = f"/sys/bus/usb/devices/usb{t.read(path + '/busnum')}"
    expect(t.read(f"{hub}/interface_authorized_default") == "1", "the bus was left without interfaces")
    mode = t.sh(f"stat -c '%U %a' {gadgets.node(t, path)}")
    expect(mode == "root 600", f"the node of a half-open device: {mode}")
    request = f"{kinds.REQUEST} {gadgets.node(t, path)}"
    said = sessions.as_user(t, request).text.strip()
    expect(said == "refused: EACCES", f"a user's request to a half-open device: {said}")
    expect(t.shell(request).text.strip() == "reached", "root does not reach it either: nothing is shown")
    sekisho.verify()

    sekisho.install_policy(WHOLE)
    wait_for_disk(t)
    channel.wait_until("a user's request to reach the device that is open as a whole", lambda: sessions.as_user(
        t, request).text.strip() == "reached", 20, 0.3)


@scenario()
def composite_refused_whole(lab):
    """The same rule without `matching` refuses the keyboard with a disk inside; so with a disk in a listed card reader."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(KEYBOARD_PART.replace(", interfaces: matching", ""))
    gadget = two_faced()
    gadget.plug(t)
    checks.assert_agent_says(t, sekisho, gadget, "block")
    checks.assert_shut(t, gadget)

    reader = gadgets.Gadget("reader", "0b:00:00", "storage", vendor="08e6", product="4433")
    sekisho.install_policy(product.READER_RULE)
    reader.plug(t)
    checks.assert_agent_says(t, sekisho, reader, "block")
    checks.assert_shut(t, reader)
    sekisho.install_policy(product.READER_RULE.replace("[smartcard]", "[smartcard], interfaces: matching"))
    checks.assert_agent_says(t, sekisho, reader, "allow")
    path = reader.find(t)
    parts = [f"{path}/{path.rpartition('/')[2]}:1.{n}/authorized" for n in range(2)]
    channel.wait_until("the reader's own interface", lambda: t.read(parts[0]) == "1", 20, 0.2)
    t.sh(checks.STICK_SETTLE)
    expect(t.read(parts[1]) == "0", "the disk in the reader is open")
    checks.assert_no_node(t)
    sekisho.install_policy(product.READER_RULE.replace("[smartcard]", "[smartcard, storage]"))
    wait_for_disk(t)


STICK_MODE = """
    - id: installer-disk
      match: {class: [storage], vendor: 12d1, product: 1f01}
      action: allow"""


@scenario()
def mode_switch_is_a_new_device(lab):
    """A stick that turns into a modem on the same port is decided on again: no tty; listed, it has one."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(STICK_MODE)
    as_stick = gadgets.Gadget("switching", "storage", vendor="12d1", product="1f01")
    as_modem = gadgets.Gadget("switching", "serial", "storage", vendor="12d1", product="14db")
    as_stick.plug(t)
    wait_for_disk(t)
    port = as_stick.find(t)
    as_stick.unplug(t)
    t.witness.mark()
    as_modem.plug(t)
    checks.assert_agent_says(t, sekisho, as_modem, "block")
    expect(as_modem.find(t) == port, "it came back on another port: nothing is shown")
    checks.assert_shut(t, as_modem)
    # (the gadget's own end of the line is a tty, too, but on no port)
    on_port = f"/{port.rpartition('/')[2]}/"
    expect(not t.witness.added("tty", on_port), "the modem had a tty")
    sekisho.install_policy(STICK_MODE + """
    - id: modem
      match: {vendor: 12d1, product: 14db}
      action: allow""")
    channel.wait_until("the listed modem's tty", lambda: t.witness.added("tty", on_port), 20)


@scenario()
def clone_with_other_descriptors(lab):
    """A stick with the listed ids and serial, but one byte else in its descriptors, is refused."""
    t, sekisho = lab.guarded()
    original = gadgets.Gadget("stick", "storage", serial="4C530001")
    clone = gadgets.Gadget("stick", "storage", serial="4C530001", power=102)
    original.plug(t)
    checks.assert_agent_says(t, sekisho, original, "block")
    rule = t.shell(f"sekishoctl devices --rule {original.find(t).rpartition('/')[2]}").text
    expect("descriptors: sha256:" in rule and "4C530001" in rule, f"the printed rule is not strict: {rule}")
    original.unplug(t)
    sekisho.install_policy("\n" + rule.replace("read-only", "allow").rstrip())
    clone.plug(t)
    checks.assert_agent_says(t, sekisho, clone, "block")
    checks.assert_shut(t, clone)
    clone.unplug(t)
    original.plug(t)
    checks.assert_agent_says(t, sekisho, original, "allow")
    wait_for_disk(t)
