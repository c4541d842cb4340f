# SPDX-License-Identifier: GPL-2.0-or-later
"""What is swapped while the terminal sleeps is a new device; what is not works on."""
import threading
import time

import channel
import checks
import devices
import product
import sessions
from checks import expect
from scenarios import scenario

SLEEP = ("systemctl suspend && sleep 2 && "
         "while systemctl is-active systemd-suspend.service | grep -qx activating; do sleep 1; done")

# Nothing else locks a session: neither one without a helper nor a keyboard that comes back.
SCREEN_LOCK = """
clipboard:
  default: block
  without-helper: record
login:
  second-factor: {default: exempt}
  screen-lock: 30s"""


def console(terminal):
    with open(f"{terminal.directory}/console", encoding="utf-8", errors="replace") as f:
        return f.read()


def other_stick():
    """Of the listed one's model, in its port."""
    return devices.stick(devices.medium(), "other", 3, "4C530002")


def sleep(terminal, gone=(), new=(), seconds=0):
    """S3, by logind as a lid would; some are taken out meanwhile and others plugged in. Until it is awake again, after
    so many seconds.

    Once in a terminal: see the known limits in README.md.
    """
    terminal.sh("systemctl suspend >/dev/null 2>&1 &")  # not waited for: it may be asleep before that ends
    channel.wait_until("the processor to stop", lambda: terminal.qmp.command(
        "query-status")["status"] == "suspended", 40, 0.1)
    for device in gone:
        terminal.unplug(device)
    for device in new:
        terminal.plug(device)
    time.sleep(seconds)
    terminal.qmp.command("system_wakeup")
    channel.wait_until("the terminal to be awake", lambda: terminal.shell(
        "systemctl is-active systemd-suspend.service").text.strip() == "inactive", 60, 0.3)


def assert_work(terminal, sekisho, stick, reader):
    """The listed ones are open, and do what they are there for."""
    for device in stick, reader:
        checks.assert_agent_says(terminal, sekisho, device, "allow", limit=60)
    checks.assert_disk_reads(terminal, limit=40)
    checks.assert_reader_answers(terminal, reader, limit=40)


def with_both(lab):
    """A terminal with a listed stick and a listed reader that work."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.STICK_RULE + product.READER_RULE)
    stick, reader = devices.stick(devices.medium()), devices.reader()
    t.plug(stick)
    t.plug(reader)
    assert_work(t, sekisho, stick, reader)
    return t, sekisho, stick, reader


@scenario()
def not_swapped_while_asleep(lab):
    """S3: a listed stick and a listed reader that stay in their ports work on, and the keyboard types."""
    t, sekisho, stick, reader = with_both(lab)
    sleep(t)
    assert_work(t, sekisho, stick, reader)
    checks.assert_types(t, devices.keyboard())
    sekisho.verify()


@scenario()
def swapped_while_asleep(lab):
    """S3: another stick of the listed one's model, and one in the listed reader's port, are new devices, refused."""
    t, sekisho, stick, reader = with_both(lab)
    others = other_stick(), devices.stick(devices.medium(), "unlisted", 4, "4C530003")
    t.witness.mark()
    sleep(t, [stick, reader], others)
    for device in others:
        checks.assert_agent_says(t, sekisho, device, "block", limit=60)
        checks.assert_shut(t, device)
        checks.assert_recorded_block(sekisho, device)
    checks.assert_types(t, devices.keyboard())

    for device in others:
        t.unplug(device)
    channel.wait_until("them to be gone", lambda: not any(map(t.usb, others)), 40)
    t.plug(stick)
    t.plug(reader)
    assert_work(t, sekisho, stick, reader)
    sekisho.verify()


@scenario()
def screen_open_when_it_fell_asleep(lab):
    """S3, for longer than a screen may be open while nobody is there: it locks when the terminal wakes."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.OTHER_RULE + SCREEN_LOCK)
    t.unplug(devices.keyboard())  # it loses its power, and would be back
    sessions.log_in(t)
    sessions.start_locker(t)
    time.sleep(10)
    expect(not sessions.locked_at(t), "it locked while somebody may have been there")
    sleep(t, seconds=40)
    channel.wait_until("the screen to lock", lambda: sessions.locked_at(t), 20)
    sessions.unlock(t)
    time.sleep(15)
    expect(len(sessions.locked_at(t)) == 1, "it locked once more when somebody had come back")
    sekisho.verify()


@scenario()
def swapped_while_drivers_sleep(lab):
    """A listed stick swapped for another of the model where the controller keeps its power: a new device, refused."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.STICK_RULE)
    listed, other = devices.stick(devices.medium()), other_stick()
    t.plug(listed)
    checks.assert_disk_reads(t)
    # The kernel's own test of suspend: drivers sleep for some seconds, then all wakes up. By logind, as a lid would.
    t.sh("echo devices >/sys/power/pm_test; echo 10 >/sys/module/suspend/parameters/pm_test_delay; "
         "echo N >/sys/module/printk/parameters/console_suspend; dmesg -n 7")
    t.witness.mark()
    awake = threading.Thread(target=lambda: t.sh(SLEEP, 180))
    awake.start()
    channel.wait_until("the drivers to sleep", lambda: "suspend debug: Waiting" in console(t), 60)
    t.unplug(listed)
    t.plug(other)
    awake.join()
    expect("PM: suspend entry" in t.sh("dmesg"), "it never slept")
    checks.assert_agent_says(t, sekisho, other, "block", limit=60)
    checks.assert_shut(t, other)
    t.unplug(other)
    channel.wait_until("it to be gone", lambda: not t.usb(other), 40)
    t.plug(listed)
    checks.assert_agent_says(t, sekisho, listed, "allow", limit=40)
