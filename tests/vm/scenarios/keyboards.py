# SPDX-License-Identifier: GPL-2.0-or-later
"""Keyboards that are plugged in while people work: locked first, counted, listed, never the last one lost."""
import channel
import checks
import devices
import gadgets
import sessions
from checks import expect
from scenarios import scenario

LISTED = """
    - id: desk-keyboard
      match: {class: [keyboard, hid], vendor: 1d6b, product: 0104}
      action: allow"""


def opened_at(terminal, keyboard):
    """When the kernel gave this keyboard its interface, None if never."""
    events = terminal.witness.added("usb", f"-{keyboard.properties['port']}:1.0")
    return events[0].time if events else None


@scenario()
def new_keyboard_locks_screen_first(lab):
    """A hot-plugged keyboard gets no driver before the locker says that the screen is locked."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(keyboards="any")
    sessions.log_in(t)
    sessions.start_locker(t)
    second = devices.keyboard("second", port=2)
    t.plug(second)
    # A slow locker is waited for: it says that it waits, looks again, and opens then.
    channel.wait_until("the keyboard to open", lambda: (sekisho.device(second) or {}).get("open"), 60, 0.3)
    checks.assert_agent_says(t, sekisho, second, "allow", limit=30)
    locked = sessions.locked_at(t)
    expect(locked, "nobody asked for the lock")
    at = opened_at(t, second)
    expect(at and at > locked[0], f"open at {at}, locked at {locked}")
    t.unplug(devices.keyboard())
    checks.assert_types(t, second)
    sekisho.verify()


@scenario()
def new_keyboard_waits_for_open_screen(lab):
    """A screen that cannot be locked keeps the new keyboard shut, until it is the last one."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(keyboards="any")
    sessions.log_in(t)
    second = devices.keyboard("second", port=2)
    t.plug(second)
    channel.wait_until("the agent to say that it waits", lambda: any(
        f["code"] == "keyboard-waits" for f in sekisho.status()["attention"]), 30, 0.5)
    checks.assert_shut(t, second)
    t.unplug(devices.keyboard())
    checks.assert_types(t, second)
    expect(not any(f["code"] == "keyboard-waits" for f in sekisho.status()["attention"]), "it waits on")


@scenario()
def keyboards_are_counted(lab):
    """Four newcomers that type are open at a time; the fifth opens when one of them is pulled."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(keyboards="any")
    late = [devices.keyboard(f"late{n}", port=n) for n in range(2, 7)]
    for keyboard in late[:4]:
        t.plug(keyboard)
        checks.assert_agent_says(t, sekisho, keyboard, "allow")
    t.plug(late[4])
    checks.assert_agent_says(t, sekisho, late[4], "block")
    expect(sekisho.device(late[4])["reason"] == "too-many-keyboards", "blocked for another reason")
    checks.assert_shut(t, late[4])
    t.unplug(late[0])
    checks.assert_agent_says(t, sekisho, late[4], "allow")


@scenario()
def listed_keyboards_and_the_way_back(lab):
    """`listed` shuts an unlisted keyboard; pulling the listed one or a word at boot brings it back."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(LISTED, keyboards="listed")
    present, listed = devices.keyboard(), gadgets.Gadget("desk", "keyboard")
    checks.assert_types(t, present)  # the last one, whatever is listed
    listed.plug(t)
    checks.assert_agent_says(t, sekisho, listed, "allow")
    t.unplug(present)
    channel.wait_until("it to be gone", lambda: not t.usb(present), 20)
    t.plug(present)
    checks.assert_agent_says(t, sekisho, present, "block")
    checks.assert_shut(t, present)
    listed.unplug(t)
    checks.assert_types(t, present)

    t.power_cycle([present], append="sekisho.keyboards=present")
    t.wait_booted()
    t.wait_settled()
    sekisho.wait_ready()
    listed.plug(t)
    checks.assert_agent_says(t, sekisho, listed, "allow")
    checks.assert_agent_says(t, sekisho, present, "allow")
    expect(sekisho.device(present)["reason"] == "floor-keyboard", "open for another reason")
    expect(any(f["code"] == "keyboards-fallback" for f in sekisho.status()["attention"]), "nobody is told")
    checks.assert_types(t, present)
