# SPDX-License-Identifier: GPL-2.0-or-later
"""What was there at boot, goes for a moment and is back: a loose plug, a dock whose cable was touched."""
import channel
import checks
import devices
import product
import sessions
from checks import expect
from scenarios import keyboards, scenario

GRACE = 3  # seconds; USB_RETURN_USEC in agent/guards/usb_return.h


def hub(name, port):
    return devices.Device(name, "usb-hub", bus="xhci.0", port=str(port))


def keyboard(name, port, serial, **more):
    device = devices.keyboard(name, port)
    device.properties.update(serial=serial, **more)
    return device


def pull(terminal, *gone):
    """Until the kernel has let go of them."""
    for device in gone:
        terminal.unplug(device)
    channel.wait_until("them to be gone", lambda: not any(terminal.usb(d) for d in gone), 20, 0.02)


def put_back(terminal, gone, new):
    """Others, or the same, in the place of some."""
    pull(terminal, *gone)
    for device in new:
        terminal.plug(device)


def absence(terminal, device, gone=None):
    """How long the kernel was without a device in that port, since the witness's mark; None: it is not back.

    gone: what it is in the place of, if that was in another port.
    """
    def times(action, of):
        return [e.time for e in terminal.witness.events("uevent") if (e.what, e.action) == ("usb", action) and
                e.path.endswith(f"-{of.properties['port']}")]
    went = times("remove", gone or device)
    came = [time for time in times("add", device) if went and time >= went[-1]]
    return came[0] - went[-1] if came else None


def wait_back(terminal, device, gone=None):
    return channel.wait_until(f"a device in the port of {device.name}", lambda: absence(
        terminal, device, gone), 30, 0.1)


def wait_open(terminal, sekisho, device):
    """Until the agent has let it in; a worker that took too long on a busy machine is followed by another."""
    channel.wait_until(f"{device.name} to be let in", lambda: (
        found := sekisho.device(device)) and (found["action"], found["effect"]) == ("allow", "as-decided"), 60, 0.3)
    checks.assert_agent_says(terminal, sekisho, device, "allow")


def facts_in_record(sekisho, terminal, device):
    """Of the last decision on what is in that port."""
    port = terminal.usb(device).rpartition("/")[2]
    found = [d for d in sekisho.decisions() if d["facts"]["port"] == port]
    return found[-1]["facts"]


def assert_as_before(terminal, sekisho, device):
    """It is open by the same reason, has its driver and its node, and the record says that it was away."""
    wait_open(terminal, sekisho, device)
    path = terminal.usb(device)
    expect(terminal.read(f"{path}/authorized") == "1", f"{device.name} is shut")
    channel.wait_until(f"the driver of {device.name}", lambda: any(
        "driver" in terminal.list(f"{path}/{name}") for name in checks.interfaces(terminal, path)), 30, 0.2)
    channel.wait_until(f"the node of {device.name}", lambda: terminal.witness.event_nodes(
        device.properties["port"]), 30, 0.2)
    expect(sekisho.device(device)["reason"] == "floor-keyboard", f"open for another reason: {sekisho.device(device)}")
    facts = facts_in_record(sekisho, terminal, device)
    expect(facts["present_at_boot"] and facts.get("returned"), f"the record: {facts}")


def assert_newcomers(terminal, sekisho, *newcomers):
    for device in newcomers:
        checks.assert_agent_says(terminal, sekisho, device, "block", 60)
        facts = facts_in_record(sekisho, terminal, device)
        expect(not facts["present_at_boot"] and "returned" not in facts, f"the record: {facts}")
    terminal.sh(checks.STICK_SETTLE)
    for device in newcomers:
        checks.assert_never_open(terminal, device)


