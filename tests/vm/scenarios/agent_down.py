# SPDX-License-Identifier: GPL-2.0-or-later
"""When something breaks: doors stay shut, keyboards stay alive, records stay."""
import time

import channel
import checks
import devices
import product
from checks import expect
from scenarios import scenario


def assert_floor(terminal, keyboard, stick):
    """The present keyboard types, one plugged now types, a stick is shut."""
    checks.assert_types(terminal, keyboard)
    checks.assert_shut(terminal, stick)
    checks.assert_new_keyboard_types(terminal, keyboard, devices.keyboard("second", port=2))
    checks.assert_no_node(terminal)


@scenario()
def agent_masked(lab):
    """Cold boot with the agent masked: keyboards type, the stick does not exist."""
    keyboard, stick = devices.keyboard(), devices.stick(devices.medium())
    t = lab.boot([keyboard, stick], append=f"systemd.mask={product.UNIT}")
    expect(t.shell("pidof sekishod").code, "the agent runs although it is masked")
    assert_floor(t, keyboard, stick)


@scenario()
def agent_crashed(lab):
    """The agent is killed and stays dead: keyboards type, a stick plugged then is shut."""
    t, sekisho = lab.guarded()
    t.sh(f"systemctl mask --runtime {product.UNIT} && kill -9 {sekisho.pid()}")
    channel.wait_until("the agent to be dead", lambda: t.shell("pidof sekishod").code, 20)
    time.sleep(1)  # a restart that should not come
    expect(t.shell("pidof sekishod").code, "the masked agent was started again")
    stick = devices.stick(devices.medium())
    t.plug(stick)
    assert_floor(t, devices.keyboard(), stick)


@scenario()
def agent_stopped(lab):
    """Stopping the agent opens nothing: a refused stick and a new one stay shut."""
    t, sekisho = lab.guarded()
    first, second = devices.stick(devices.medium()), devices.stick(devices.medium(), "other", 5)
    t.plug(first)
    checks.assert_agent_says(t, sekisho, first, "block")
    t.sh(f"systemctl stop {product.UNIT}")
    t.plug(second)
    checks.assert_shut(t, second)
    assert_floor(t, devices.keyboard(), first)


