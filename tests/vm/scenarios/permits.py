# SPDX-License-Identifier: GPL-2.0-or-later
"""Permits on a terminal with a real stick: opened for one person, for a while, within an amount; and by nothing else."""
import channel
import checks
import devices
import product
from checks import expect
from permits import Fleet
from scenarios import scenario
from scenarios.transfers import mount, wait_transfer
from sessions import by_user

WRITE = "action: allow\nencrypted: any\n"


def with_stick(lab):
    t, sekisho = lab.seated()
    fleet = Fleet(t, sekisho)
    stick = devices.stick(devices.medium())
    t.plug(stick)
    checks.assert_agent_says(t, sekisho, stick, "block")
    return t, sekisho, fleet, stick


def assert_closed(t, sekisho, stick, place=None):
    """The port is shut, and nothing of it is mounted."""
    channel.wait_until(f"{stick.name} to be shut", lambda: t.read(f"{t.usb(stick)}/authorized") == "0", 60, 0.3)
    if place:
        channel.wait_until("nothing to be mounted", lambda: place not in t.read("/proc/self/mounts"), 20, 0.3)


@scenario()
def permit_opens_a_stick(lab):
    """A permitted stick is mounted and written to; everything names its ticket; it ends by itself."""
    t, sekisho, fleet, stick = with_stick(lab)
    seconds = int(25 * channel.PATIENCE)
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
    fleet.wait_state("used", "duration", limit=60)
    assert_closed(t, sekisho, stick, place)
    result = t.shell(f"sekishoctl permit install {text}")
    expect(result.code == 1, f"a replay: {result.text}")
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
    t.power_cycle([keyboard, stick])
    t.wait_booted()
    t.wait_settled()
    sekisho.wait_ready()
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)
    expect(fleet.state() == ("used", "reboot"), f"after: {fleet.state()}")
    expect(t.shell("sekishoctl permit install /root/p1.yaml").code == 1, "a replay after a reboot")
    sekisho.verify()
