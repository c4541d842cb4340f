# SPDX-License-Identifier: GPL-2.0-or-later
"""Signed documents on a stick that is otherwise shut: read by the agent alone, without a disk and without a mount."""
import json
import os
import random
import subprocess
import tempfile
import time

import channel
import checks
import devices
import gadgets
import product
from checks import expect
from scenarios import scenario

NOBODY = 65534
# Whoever can write to a node of the bus, or open a disk or a mount of the stick, is written down.
GREEDY = """#!/bin/sh
while :; do
    for f in /dev/bus/usb/*/* /dev/sd*; do
        [ -w "$f" ] && echo "$f" >>/run/greedy/reached
    done
    echo once >>/run/greedy/rounds
    sleep 0.1
done
"""


class Office:
    """The holder's key, on the machine that signs; ssh-keygen does it, as on any other."""

    def __init__(self, terminal, sekisho):
        self.t, self.sekisho = terminal, sekisho
        self.directory = tempfile.TemporaryDirectory(prefix="sekisho-office-")
        self.key = os.path.join(self.directory.name, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.fleet = sekisho.status()["policy"]["fleet"]
        self.serial = 5000

    def signed(self, text, namespace):
        done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.key], input=text.encode(),
                              capture_output=True, check=True)
        return {"text": text.encode(), "signature": done.stdout}

    def trust(self):
        with open(f"{self.key}.pub", encoding="utf-8") as f:
            public = " ".join(f.read().split()[:2])
        document = self.signed(
            "sekisho-trust: 1\n"
            f"header: {{fleet: {self.fleet}, version: 1, issued: 2026-01-05T09:00:00+09:00, expires: never}}\n"
            "roles: {trust: {threshold: 1}, policy: {threshold: 1}}\n"
            f"holders:\n  - {{name: kacho, roles: [trust, policy], key: {public}}}\n", "trust@sekisho")
        self.t.write("/root/trust.yaml", document["text"].decode())
        self.t.write("/root/trust.yaml.sig", document["signature"].decode())
        self.t.sh("sekishoctl trust init /root/trust.yaml")

    def policy(self, signed=True, issued="2026-01-05T09:00:00+09:00", expires="never"):
        self.serial += 1
        text = product.POLICY.format(fleet=self.fleet, serial=self.serial, mode="enforce", rules=product.OTHER_RULE,
                                     keyboards="present")
        text = text.replace("2026-01-05T09:00:00+09:00", issued).replace("expires: never", f"expires: {expires}")
        files = {"policy.yaml": text.encode()}
        if signed:
            files["policy.yaml.sig"] = self.signed(text, "policy@sekisho")["signature"]
        return files

    def stick(self, files, **options):
        path = os.path.join(self.directory.name, f"stick-{self.serial}-{len(files)}.img")
        with open(devices.medium(), "rb") as source, open(path, "wb") as f:
            f.write(source.read())
        offset = f"{path}@@{2048 * 512}"
        subprocess.run(["mmd", "-i", offset, "::SEKISHO"], check=True)
        for name, content in files.items():
            one = os.path.join(self.directory.name, name)
            with open(one, "wb") as f:
                f.write(content)
            subprocess.run(["mcopy", "-i", offset, one, f"::SEKISHO/{name}"], check=True)
        return devices.stick(path, **options)

    def in_force(self):
        return self.sekisho.status()["policy"]["serial"]

    def history(self):
        rows = json.loads(self.t.sh("sekishoctl policy history --json"))
        return [(r["document"]["name"], r["document"]["outcome"], r["detail"]) for r in rows
                if r["document"]["via"] == "medium"]


def closings(sekisho):
    return [e["unmapped"]["sekisho"]["detail"] for e in map(json.loads, sekisho.record_lines())
            if (e["unmapped"]["sekisho"].get("agent") or {}).get("code") == "medium-closed"]