@scenario()
def policy_garbled_then_boot(lab):
    """Garbage in the active policy file, power cut, boot: the keyboard types, the stick is shut."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    t.write(product.ACTIVE_POLICY, b"\x00\xff{{{ not a policy\n" * 50)
    t.sh("sync")
    keyboard, stick = devices.keyboard(), devices.stick(devices.medium())
    t.power_cycle([keyboard, stick])
    t.wait_booted()
    t.wait_settled()
    sekisho.wait_ready()
    expect(sekisho.status()["policy"]["source"] != "file", "the garbage passes for a policy")
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)
    checks.assert_types(t, keyboard)
    t.unplug(keyboard)  # with no other keyboard left, a new one has to work
    second = devices.keyboard("second", port=2)
    t.plug(second)
    checks.assert_types(t, second)
    sekisho.verify()


@scenario()
def policy_garbled_then_restart(lab):
    """Garbage in the active policy file, agent restarted: the last good policy or none holds."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    t.write(product.ACTIVE_POLICY, b"sekisho: 1\n\tgarbage: [\n")
    t.sh(f"systemctl restart {product.UNIT}")
    sekisho.wait_ready()
    source = sekisho.status()["policy"]["source"]
    expect(source != "file", "the garbage passes for a policy")

    stick, reader = devices.stick(devices.medium()), devices.reader()
    t.plug(stick)
    t.plug(reader)
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_agent_says(t, sekisho, reader, "allow" if source == "last-good" else "block")
    checks.assert_shut(t, stick)
    checks.assert_types(t, devices.keyboard())
    sekisho.verify()


@scenario()
def killed_in_mid_decision(lab):
    """kill -9 within milliseconds of a plug, over and over: shut is shut, the reader is open."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    stick, reader = devices.stick(devices.medium()), devices.reader()
    acknowledged = set()
    for turn in range(10):
        victim = sekisho.pid()
        t.plug(stick)
        t.plug(reader)
        time.sleep(turn * 0.02)  # another point of the decision each time
        t.sh(f"kill -9 {victim}")
        channel.wait_until("systemd to restart the agent", lambda: (
            sekisho.is_active() and sekisho.pid() != victim), 60, 0.2)
        checks.assert_reader_answers(t, reader)
        checks.assert_agent_says(t, sekisho, reader, "allow")
        checks.assert_agent_says(t, sekisho, stick, "block")
        acknowledged |= checks.assert_still_recorded(sekisho, acknowledged)
        t.unplug(stick)
        t.unplug(reader)
        channel.wait_until("both to be gone", lambda: not (t.usb(stick) or t.usb(reader)), 20)
    checks.assert_no_node(t)
    sekisho.verify()


@scenario()
def agent_stalled(lab):
    """Plugged while the agent is stopped in its tracks (SIGSTOP): decided when it wakes."""
    t, sekisho = lab.guarded()
    stick, reader = devices.stick(devices.medium()), devices.reader()
    sekisho.install_policy(product.READER_RULE)
    t.sh(f"kill -STOP {sekisho.pid()}")
    t.plug(stick)
    t.plug(reader)
    checks.wait_on_bus(t, reader)
    checks.assert_shut(t, stick)
    t.sh(f"kill -CONT {sekisho.pid()}")
    checks.assert_reader_answers(t, reader)
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)
    sekisho.verify()


@scenario()
def uevents_lost(lab):
    """The kernel drops events while the agent sleeps: it looks again, and decides."""
    t, sekisho = lab.guarded()
    # the storm takes longer than the watchdog would wait for a process that stands still
    t.sh("mkdir -p /run/systemd/system/sekishod.service.d")
    t.write("/run/systemd/system/sekishod.service.d/test.conf", "[Service]\nWatchdogSec=0\n")
    t.sh(f"systemctl daemon-reload; systemctl restart {product.UNIT}")
    sekisho.wait_ready()
    sekisho.install_policy(product.READER_RULE)
    stick, reader = devices.stick(devices.medium()), devices.reader()
    pid = sekisho.pid()
    t.sh(f"kill -STOP {pid}")
    t.sh(f"/usr/local/lib/sekisho-test/storm {pid}", limit=200)
    t.plug(stick)
    t.plug(reader)
    checks.wait_on_bus(t, reader)
    t.sh(f"kill -CONT {pid}")
    checks.assert_reader_answers(t, reader, limit=60)
    checks.assert_agent_says(t, sekisho, stick, "block", limit=60)
    expect(sekisho.pid() == pid, "the agent was restarted")
    expect(any("events-lost" in line for line in sekisho.record_lines()),
           "the record does not say that events were lost")
    sekisho.verify()


@scenario()
def power_cut(lab):
    """The power goes the moment a door opens: the record has the decision, and is whole."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    serial = sekisho.status()["policy"]["serial"]
    keyboard, reader = devices.keyboard(), devices.reader()
    t.plug(reader)
    channel.wait_until("the reader to be authorised", lambda: t.usb(reader) and t.read(
        f"{t.usb(reader)}/authorized") == "1", 15, 0.001)
    t.power_cycle([keyboard, reader])
    t.wait_booted()
    t.wait_settled()
    sekisho.wait_ready()
    # the reader of the new boot was there from its start, the one before was not
    opened = [d for d in sekisho.decisions(vendor=devices.READER["vendor"])
              if d["action"] == "allow" and not d["facts"]["present_at_boot"]]
    expect(opened, "the door that was open when the power went is not in the record")
    expect(sekisho.status()["policy"]["serial"] == serial, "the installed policy is lost")
    checks.assert_reader_answers(t, reader)
    checks.assert_types(t, keyboard)
    sekisho.verify()
