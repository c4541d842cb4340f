# SPDX-License-Identifier: GPL-2.0-or-later
"""Effects, not intentions: is a device open or shut, does a keyboard type, does a disk read?"""
import itertools
import time

import channel
import gadgets

# name in QMP -> code of the input event; used in turn, so that presses can be told apart
KEYS = {"q": 16, "w": 17, "e": 18, "r": 19, "t": 20, "y": 21, "u": 22, "i": 23, "o": 24, "p": 25}
_keys = itertools.cycle(KEYS)

# A refused stick is watched this much longer than an allowed one needs for its node.
STICK_SETTLE = "udevadm settle --timeout=30; sleep 3; udevadm settle --timeout=30"


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def wait_on_bus(terminal, device, limit=15):
    """sysfs folder of a plugged USB device, as soon as the kernel shows it."""
    return channel.wait_until(f"{device.name} on the bus", lambda: terminal.usb(device), limit)


def interfaces(terminal, path):
    """Interfaces that the kernel made: none as long as a device is not authorised."""
    return [name for name in terminal.list(path) if ":" in name]


def assert_shut(terminal, device):
    """On the bus, not authorised, never given an interface; and no block node ever existed.

    Without an interface no driver has anything to bind to. That none was ever made is more
    than that no disk came: a slow disk hides a door that stood open for half a second.
    """
    path = wait_on_bus(terminal, device)
    expect(terminal.read(f"{path}/authorized") == "0", f"{device.name} is authorised")
    terminal.sh(STICK_SETTLE)
    assert_never_open(terminal, device)
    assert_no_node(terminal)


def assert_never_open(terminal, device):
    """Not authorised, and without an interface since the witness's mark."""
    path = terminal.usb(device)
    expect(terminal.read(f"{path}/authorized") == "0", f"{device.name} became authorised")
    expect(not interfaces(terminal, path), f"{device.name} has interfaces")
    name = path.rpartition("/")[2]
    once = terminal.witness.added("usb", f"/{name}/{name}:")
    expect(not once, f"{device.name} was open for a moment: {[e.path for e in once]}")


def assert_no_node(terminal):
    nodes = terminal.witness.block_nodes()
    expect(not nodes, f"block nodes appeared: {nodes}")


def assert_disk_reads(terminal, limit=20):
    """A stick came up as a disk whose file system can be read."""
    node = channel.wait_until("the stick's partition", lambda: next(
        (n for n in terminal.witness.block_nodes() if n.startswith("sd") and n[-1] == "1"), None),
        limit)
    terminal.sh(f"udevadm settle --timeout=30; mount -o ro /dev/{node} /mnt && umount /mnt")


def assert_reader_answers(terminal, device, limit=15):
    """Authorised, with its interface, and it answers a smart-card command."""
    path = wait_on_bus(terminal, device)
    channel.wait_until(f"{device.name} to be authorised",
                       lambda: terminal.read(f"{path}/authorized") == "1", limit)
    channel.wait_until(f"interfaces of {device.name}", lambda: interfaces(terminal, path), 5)
    terminal.sh(f"/usr/local/lib/sekisho-test/ccid {gadgets.node(terminal, path)}")


def assert_types(terminal, keyboard, limit=15):
    """A key pressed on this keyboard arrives on its event node."""
    port = keyboard.properties["port"]
    channel.wait_until(f"event node of {keyboard.name}",
                       lambda: terminal.witness.event_nodes(port), limit)
    # by the witness's own times: its clock stands still while the terminal sleeps, that of /proc/uptime does not
    pressed, since = [], max((at for at, _ in terminal.witness.keys(port)), default=0)

    def arrived():
        # Its driver has a node before it listens; whoever hears nothing presses again.
        pressed.append(next(_keys))
        terminal.press(pressed[-1])
        time.sleep(0.5)
        codes = [code for at, code in terminal.witness.keys(port) if at > since]
        return any(KEYS[key] in codes for key in pressed)
    channel.wait_until(f"a key of {keyboard.name}", arrived, limit, 1)


def assert_new_keyboard_types(terminal, present, new):
    """A keyboard plugged in beside the present one works, also when that one is taken away.

    The other is taken away first: then no key can be its own.
    """
    terminal.plug(new)
    channel.wait_until(f"event node of {new.name}",
                       lambda: terminal.witness.event_nodes(new.properties["port"]), 15)
    terminal.unplug(present)
    assert_types(terminal, new)


def assert_agent_says(terminal, product, device, action, limit=20):
    """The agent decided so, carried it out, and says what the kernel shows."""
    def entry_as_decided():
        found = product.device(device)
        return found and found["action"] == action and found["effect"] != "pending" and found
    entry = channel.wait_until(f"the agent to {action} {device.name}", entry_as_decided, limit, 0.2)
    authorised = terminal.read(f"{terminal.usb(device)}/authorized") == "1"
    expect(entry["open"] == authorised, f"{device.name}: agent says {entry}, kernel {authorised}")
    expect(entry["effect"] in ("as-decided", "not-enforced"), f"{device.name}: {entry}")


def assert_recorded_block(product, stick, enforce=True, limit=5):
    """The record has the decision against this stick."""
    serial = stick.properties["serial"]
    channel.wait_until(f"a record of the block of {stick.name}", lambda: [
        d for d in product.decisions(serial=serial) if d["action"] == "block" and d["enforce"] == enforce],
        limit, 0.2)


def assert_still_recorded(product, before):
    """Every line that was once in the record is in it still; returns the lines of now."""
    now = set(product.record_lines())
    expect(before <= now, f"{len(before - now)} acknowledged records are lost")
    return now