def start_greedy(t):
    t.write("/run/greedy.sh", GREEDY)
    t.sh("mkdir -p /run/greedy && chmod 777 /run/greedy && chmod 755 /run/greedy.sh")
    t.sh(f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups setsid sh /run/greedy.sh >/dev/null 2>&1 &")
    channel.wait_until("the greedy user", lambda: t.read("/run/greedy/rounds"), 10)


def reached(t):
    return set((t.read("/run/greedy/reached") or "").split())


@scenario()
def carried_in_on_a_stick(lab):
    """A signed policy in SEKISHO/ of a stick that is shut comes into force; no disk, no mount, no node for anybody."""
    t, sekisho = lab.guarded()
    office = Office(t, sekisho)

    # Before there is trust no stick is read.
    stick = office.stick(office.policy(), name="early", serial="EARLY001")
    t.plug(stick)
    checks.assert_shut(t, stick)
    expect(not closings(sekisho), "a stick was read without a trust document")
    t.unplug(stick)

    office.trust()
    start_greedy(t)
    t.witness.mark()
    stick = office.stick(office.policy(), serial="GOOD0001")
    t.plug(stick)
    channel.wait_until("the policy on the stick to be in force", lambda: office.in_force() == office.serial, 60, 0.3)
    path = checks.wait_on_bus(t, stick)
    channel.wait_until("the stick to be shut again", lambda: t.read(f"{path}/authorized") == "0", 15)
    t.sh(checks.STICK_SETTLE)
    expect(t.witness.added("usb", f"/{path.rpartition('/')[2]}/{path.rpartition('/')[2]}:"),
           "the witness did not see that the stick was open at all")
    checks.assert_no_node(t)
    expect("/dev/sd" not in t.read("/proc/self/mountinfo"), "something is mounted")
    expect(not reached(t), f"a user could reach {reached(t)}")
    expect(office.history() == [("policy.yaml", "installed", None)], office.history())
    expect(closings(sekisho)[-1].endswith("ok, 2 files"), closings(sekisho))
    checks.assert_agent_says(t, sekisho, stick, "block")

    # The twin: the greedy user would have reached a node that is given away.
    node = gadgets.node(t, path)
    t.sh(f"chmod 666 {node}")
    channel.wait_until("the greedy user to reach an open node", lambda: node in reached(t), 10)
    t.unplug(stick)

    # Unsigned, and a stick that holds nothing for us.
    before = office.in_force()
    for files, expected in ((office.policy(signed=False), ("policy.yaml", "refused", "no-signature")), ({}, None)):
        stick = office.stick(files, name=f"s{len(files)}", serial=f"OTHER{len(files):03}")
        n = len(closings(sekisho))
        t.plug(stick)
        channel.wait_until("the stick to be read", lambda: len(closings(sekisho)) > n, 60, 0.3)
        checks.wait_on_bus(t, stick)
        if expected:
            channel.wait_until(f"{expected} in the history", lambda: office.history()[-1] == expected, 10, 0.5)
        expect(office.in_force() == before, "an unsigned policy is in force")
        t.unplug(stick)
    checks.assert_no_node(t)
    sekisho.verify()


@scenario()
def power_cut_while_installing(lab):
    """Policies are installed, some on trial; the power goes at some moment: the old or the new one holds, signed."""
    import powercut  # it needs this file

    rng = random.Random()
    powercut.play(lab.deb, rng)
    powercut.play(lab.deb, rng, boot=True)


@scenario()
def clock_wrong_by_a_year(lab):
    """With the clock a year ahead, and then set right: what has expired by then stays expired, other policies come."""
    t, sekisho = lab.guarded()
    office = Office(t, sekisho)
    office.trust()

    def install(**more):
        for name, content in office.policy(**more).items():
            t.write(f"/root/{name}", content)
        return t.shell("sekishoctl policy install /root/policy.yaml")

    def clock_suspect():
        return any(f["code"] == "clock-suspect" for f in sekisho.status()["attention"])

    now = time.time()
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 90 * 86400))
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 365 * 86400))
    result = install(issued=later)
    expect(result.code == 1 and "future" in result.text, f"issued in a year: {result}")
    expect(install(expires=soon).code == 0, "the twin: with the right clock it is accepted")
    t.agent.set_clock(now + 365 * 86400)
    channel.wait_until("the policy to have expired", lambda: sekisho.status()["policy"]["expired"], 20, 0.5)
    result = install(expires=soon)
    expect(result.code == 1 and "expired" in result.text, f"a year ahead: {result}")
    expect(install().code == 0, "one that does not expire is accepted a year ahead")
    t.sh(f"systemctl restart {product.UNIT}")  # saves how far time has come
    sekisho.wait_ready()
    t.agent.set_clock(time.time())
    channel.wait_until("the agent to suspect the clock", clock_suspect, 20, 0.5)
    result = install(expires=soon)
    expect(result.code == 1 and "expired" in result.text, f"set back: {result}")
    expect(install().code == 0, "one that does not expire is accepted with the clock set back")
    sekisho.verify()


@scenario()
def keyboard_in_a_stick_is_not_read(lab):
    """A stick that is more than a stick stays shut all the time, although it holds a signed policy."""
    t, sekisho = lab.guarded()
    office = Office(t, sekisho)
    office.trust()
    gadget = gadgets.Gadget("twofaced", "keyboard", "storage")
    gadget.plug(t)
    path = channel.wait_until("the gadget", lambda: gadget.find(t), 15)
    t.sh(checks.STICK_SETTLE)
    expect(t.read(f"{path}/authorized") == "0", "it is open")
    expect(not closings(sekisho), "it was read")
    # The twin: a plain stick in the same terminal is.
    t.plug(office.stick(office.policy(), serial="GOOD0002"))
    channel.wait_until("the plain stick to be read", lambda: closings(sekisho), 60, 0.3)
