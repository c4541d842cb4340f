# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts during installations: QEMU is killed at a random moment, then the agent looks at what is on the disk.

A round restores a running terminal, installs signed policies one after the other, every third one on trial, and kills QEMU.
Then the guest's own file system is mounted on this machine, which replays its journal as a boot does, and the real agent
is started on its policies below another root, with another boot id. What must hold: a policy that was accepted, whole and
signed; the last one whose installation had returned, or the one that was just being installed; none that was on trial.
"""
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time

import channel
from checks import expect
from scenarios import documents

POLICIES = 12
STORE = "var/lib/sekisho/policy"
LAST_MOMENT = 6.0  # seconds, times PATIENCE


class Round:
    def __init__(self, lab, rng):
        self.terminal, self.sekisho = lab.guarded()
        self.rng = rng
        self.office = documents.Office(self.terminal, self.sekisho)
        self.accepted = []  # serials that were installed for good, in order
        self.during = None  # the one that was being installed when the power went
        self.tried = set()

    def prepare(self):
        self.office.trust()
        for number in range(POLICIES):
            for name, content in self.office.policy().items():
                self.terminal.write(f"/root/p{number}{name[len('policy'):]}", content)
        self.first = self.office.serial - POLICIES + 1
        self.install(0)

    def install(self, number):
        serial, trial = self.first + number, number % 3 == 2
        if trial:
            self.tried.add(serial)
        else:
            self.during = serial
        self.terminal.sh(f"sekishoctl policy install /root/p{number}.yaml{' --for 10min' if trial else ''}")
        if not trial:
            self.accepted.append(serial)
            self.during = None

    def install_until_cut(self):
        """What ends it is the power."""
        def go_on():
            try:
                for number in range(1, POLICIES):
                    self.install(number)
            except (OSError, EOFError, AssertionError, channel.Timeout, ValueError):
                pass
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        time.sleep(self.rng.uniform(0, LAST_MOMENT * channel.PATIENCE))
        self.terminal.cut()
        thread.join(120)

    def look(self, deb):
        """The policy that holds after the cut, as the packaged agent, run on this machine, says."""
        with tempfile.TemporaryDirectory(prefix="sekisho-powercut-") as work:
            raw, mounted, root = f"{work}/disk", f"{work}/mounted", f"{work}/root"
            subprocess.run(["qemu-img", "convert", "-O", "raw", self.terminal.disk, raw], check=True)
            os.mkdir(mounted)
            subprocess.run(["mount", "-o", "loop,noatime", raw, mounted], check=True)
            try:
                shutil.copytree(f"{mounted}/{STORE}", f"{root}/{STORE}")
                machine_id = f"{mounted}/etc/machine-id"
                os.makedirs(f"{root}/etc")
                shutil.copy(machine_id, f"{root}/etc/machine-id")
            finally:
                subprocess.run(["umount", mounted], check=True)
            subprocess.run(["dpkg-deb", "-x", deb, f"{work}/package"], check=True)
            return status_of(f"{work}/package", root)


def status_of(package, root):
    for path in ("run", "var/log", "dev", "sys/bus/usb/devices", "sys/class/input", "sys/module/usbcore/parameters",
                 "proc/sys/kernel/random", "usr/share/sekisho"):
        os.makedirs(f"{root}/{path}", exist_ok=True)
    for path, text in (("proc/sys/kernel/random/boot_id", "22222222-2222-3333-4444-555555555555\n"),
                       ("sys/module/usbcore/parameters/authorized_default", "1\n"), ("etc/hostname", "terminal\n")):
        with open(f"{root}/{path}", "w", encoding="ascii") as f:
            f.write(text)
    process = subprocess.Popen([f"{package}/usr/sbin/sekishod", "--root", root, "--foreground"], stderr=subprocess.DEVNULL)
    try:
        def ask():
            done = subprocess.run([f"{package}/usr/bin/sekishoctl", "status", "--json", "--root", root], capture_output=True,
                                  check=False)
            return done.returncode in (0, 1) and json.loads(done.stdout)
        return channel.wait_until("the agent on the copy", ask, 20, 0.1)
    finally:
        process.terminate()
        process.wait(30)


def judge(round_, policy):
    """Whether what holds is one of the two that may; how it was, and whether it is the new one. Raises when not."""
    may = {round_.accepted[-1], round_.during} - {None}
    where = f"accepted {round_.accepted[-1]}, during {round_.during}: {policy['serial']} from {policy['source']}"
    expect(policy["source"] in ("file", "last-good") and policy["signed"], f"no valid policy: {where}")
    expect(policy["serial"] in may, f"neither the old nor the new: {where}")
    expect(policy["serial"] not in round_.tried, f"one on trial: {where}")
    return where, policy["serial"] == round_.during


def play(lab, rng):
    """One round, without booting again."""
    round_ = Round(lab, rng)
    round_.prepare()
    round_.install_until_cut()
    return judge(round_, round_.look(lab.deb)["policy"])


def play_and_boot(lab, rng):
    """One round, and the guest boots again from its disk."""
    round_ = Round(lab, rng)
    round_.prepare()
    round_.install_until_cut()
    round_.terminal.power_cycle()
    round_.terminal.wait_booted()
    round_.terminal.wait_settled()
    round_.sekisho.wait_ready()
    return judge(round_, round_.sekisho.status()["policy"])
