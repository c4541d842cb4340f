# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts during installations: QEMU is killed at a random moment, then the agent looks at what is on the disk.

A round restores a running terminal with a fleet's trust, and installs signed policies one after the other, every third one
on trial. Each answer leaves the terminal at once; QEMU is killed at a random moment of one of them. What must hold on what
is on the disk: a policy that was accepted, whole and signed; the last one that was answered for, or the one that was just
being installed; none that was on trial; each record that an answer vouched for; and a record that verifies.

A round ends in one of two ways. Either the terminal boots again from its disk. Or, which takes a tenth of the time, the disk
is mounted on this machine, where the kernel replays the file system's journal as it does at a boot, and the packaged agent
starts on what is there below another root, with another boot id.
"""
import contextlib
import functools
import inspect
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

import cache
import channel
import host
import image
import product
import snapshot
from checks import expect
from scenarios import documents

POLICIES = 7  # in the terminal: /root/p0.yaml ...
TRIAL = 3  # every third one
FIRST = 5001  # serial of /root/p0.yaml
LAST = 4  # what a round installs at most
KEPT = ("var/lib/sekisho/policy", "var/log/sekisho")


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


class Round:
    """One terminal, cut once. Whoever makes it calls close()."""

    lasts = 1.5  # seconds that an installation takes

    def __init__(self, deb, rng):
        made_from = image.guarded(deb)
        directory = snapshot.snapshot("snapshot-powercut", made_from, _prepare, inspect.getsource(_prepare))
        self.terminal = snapshot.restore("powercut", made_from, directory)
        self.deb, self.rng = deb, rng
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
        """One for good, one on trial, or one in place of that. How long it takes others before it say, in other rounds too."""
        chosen = self.rng.randrange(1, LAST)
        for number in range(1, chosen):
            start = time.monotonic()
            self._install(number)
            Round.lasts = time.monotonic() - start

        def install():
            try:
                self._install(chosen)
            except (OSError, EOFError, AssertionError, channel.Timeout, ValueError):
                pass  # the power is what ends it
        self.moment = self.rng.uniform(0, Round.lasts)
        thread = threading.Thread(target=install, daemon=True)
        thread.start()
        time.sleep(self.moment)
        self.terminal.cut()
        thread.join(120)
        expect(not thread.is_alive(), "the terminal outlived its power")

    def boot(self):
        """Status and record of the terminal that boots from its disk."""
        self.terminal.power_cycle()
        self.terminal.wait_booted()
        sekisho = product.Product(self.terminal)
        sekisho.wait_ready(120)
        self.terminal.sh("sekishoctl audit verify")
        return sekisho.status(), sekisho.record_lines()

    def look(self):
        """The same, of the packaged agent on this machine."""
        with tempfile.TemporaryDirectory(prefix="sekisho-powercut-") as work:
            root = f"{work}/root"
            with mounted(self.terminal.disk, work) as disk:
                for path in KEPT:
                    shutil.copytree(f"{disk}/{path}", f"{root}/{path}")
                os.makedirs(f"{root}/etc")
                shutil.copy(f"{disk}/etc/machine-id", f"{root}/etc/machine-id")
            return _agent_on(f"{_unpacked(self.deb)}/usr", root)

    def close(self):
        self.terminal.stop()


@contextlib.contextmanager
def mounted(disk, work):
    """Folder with the file system of a qcow2 disk, journal replayed."""
    raw, folder = f"{work}/raw", f"{work}/disk"
    with open(raw, "wb"):
        pass
    os.mkdir(folder)
    server = subprocess.Popen(["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=file,filename={disk}",
                               "--blockdev", "driver=qcow2,node-name=disk,file=file", "--export",
                               f"type=fuse,id=raw,node-name=disk,mountpoint={raw},writable=on"])
    try:
        channel.wait_until("the disk to be served", lambda: os.path.getsize(raw), 20)
        subprocess.run(["mount", "-o", "loop,noatime", raw, folder], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)
    finally:
        server.terminate()
        server.wait(60)


@functools.lru_cache
def _unpacked(deb):
    return cache.artifact("package", [cache.digest_file(deb)], lambda folder: host.run("dpkg-deb", "-x", deb, folder))


def _agent_on(programs, root):
    for path in ("run", "dev", "sys/bus/usb/devices", "sys/class/input", "sys/module/usbcore/parameters",
                 "proc/sys/kernel/random", "usr/share/sekisho"):
        os.makedirs(f"{root}/{path}", exist_ok=True)
    for path, text in (("proc/sys/kernel/random/boot_id", "22222222-2222-3333-4444-555555555555\n"),
                       ("sys/module/usbcore/parameters/authorized_default", "1\n"), ("etc/hostname", "terminal\n")):
        with open(f"{root}/{path}", "w", encoding="ascii") as f:
            f.write(text)

    def ctl(*words):
        return subprocess.run([f"{programs}/bin/sekishoctl", *words, "--root", root], capture_output=True, check=False)

    with open(f"{root}/agent.log", "wb") as log:
        agent = subprocess.Popen([f"{programs}/sbin/sekishod", "--root", root, "--foreground"], stderr=log)
    try:
        def ask():
            done = ctl("status", "--json")
            return done.returncode in (0, 1) and json.loads(done.stdout)
        status = channel.wait_until("the agent on the copy", ask, 30, 0.1)
        verified = ctl("audit", "verify")
        expect(verified.returncode == 0, f"the record does not verify: {verified.stdout.decode()}")
        with open(f"{root}/{KEPT[1]}/audit.jsonl", encoding="utf-8") as f:
            return status, f.read().splitlines()
    finally:
        agent.terminate()
        agent.wait(30)


def _documents(lines):
    """(serial, outcome, detail) of each policy in the record."""
    own = (json.loads(line)["unmapped"]["sekisho"] for line in lines)
    return [(o["document"]["serial"], o["document"]["outcome"], o.get("detail")) for o in own
            if o.get("document", {}).get("what") == "policy"]


def judge(round_, status, lines):
    """What was found, and whether it is the new policy. Raises when it is not one of what may be."""
    policy, recorded = status["policy"], _documents(lines)
    may = {round_.accepted, round_.during} - {None}
    where = (f"cut after {round_.moment:.3f} s of an installation, {round_.accepted} answered for, "
             f"{round_.during or 'none for good'} being installed: {policy['serial']} from {policy['source']}")
    expect(policy["source"] in ("file", "last-good") and policy["signed"], f"no valid policy: {where}")
    expect(policy["serial"] in may, f"neither the old nor the new: {where}")
    expect(policy["serial"] not in round_.tried, f"one on trial: {where}")
    for serial, detail in round_.answered:
        expect((serial, "installed", detail) in recorded, f"no record of {serial}, which was answered for: {where}")
    return f"{where}; all of {len(round_.answered)} answers in {len(lines)} records", policy["serial"] == round_.during


def play(deb, rng, boot=False, report=None):
    """One round."""
    round_ = Round(deb, rng)
    try:
        round_.install_until_cut()
        return judge(round_, *(round_.boot() if boot else round_.look()))
    except Exception:
        if report:
            round_.terminal.save_evidence(report, True)
        raise
    finally:
        round_.close()