@scenario()
def loose_plug_and_dock(lab):
    """Back within the grace it is as before; later, or another in its port or in the dock, it is a newcomer."""
    desk, loose = devices.keyboard(), keyboard("loose", 4, "K4")
    original, other = keyboard("original", 5, "K5"), keyboard("other", 6, "K6")
    dock, docked = hub("dock", 2), keyboard("docked", "2.1", "K21")
    reader, stick = devices.reader("docked-reader", "2.2"), devices.stick(devices.medium(), "docked-stick", "2.3")
    in_dock = [docked, reader, stick]
    t = lab.boot([desk, loose, original, other, dock, *in_dock])
    sekisho = product.Product(t)
    sekisho.wait_ready()
    sekisho.install_policy(product.READER_RULE)
    for device in loose, original, other, docked:
        wait_open(t, sekisho, device)
    checks.assert_reader_answers(t, reader, 60)

    for _ in range(2):
        t.witness.mark()
        put_back(t, [loose], [loose])
        away = wait_back(t, loose)
        expect(away < GRACE, f"the kernel needs {away} s to see a device again: nothing is shown")
        assert_as_before(t, sekisho, loose)

    # in its place one that says the same of itself but for its speed, and one with another number
    clone = keyboard("clone", 5, "K5", usb_version=1)
    another = keyboard("another", 6, "K7")
    t.witness.mark()
    put_back(t, [original, other], [clone, another])
    expect(max(wait_back(t, clone), wait_back(t, another)) < GRACE, "they came too late: nothing is shown")
    assert_newcomers(t, sekisho, clone, another)
    for field, value in ("vendor", "0627"), ("serial", "K5"):
        expect(sekisho.device(clone)[field] == value, f"the clone is none: {sekisho.device(clone)}")

    # the dock, with one device more than it had
    added = keyboard("added", "2.4", "K24")
    t.witness.mark()
    put_back(t, [dock], [dock, *in_dock, added])
    expect(wait_back(t, dock) < GRACE, "the dock came too late: nothing is shown")
    assert_as_before(t, sekisho, docked)
    checks.assert_reader_answers(t, reader, 60)
    checks.assert_agent_says(t, sekisho, stick, "block", 60)
    assert_newcomers(t, sekisho, added)
    checks.assert_never_open(t, stick)
    checks.assert_no_node(t)

    t.witness.mark()
    pull(t, loose, dock)
    t.sh(f"sleep {GRACE + 1}")
    for device in (loose, dock, *in_dock):
        t.plug(device)
    checks.assert_agent_says(t, sekisho, stick, "block", 60)
    assert_newcomers(t, sekisho, loose, docked)
    for device in loose, docked:
        expect(absence(t, device) > GRACE, f"{device.name} was away for {absence(t, device)} s: nothing is shown")
    checks.assert_never_open(t, stick)
    checks.assert_no_node(t)
    checks.assert_reader_answers(t, reader, 60)
    sekisho.verify()


def replace_at_work(terminal, sekisho, gone, new):
    """Put in the place of another, or of itself, while somebody works: it is in time, and locks the screen first."""
    sessions.unlock(terminal)
    before = len(sessions.locked_at(terminal))
    terminal.witness.mark()
    put_back(terminal, [gone], [new])
    away = wait_back(terminal, new, gone)
    expect(away < GRACE, f"{new.name} came after {away} s: nothing is shown")
    channel.wait_until(f"{new.name} to open", lambda: (sekisho.device(new) or {}).get("open"), 60, 0.3)
    locked, at = sessions.locked_at(terminal)[before:], keyboards.opened_at(terminal, new)
    expect(locked, f"{new.name} is open, and nobody asked for the lock")
    expect(at and at > locked[0], f"{new.name} is open at {at}, locked at {locked}")
    checks.assert_types(terminal, new)  # QEMU's keys come from the one that was plugged in last


@scenario()
def returned_keyboard_locks_first(lab):
    """A keyboard that is back is the one from boot, but types behind a lock; in another port, or another, it is new."""
    desk, loose = devices.keyboard(), keyboard("loose", 4, "K4")
    wanderer, replaced = keyboard("wanderer", 5, "K5"), keyboard("replaced", 6, "K6")
    t = lab.boot([desk, loose, wanderer, replaced])
    sekisho = product.Product(t)
    sekisho.wait_ready()
    sekisho.install_policy()
    for device in loose, wanderer, replaced:
        wait_open(t, sekisho, device)
    sessions.log_in(t)
    sessions.start_locker(t)

    replace_at_work(t, sekisho, loose, loose)
    assert_as_before(t, sekisho, loose)

    sekisho.install_policy(keyboards="any")
    moved, other = keyboard("moved", 7, "K5"), keyboard("other", 6, "K9")
    for gone, new in (wanderer, moved), (replaced, other):
        replace_at_work(t, sekisho, gone, new)
        facts = facts_in_record(sekisho, t, new)
        expect(not facts["present_at_boot"] and "returned" not in facts, f"the record: {facts}")
    sekisho.verify()
