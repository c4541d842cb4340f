# SPDX-License-Identifier: GPL-2.0-or-later
"""Sixty devices at once."""
import channel
import checks
import devices
import product
from checks import expect
from scenarios import scenario

CONTROLLERS, PORTS = 4, 15
STORM = "/usr/local/lib/sekisho-test/storm"


def prepare(terminal):
    """Four empty docks, and the sixty devices that go into them: every other one a listed reader."""
    for n in range(CONTROLLERS):
        terminal.plug(devices.controller(f"dock{n}", f"slot{n}", PORTS))
    channel.wait_until("the docks' buses", lambda: terminal.sh(
        "ls /sys/bus/usb/devices | grep -c ^usb").strip() == str(2 + 2 * CONTROLLERS), 40, 0.3)
    readers, others = [], []
    for n in range(CONTROLLERS):
        for port in range(1, PORTS + 1):
            if port % 2:
                readers.append(devices.reader(f"r{n}x{port}", port, f"dock{n}.0"))
            else:
                others.append(devices.tablet(f"t{n}x{port}", f"dock{n}.0", port))
    return readers, others


def plug_at_once(terminal, everything):
    """The terminal stands still meanwhile, so that its kernel finds all of them together."""
    terminal.qmp.command("stop")
    for device in everything:
        terminal.plug(device)
    terminal.qmp.command("cont")


def assert_none_lost(terminal, sekisho, readers, others, floor=False):
    """Every one was decided on, recorded and carried out; no other one ever had an interface.

    floor: but for what types, while no agent lived: that is the floor's to let in, and the next agent's to shut.
    """
    def of(vendor):
        return [d for d in sekisho.devices() if d["vendor"] == vendor and d["port"].partition("-")[0] not in "12"]

    def settled():
        try:
            open_, shut = of("08e6"), of("0627")
        except AssertionError:
            return False  # emulated, it is busy with sixty for longer than a command waits for its answer
        return (len(open_) == len(readers) and len(shut) == len(others) and
                all(d["effect"] == "as-decided" for d in open_ + shut))
    channel.wait_until("all to be decided on", settled, 120, 1)
    for d in of("08e6"):
        expect(d["action"] == "allow" and d["open"], f"a listed reader: {d}")
        expect(terminal.read(f"/sys/bus/usb/devices/{d['port']}/authorized") == "1", f"{d['port']} is shut")
    for d in of("0627"):
        expect(d["action"] == "block" and not d["open"], f"an unlisted device: {d}")
        expect(terminal.read(f"/sys/bus/usb/devices/{d['port']}/authorized") == "0", f"{d['port']} is open")
        once = terminal.witness.added("usb", f"/{d['port']}/{d['port']}:")
        expect(floor or not once, f"{d['port']} was open for a moment")
    decided = {d["facts"]["port"] for d in sekisho.decisions() if d["facts"]["vendor"] in ("08e6", "0627")}
    missing = {d["port"] for d in of("08e6") + of("0627")} - decided
    expect(not missing, f"no record of {sorted(missing)}")
    terminal.witness.assert_alive()
    sekisho.verify()


@scenario()
def storm_of_sixty(lab):
    """Sixty devices at once, half of them listed: none is lost, none is open that should not be."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    readers, others = prepare(t)
    pid = sekisho.pid()
    plug_at_once(t, readers + others)
    assert_none_lost(t, sekisho, readers, others)
    expect(sekisho.pid() == pid, "the agent was restarted")


@scenario()
def killed_in_mid_storm(lab):
    """kill -9 while sixty devices arrive: the next agent finds every one of them."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    readers, others = prepare(t)
    pid = sekisho.pid()
    stick = devices.stick(devices.medium())
    plug_at_once(t, [*readers, *others, stick])
    channel.wait_until("some of them", lambda: t.sh("ls /sys/bus/usb/devices | grep -c -- -").strip() > "20", 30, 0.1)
    t.sh(f"kill -9 {pid}")
    channel.wait_until("another agent", lambda: sekisho.is_active() and sekisho.pid() != pid, 60, 0.2)
    assert_none_lost(t, sekisho, readers, others, floor=True)
    checks.assert_shut(t, stick)


@scenario()
def events_lost_in_storm(lab):
    """Sixty devices, and the kernel drops events for the agent: it looks at all again."""
    t, sekisho = lab.guarded()
    t.sh("mkdir -p /run/systemd/system/sekishod.service.d")
    t.write("/run/systemd/system/sekishod.service.d/test.conf", "[Service]\nWatchdogSec=0\n")
    t.sh(f"systemctl daemon-reload; systemctl restart {product.UNIT}")
    sekisho.wait_ready()
    sekisho.install_policy(product.READER_RULE)
    readers, others = prepare(t)
    pid = sekisho.pid()
    t.sh(f"kill -STOP {pid}")
    t.sh(f"{STORM} {pid}", limit=200)
    plug_at_once(t, readers + others)
    channel.wait_until("all on the bus", lambda: t.sh("ls /sys/bus/usb/devices | grep -c -- -").strip() >= "61", 60, 0.5)
    t.sh(f"kill -CONT {pid}")
    assert_none_lost(t, sekisho, readers, others)
    expect(any("events-lost" in line for line in sekisho.record_lines()),
           "the record does not say that events were lost")
