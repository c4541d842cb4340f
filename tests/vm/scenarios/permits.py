# SPDX-License-Identifier: GPL-2.0-or-later
"""Permits on a terminal with a real stick: for one person, for a while, within an amount; and by nothing else."""
import csv
import io

import channel
import checks
import devices
import gadgets
import product
from checks import expect
from permits import Fleet
from scenarios import scenario
from scenarios.transfers import wait_transfer
from sessions import by_user

WRITE = "action: allow\nencrypted: any\n"


def wait_read(sekisho, times=1):
    """Once there is trust, a stick that is shut is read for signed documents, without a driver, and shut again."""
    channel.wait_until("the stick to be read", lambda: sum(
        "medium-closed" in line for line in sekisho.record_lines()) >= times, 60, 0.3)


def assert_refused(t, sekisho, stick):
    checks.assert_agent_says(t, sekisho, stick, "block")
    expect(t.read(f"{t.usb(stick)}/authorized") == "0", f"{stick.name} is authorised")
    checks.assert_no_node(t)


def with_stick(lab):
    t, sekisho = lab.seated()
    fleet = Fleet(t, sekisho)
    stick = devices.stick(devices.medium())
    t.plug(stick)
    wait_read(sekisho)
    channel.wait_until("it to be shut", lambda: t.read(f"{t.usb(stick)}/authorized") == "0", 20, 0.3)
    assert_refused(t, sekisho, stick)
    return t, sekisho, fleet, stick


def partition(t):
    """Of the stick that is plugged in now; it may have another name than the last time."""
    found = channel.wait_until("the stick's partition", lambda: t.shell("ls /dev/sd?1").text.split()
                               if t.shell("ls /dev/sd?1").code == 0 else None, 30, 0.3)
    t.sh("udevadm settle --timeout=30")
    return found[0]


def mount(t):
    """Where udisks mounts it for the person at the screen."""
    node = partition(t)
    channel.wait_until("udisks to know it", lambda: t.shell(f"udisksctl info -b {node}").code == 0, 20, 0.5)
    said = by_user(t, f"udisksctl mount --no-user-interaction -b {node}")
    return said.rpartition(" at ")[2].rstrip(".")


def assert_closed(t, sekisho, stick, place=None):
    """The port is shut, and nothing of it is mounted."""
    channel.wait_until(f"{stick.name} to be shut", lambda: t.read(f"{t.usb(stick)}/authorized") == "0", 60, 0.3)
    if place:
        channel.wait_until("nothing to be mounted", lambda: place not in t.read("/proc/self/mounts"), 20, 0.3)


@scenario()
def permit_opens_a_stick(lab):
    """A permitted stick is mounted and written to; everything names its ticket; it ends by itself, written back."""
    t, sekisho, fleet, stick = with_stick(lab)
    seconds = 90  # emulated, half of them go before somebody has written
    text = fleet.permit(sekisho, stick, duration=f"{seconds}s", more=f"{WRITE}max-bytes: 4MiB\n")
    t.sh(f"sekishoctl permit install {text}")
    checks.assert_agent_says(t, sekisho, stick, "allow")
    place = mount(t)
    by_user(t, f"echo taken >~/taken.txt; cp ~/taken.txt {place}/")
    own = wait_transfer(sekisho, path="/taken.txt", kind="written")
    expect(own["permit"] == {"id": "p1", "ticket": "様式第1号の2 p1"}, f"the file's record: {own}")
    expect("様式第1号の2 p1" in t.sh("sekishoctl devices"), "the ticket is not beside the device")

    # The clock back a year, and the agent killed: its time goes on all the same.
    year = int(t.sh("date +%s")) - 365 * 86400
    t.sh(f"date -s @{year}; systemctl kill -s KILL sekishod.service; sleep 0.2")
    sekisho.wait_ready()
    expect(fleet.state() == ("live", ""), f"after a kill: {fleet.state()}")
    by_user(t, f"echo late >{place}/late.txt")
    fleet.wait_state("used", "duration", limit=120)
    assert_closed(t, sekisho, stick, place)
    result = t.shell(f"sekishoctl permit install {text}")
    expect(result.code == 1, f"a replay: {result.text}")

    # What was written before the end is on the stick: it was written back.
    t.unplug(stick)
    sekisho.install_policy(product.STICK_RULE)
    t.plug(stick)
    checks.assert_agent_says(t, sekisho, stick, "allow")
    t.sh(f"mount -o ro {partition(t)} /mnt && cat /mnt/taken.txt /mnt/late.txt && umount /mnt")

    t.sh("sekishoctl permit close p1 --by kacho --returned --erased")
    rows = list(csv.DictReader(io.StringIO(t.sh("sekishoctl media export").lstrip("\ufeff"))))
    expect((rows[0]["Permit"], rows[0]["Files written"], rows[0]["Returned"]) == ("p1", "2", "yes"), f"register: {rows}")
    expect(rows[1]["Rule of the policy"] == "joho-stick", f"register: {rows}")
    sekisho.verify()


