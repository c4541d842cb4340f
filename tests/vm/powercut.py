# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts during installations: QEMU is killed at a random moment, then the terminal boots from what is on its disk.

A round restores a running terminal with a fleet's trust, and installs signed policies one after the other, every third one
on trial. Each answer leaves the terminal at once; QEMU is killed at a random moment of one of them. Then the terminal boots
again from its disk: its kernel replays the file system's journal, and the installed agent starts. What must hold: a policy
that was accepted, whole and signed; the last one that was answered for, or the one that was just being installed; none that
was on trial; each record that an answer vouched for; and a record that verifies.

Most rounds boot quickly: the kernel, Debian's initramfs, and the agent in place of systemd. Others boot all of it.
"""
import json
import os
import threading
import time

import cache
import channel
import image
import product
import snapshot
import terminal
from checks import expect
from scenarios import documents

POLICIES = 7
TRIAL = 3  # every third one
FIRST = 5001  # serial of /root/p0.yaml
LOOK = "/root/look"
# Debian's initramfs mounts the disk and hands over to this.
QUICK_BOOT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
modprobe virtio_console
/usr/local/lib/sekisho-test/agent &
/usr/sbin/sekishod --foreground >/dev/kmsg 2>&1 &
while :; do wait; sleep 1; done
"""


def _prepare(fresh):
    sekisho = product.Product(fresh)
    sekisho.wait_ready()
    office = documents.Office(fresh, sekisho)
    office.serial = FIRST - 1
    office.trust()
    for number in range(POLICIES):
        for name, content in office.policy().items():
            fresh.write(f"/root/p{number}{name[len('policy'):]}", content)
    fresh.sh("sekishoctl policy install /root/p0.yaml")
    fresh.write(LOOK, QUICK_BOOT, 0o755)


class Round:
    """One terminal, cut once. Whoever makes it calls close()."""

    def __init__(self, deb, rng):
        made_from = image.guarded(deb)
        directory = snapshot.snapshot("snapshot-powercut", made_from, _prepare, "powercut.py", "scenarios/documents.py")
        self.terminal = snapshot.restore("powercut", made_from, directory)
        self.rng = rng
        self.accepted = FIRST  # the serial that was last installed for good
        self.during = None  # the one that was being installed when the power went
        self.tried = set()
        self.answered = [(FIRST, None)]  # (serial, detail) of each installation that was answered for
        self.moment = None

    def _install(self, number):
        serial, trial = FIRST + number, number % TRIAL == TRIAL - 1
        if trial:
            self.tried.add(serial)
        else:
            self.during = serial
        self.terminal.sh(f"sekishoctl policy install /root/p{number}.yaml{' --for 10min' if trial else ''}")
        self.answered.append((serial, "trial" if trial else None))
        if not trial:
            self.accepted, self.during = serial, None

    def install_until_cut(self):
        """The power goes at a random moment of the first installations; how long one takes the first one says."""
        start = time.monotonic()
        self._install(1)
        lasts = time.monotonic() - start
        stop = threading.Event()

        def go_on():
            try:
                for number in range(2, POLICIES):
                    if not stop.is_set():
                        self._install(number)
            except (OSError, EOFError, AssertionError, channel.Timeout, ValueError):
                pass  # the power is what ends it
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        self.moment = self.rng.uniform(0, (POLICIES - 2) * lasts)
        time.sleep(self.moment)
        self.terminal.cut()
        stop.set()
        thread.join(120)
        expect(not thread.is_alive(), "the terminal outlived its power")

    def boot(self, whole):
        """Status of the agent that starts on what is on the disk."""
        self.terminal.power_cycle(append="" if whole else f"init={LOOK}")
        self.terminal.wait_booted()
        sekisho = product.Product(self.terminal)
        if whole:
            self.terminal.wait_settled()
            sekisho.wait_ready()
        channel.wait_until("the agent to answer", lambda: self.terminal.shell("sekishoctl status").code in (0, 1), 60, 0.2)
        self.terminal.sh("sekishoctl audit verify")
        return sekisho.status(), sekisho.record_lines()

    def close(self):
        self.terminal.stop()


def _documents(lines):
    """(serial, outcome, detail) of each policy in the record."""
    own = (json.loads(line)["unmapped"]["sekisho"] for line in lines)
    return [(o["document"]["serial"], o["document"]["outcome"], o.get("detail")) for o in own
            if o.get("document", {}).get("what") == "policy"]


def judge(round_, status, lines):
    """What was found, and whether it is the new policy. Raises when it is not one of what may be."""
    policy, recorded = status["policy"], _documents(lines)
    may = {round_.accepted, round_.during} - {None}
    where = (f"cut {round_.moment:.2f} s after the second installation began; answered for {round_.accepted}, being installed "
             f"{round_.during}: {policy['serial']} from {policy['source']}")
    expect(policy["source"] in ("file", "last-good") and policy["signed"], f"no valid policy: {where}")
    expect(policy["serial"] in may, f"neither the old nor the new: {where}")
    expect(policy["serial"] not in round_.tried, f"one on trial: {where}")
    for serial, detail in round_.answered:
        expect((serial, "installed", detail) in recorded, f"no record of {serial}, which was answered for: {where}")
    return f"{where}; {len(round_.answered)} answers in {len(lines)} records", policy["serial"] == round_.during


def play(deb, rng, whole=False, report=None):
    """One round. whole: the terminal boots with all that it has."""
    round_ = Round(deb, rng)
    try:
        round_.install_until_cut()
        return judge(round_, *round_.boot(whole))
    except Exception:
        if report:
            round_.terminal.save_evidence(report, True)
        raise
    finally:
        round_.close()
