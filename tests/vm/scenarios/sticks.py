# SPDX-License-Identifier: GPL-2.0-or-later
"""USB sticks that nobody listed: at boot, hot-plugged, in and out, behind a new controller."""
import time

import channel
import checks
import devices
import product
from checks import expect
from scenarios import scenario


def lean_on_a_key(terminal):
    """As somebody who waits for a prompt does."""
    terminal.press("a")


@scenario()
def stick_at_boot(lab):
    """A stick plugged from power-on never becomes a disk; the keyboard types during the boot."""
    keyboard, stick = devices.keyboard(), devices.stick(devices.medium())
    t = lab.boot([keyboard, stick], meanwhile=lean_on_a_key)
    sekisho = product.Product(t)
    sekisho.wait_ready()
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)
    checks.assert_recorded_block(sekisho, stick)

    agent_up = int(t.sh(f"systemctl show --value -p ActiveEnterTimestampMonotonic {product.UNIT}"))
    early = [at for at, _ in t.witness.keys(keyboard.properties["port"]) if at < agent_up / 1e6]
    expect(early, "no key arrived before the agent was up")
    checks.assert_types(t, keyboard)


@scenario()
def keyboard_at_passphrase_prompt(lab):
    """The keyboard types in the initramfs, where a disk's passphrase is asked; the stick is shut."""
    keyboard, stick = devices.keyboard(), devices.stick(devices.medium())
    t = lab.boot([keyboard, stick], append="sekishotest.prompt", meanwhile=lean_on_a_key)
    expect(t.read("/run/prompt.log") == "key", "no key reached the initramfs")
    checks.assert_shut(t, stick)


@scenario()
def stick_hot_plugged(lab):
    """A hot-plugged stick is refused and recorded; the same stick, once listed, is a disk."""
    t, sekisho = lab.guarded()
    stick = devices.stick(devices.medium())
    t.plug(stick)
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)
    checks.assert_recorded_block(sekisho, stick)
    sekisho.verify()

    t.unplug(stick)
    sekisho.install_policy(product.STICK_RULE)
    t.plug(stick)
    checks.assert_disk_reads(t)
    checks.assert_agent_says(t, sekisho, stick, "allow")
    sekisho.verify()


@scenario()
def fast_stick_refused(lab):
    """A hot-plugged UAS stick, whose disk comes at once where nothing holds it, is refused."""
    t, sekisho = lab.guarded()
    stick = devices.uas_stick(devices.medium())
    t.plug(stick)
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)


@scenario()
def stick_clone_with_other_serial(lab):
    """With a policy that lists one stick, the same model with another serial is refused."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.STICK_RULE)
    clone = devices.stick(devices.medium(), serial="4C530002")
    t.plug(clone)
    checks.assert_agent_says(t, sekisho, clone, "block")
    checks.assert_shut(t, clone)


@scenario()
def stick_unplugged_while_deciding(lab):
    """Quick plugs and pulls, twenty in mid-decision: the agent lives, nothing opens or stays."""
    t, sekisho = lab.guarded()
    before = sekisho.pid()
    stick = devices.stick(devices.medium())
    for turn in range(20):
        t.plug(stick)
        path = channel.wait_until("the stick on the bus", lambda: t.usb(stick), 15, 0.002)
        time.sleep(turn * 0.01)  # pulled at another point of the decision each time
        t.unplug(stick)
        channel.wait_until("the stick to be gone", lambda: not t.usb(stick), 20, 0.01)
    for turn in range(3):  # and before the kernel itself is through with it
        t.plug(stick)
        time.sleep(turn * 0.02)
        t.unplug(stick)
    seen = [e for e in t.witness.added("usb") if e.path.endswith(f"/{path.rpartition('/')[2]}")]
    expect(len(seen) >= 20, f"the kernel saw {len(seen)} of 20 plugs")
    channel.wait_until("the agent to forget it", lambda: not [
        d for d in sekisho.devices() if d["vendor"] == devices.STICK["vendor"]], 20, 0.3)
    expect(sekisho.pid() == before, "the agent was restarted")

    t.plug(stick)  # and it still decides
    # a kernel that was reading a descriptor from the pulled stick tries for up to 25 s (measured)
    checks.wait_on_bus(t, stick, limit=75)
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)
    sekisho.verify()


@scenario()
def stick_behind_late_controller(lab):
    """A stick behind a controller that is added later, which the kernel opens by default."""
    t, _ = lab.guarded()
    expect(t.read("/sys/module/usbcore/parameters/authorized_default") == "0",
           "the kernel's default for new controllers is not closed")
    late = devices.controller()
    t.plug(late)
    channel.wait_until("the new controller's buses",
                       lambda: t.list("/sys/bus/usb/devices").count("usb3"), 20)
    stick = devices.stick(devices.medium(), bus=f"{late.name}.0")
    t.plug(stick)
    checks.assert_shut(t, stick)


@scenario()
def observe_mode(lab):
    """In observe mode the stick works, and the record says that it would have been blocked."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(mode="observe")
    stick = devices.stick(devices.medium())
    t.plug(stick)
    checks.assert_disk_reads(t)
    checks.assert_agent_says(t, sekisho, stick, "block")
    entry = sekisho.device(stick)
    expect(entry["open"] and not entry["enforce"], f"open, not enforced: expected; got {entry}")
    checks.assert_recorded_block(sekisho, stick, enforce=False)
    sekisho.verify()