@scenario()
def permit_for_others(lab):
    """A permit for another user, host, or a clone with the same serial opens nothing; for this one it does."""
    t, sekisho, fleet, stick = with_stick(lab)
    t.sh("useradd --create-home bob")
    wrong = fleet.permit(sekisho, stick, "p0", host="f" * 32)
    expect(t.shell(f"sekishoctl permit install {wrong}").code == 1, "another host's permit was taken")
    assert_refused(t, sekisho, stick)

    fleet.install(sekisho, stick, "p1", users="bob")
    checks.assert_agent_says(t, sekisho, stick, "read-only")
    node = partition(t)
    channel.wait_until("udisks to know it", lambda: t.shell(f"udisksctl info -b {node}").code == 0, 20, 0.5)
    refused = t.shell(f"/root/in-session udisksctl mount --no-user-interaction -b {node}", 60)
    expect(refused.code != 0 and "uthor" in refused.text, f"alice, bob's medium: {refused.text}")
    expect(t.shell(f"setpriv --reuid alice --clear-groups head -c 1 {node}").code != 0, "alice read bob's medium")
    expect(t.shell(f"setpriv --reuid bob --clear-groups head -c 1 {node}").code == 0, "bob cannot read his medium")

    clone = gadgets.Gadget("clone", "storage", vendor="46f4", product="0001", serial=stick.properties["serial"])
    t.unplug(stick)
    clone.plug(t)
    wait_read(sekisho, 2)
    channel.wait_until("the clone to be shut", lambda: t.read(f"{clone.find(t)}/authorized") == "0", 20, 0.3)
    checks.assert_agent_says(t, sekisho, clone, "block")
    expect(t.read(f"{clone.find(t)}/authorized") == "0", "the clone is open")
    clone.unplug(t)

    t.plug(stick)  # the twin
    checks.assert_agent_says(t, sekisho, stick, "read-only")
    t.sh("sekishoctl permit close p1 --by kacho || true")
    fleet.install(sekisho, stick, "p2", users="alice")
    place = mount(t)
    written = t.shell(f"/root/in-session sh -c 'echo x >{place}/x'")
    expect(written.code != 0, f"a read-only medium was written to: {written.text}")


@scenario()
def permit_over_its_bytes(lab):
    """A copy that is larger than the permit is cut off: little more than the limit is on the medium."""
    t, sekisho, fleet, stick = with_stick(lab)
    limit = 2 << 20
    fleet.install(sekisho, stick, more=f"{WRITE}max-bytes: 2MiB\n")
    place = mount(t)
    by_user(t, f"head -c 1000000 /dev/urandom >{place}/within && sync")
    wait_transfer(sekisho, path="/within", kind="written")
    expect(fleet.state() == ("live", ""), f"within the limit: {fleet.state()}")
    before = t.sh("cat /sys/block/sd?/stat").split()[6]
    expect(int(before) * 512 >= 1000000, f"the kernel counts {before} sectors")

    # As fast as the stick takes it, each piece on it before the next.
    t.shell(f"/root/in-session dd if=/dev/urandom of={place}/over bs=64k count=180 oflag=dsync", 120)
    fleet.wait_state("used", "max-bytes", limit=60)
    assert_closed(t, sekisho, stick)
    ended = [o for o in t.sh("sekishoctl audit show --json").splitlines() if '"max-bytes"' in o and "permit-ended" in o]
    expect(len(ended) == 1, f"the record: {ended}")
    with open(f"{t.directory}/{stick.name}.img", "rb") as f:
        there = sum(any(block) for block in iter(lambda: f.read(4096), b"")) * 4096
    expect(limit / 2 < there < limit + (4 << 20), f"{there} bytes are on the medium, the limit was {limit}")
    print(f"     permit-over-its-bytes: limit {limit}, on the medium {there}")
    sekisho.verify()


@scenario()
def permit_ends_at_reboot(lab):
    """After the power was cut a permit that was in use is over, and its stick shut from power-on."""
    keyboard, stick = devices.keyboard(), devices.stick(devices.medium())
    t = lab.boot([keyboard, stick])
    sekisho = product.Product(t)
    sekisho.wait_ready()
    fleet = Fleet(t, sekisho)
    fleet.install(sekisho, stick)
    checks.assert_agent_says(t, sekisho, stick, "read-only")
    expect(fleet.state() == ("live", ""), f"before: {fleet.state()}")
    t.sh("sync")
    t.power_cycle([keyboard, stick])
    t.wait_booted()
    t.wait_settled()
    sekisho.wait_ready()
    channel.wait_until("the stick to be read", lambda: "medium-closed" in t.sh("journalctl --no-pager -b -u sekishod"), 60, 1)
    channel.wait_until("it to be shut", lambda: t.read(f"{t.usb(stick)}/authorized") == "0", 20, 0.3)
    assert_refused(t, sekisho, stick)
    expect(fleet.state() == ("used", "reboot"), f"after: {fleet.state()}")
    expect(t.shell("sekishoctl permit install /root/p1.yaml").code == 1, "a replay after a reboot")
    sekisho.verify()
