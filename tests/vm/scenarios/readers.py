# SPDX-License-Identifier: GPL-2.0-or-later
"""The card reader for 個人番号カード: the one device that has to work."""
import checks
import devices
import gadgets
import product
import usbip
from checks import expect
from scenarios import composites, scenario

LIST, READER = "readers.yaml", "0b:00:00"
WHOLE = """
    - id: whole
      match: {vendor: 054c, product: 0dc9}
      action: allow"""


@scenario()
def listed_reader_works(lab):
    """A listed reader is authorised and answers a command; plugged again it works again."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    reader = devices.reader()
    for _ in range(2):
        t.plug(reader)
        checks.assert_reader_answers(t, reader)
        checks.assert_agent_says(t, sekisho, reader, "allow")
        t.unplug(reader)
    # What opened it was read twice, by libusb inside the worker's sandbox too.
    expect(t.shell(f"grep second-reader-failed {product.RECORD}").code, "libusb could not read the reader")
    sekisho.verify()


@scenario()
def unlisted_reader_refused(lab):
    """The same reader under a policy that does not list it is refused."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.OTHER_RULE)
    reader = devices.reader()
    t.plug(reader)
    checks.assert_agent_says(t, sekisho, reader, "block")
    checks.assert_shut(t, reader)


@scenario()
def reader_follows_policy(lab):
    """A plugged reader opens when a policy lists it and shuts when the next one does not."""
    t, sekisho = lab.guarded()
    reader = devices.reader()
    sekisho.install_policy(product.OTHER_RULE)
    t.plug(reader)
    checks.assert_agent_says(t, sekisho, reader, "block")
    sekisho.install_policy(product.READER_RULE)
    checks.assert_reader_answers(t, reader)
    sekisho.install_policy(product.OTHER_RULE)
    checks.assert_agent_says(t, sekisho, reader, "block")
    path = t.usb(reader)
    expect(t.read(f"{path}/authorized") == "0", "the reader stayed open")


def made(name, ids, *functions):
    """name: what it calls itself."""
    vendor, _, number = ids.partition(":")
    return gadgets.Gadget(name, *functions, vendor=vendor, product=number)


def assert_opened_by(terminal, sekisho, device, why, name):
    """That rule opens it, or that reason without one, and `sekishoctl devices` shows a name for people."""
    checks.assert_agent_says(terminal, sekisho, device, "allow", 40)
    said = sekisho.device(device)
    expect(why == (said["rule"] or said["reason"]), f"{device.name} is open for another reason: {said}")
    ids = f" {said['vendor']}:{said['product']} "
    lines = [line for line in terminal.sh("sekishoctl devices").splitlines() if ids in line]
    expect(len(lines) == 1 and name in lines[0], f"not called {name}: {lines}")


def assert_refused(terminal, sekisho, twin, reason="default"):
    """The whole of it; and it is taken away again."""
    terminal.witness.mark()
    twin.plug(terminal)
    checks.assert_agent_says(terminal, sekisho, twin, "block", 40)
    said = sekisho.device(twin)
    expect(said["reason"] == reason, f"{twin.name} is refused for another reason: {said}")
    checks.assert_shut(terminal, twin)
    twin.unplug(terminal)


@scenario()
def delivered_list_opens_readers(lab):
    """The package's list opens a reader of it; not one beside it, not one from the network, not one with a disk inside."""
    t, sekisho = lab.guarded()
    sekisho.install_example(LIST)
    reader = made("RC-S300", "054c:0dc9", READER)
    reader.plug(t)
    assert_opened_by(t, sekisho, reader, "sony-rc-s300-p", "RC-S300 (Sony Corp.)")
    checks.assert_reader_answers(t, reader)
    reader.unplug(t)

    assert_refused(t, sekisho, made("RC-S301", "054c:0dca", READER))
    assert_refused(t, sekisho, usbip.Imported("imported", usbip.device(0x054C, 0x0DC9), usbip.configuration(
        usbip.interface((0x0B, 0, 0)))), "virtual-controller")
    with_disk = made("RC-S300-disk", "054c:0dc9", READER, "storage")
    assert_refused(t, sekisho, with_disk)

    sekisho.install_policy(WHOLE)
    with_disk.plug(t)
    composites.wait_for_disk(t)
    sekisho.verify()


@scenario()
def delivered_list_opens_keyboards(lab):
    """The package's list opens keyboard and reader of a listed one, never a disk inside; and nothing of one beside it."""
    t, sekisho = lab.guarded()
    sekisho.install_example(LIST)
    assert_refused(t, sekisho, made("KC-1000-ZZ", "046a:80a1", "keyboard", READER))

    t.witness.mark()
    with_disk = made("KC-1000-SC", "046a:00a1", "keyboard", READER, "storage")
    with_disk.plug(t)
    checks.assert_agent_says(t, sekisho, with_disk, "allow", 40)
    composites.assert_gadget_types(t, with_disk)
    checks.assert_reader_answers(t, with_disk)
    t.sh(checks.STICK_SETTLE)
    checks.assert_no_node(t)
    expect(not t.witness.added("scsi"), "a storage driver had the disk for a moment")
    path = with_disk.find(t)
    expect(t.read(f"{path}/{path.rpartition('/')[2]}:1.2/authorized") == "0", "the disk's interface is open")
    with_disk.unplug(t)

    t.witness.mark()
    keyboard = made("KC-1000-SC", "046a:00a1", "keyboard", READER)
    keyboard.plug(t)
    assert_opened_by(t, sekisho, keyboard, "cherry-kc1000-sc",
                     "KC-1000-SC (CHERRY SmartCard Reader Keyboard KC 1000 SC)")
    composites.assert_gadget_types(t, keyboard)
    checks.assert_reader_answers(t, keyboard)
    sekisho.verify()


@scenario()
def delivered_list_and_hubs(lab):
    """With the package's list a hub works, and what hangs on it is decided on; a hub with a disk inside is none."""
    t, sekisho = lab.guarded()
    sekisho.install_example(LIST)
    hub = devices.Device("hub", "usb-hub", bus="xhci.0", port="5")
    unlisted = devices.reader(port="5.1")  # of a maker with listed ones
    t.plug(hub)
    assert_opened_by(t, sekisho, hub, "floor-hub", "USB Hub (NEC Corp. Hub)")
    t.plug(unlisted)
    checks.assert_agent_says(t, sekisho, unlisted, "block", 40)
    checks.assert_shut(t, unlisted)

    assert_refused(t, sekisho, made("USB2.0-Hub", "05e3:0610", "09:00:00", "storage"))
    sekisho.verify()
