# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written to a permitted stick, mounted as a desktop mounts it, stands in the record."""
import hashlib
import json

import channel
import devices
import product
import sessions
from checks import expect
from scenarios import scenario
from sessions import UID, by_user

FILE_ACTIVITY = 1001  # OCSF class: File System Activity
WATCHER = "sekisho-transferd.service"
MANY = 500


def mount(terminal):
    node = channel.wait_until("the stick's partition", lambda: next(
        (n for n in terminal.witness.block_nodes() if n.startswith("sd") and n[-1] == "1"), None), 20)
    terminal.sh("udevadm settle --timeout=30")
    return sessions.mount(terminal, node)


def transfers(sekisho, **wanted):
    events = map(json.loads, sekisho.record_lines())
    own = [e["unmapped"]["sekisho"] for e in events if e["class_uid"] == FILE_ACTIVITY]
    return [o for o in own if wanted.items() <= o["transfer"].items()]


def wait_transfer(sekisho, limit=20, **wanted):
    return channel.wait_until(f"a record of {wanted}", lambda: transfers(sekisho, **wanted), limit, 0.3)[0]


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def opened_stick(lab):
    t, sekisho = lab.seated()
    sekisho.install_policy(product.STICK_RULE)
    stick = devices.stick(devices.medium())
    t.plug(stick)
    return t, sekisho, stick, mount(t)


@scenario()
def transfer_recorded(lab):
    """A copy to a permitted stick by the person at the screen: who, program, path, size, hash, device, rule."""
    t, sekisho, stick, place = opened_stick(lab)
    by_user(t, f"echo kept >~/kept.txt; echo taken >~/taken.txt; cp ~/taken.txt {place}/; ln ~/kept.txt ~/kept2.txt")
    own = wait_transfer(sekisho, path="/taken.txt", kind="written")
    f = own["transfer"]
    expect((f["uid"], f["login_uid"], f["program"], f["command"]) == (UID, UID, "/usr/bin/cp", "cp"), f"who: {f}")
    expect((f["size"], f["hash"], f["sha256"]) == (6, "done", sha256("taken\n")), f"what: {f}")
    expect(f["filesystem"] == "vfat" and f["outside"] is False, f"where: {f}")
    expect(own["rule"] == "joho-stick" and own["facts"]["serial"] == stick.properties["serial"], f"why: {own}")
    text = "\n".join(sekisho.record_lines())
    expect("kept" not in text and "taken\\n" not in text, "a file of the machine's own disk is in the record")
    journal = t.sh("journalctl -o json --no-pager SEKISHO_COMMAND=cp")
    expect(sha256("taken\n") in journal and "taken.txt" not in journal, f"the journal: {journal}")

    # The kernel tells of names when they have changed: who has ended by then is not known (SECURITY.md), so this one stays.
    number = f"{place}/123456789018.txt"
    by_user(t, f'perl -e "rename(q({place}/taken.txt), q({number})) or die; sleep 3; unlink q({number}) or die; sleep 3"')
    wait_transfer(sekisho, kind="renamed", old_path="/taken.txt", path="/************.txt", command="perl")
    wait_transfer(sekisho, kind="deleted", path="/************.txt", command="perl")
    expect("123456789018" not in "\n".join(sekisho.record_lines()), "a My Number is in the record")
    sekisho.verify()


@scenario()
def transfer_watch_killed(lab):
    """kill -9 of the watcher, and of the agent: the gap is in the record, nothing that was seen is missing."""
    t, sekisho, _, place = opened_stick(lab)
    by_user(t, f"echo one >{place}/one")
    wait_transfer(sekisho, path="/one", kind="written", sha256=sha256("one\n"))

    before = t.sh(f"systemctl show --value -p MainPID {WATCHER}")
    t.sh(f"kill -9 {before}")
    channel.wait_until("the watcher to come back", lambda: t.sh(
        f"systemctl show --value -p ActiveState,MainPID {WATCHER}").split() not in (
            ["active", before], ["active", "0"]) and t.shell(f"systemctl is-active {WATCHER}").code == 0, 20, 0.2)
    channel.wait_until("the gap in the record", lambda: [
        line for line in sekisho.record_lines() if '"transfers-lost"' in line], 20, 0.3)
    by_user(t, f"echo two >{place}/two")
    wait_transfer(sekisho, path="/two", kind="written", sha256=sha256("two\n"))

    t.sh("systemctl kill -s KILL sekishod.service; sleep 0.2")
    by_user(t, f"echo three >{place}/three")
    sekisho.wait_ready()
    wait_transfer(sekisho, path="/three", kind="written", sha256=sha256("three\n"))
    expect(len(transfers(sekisho, kind="written")) >= 3, "records are missing")
    sekisho.verify()


@scenario()
def transfer_of_many_files(lab):
    """Five hundred small files and one that fills the stick: each is recorded, with the hash of what is there."""
    t, sekisho, _, place = opened_stick(lab)
    by_user(t, f"mkdir ~/many && cd ~/many && for i in $(seq {MANY}); do echo $i >f$i; done", 120)
    by_user(t, f"cp -r ~/many {place}/", 120)
    channel.wait_until(f"{MANY} records", lambda: len(transfers(sekisho, kind="written")) >= MANY, 120, 1)
    found = {o["transfer"]["path"]: o["transfer"]["sha256"] for o in transfers(sekisho, kind="written")}
    expect(found == {f"/many/f{i}": sha256(f"{i}\n") for i in range(1, MANY + 1)}, "not these files")

    full = t.shell(f"/root/in-session dd if=/dev/zero of={place}/big bs=1M count=64", 120)
    expect(full.code != 0 and "No space left" in full.text, f"the stick is not full: {full.text}")
    big = wait_transfer(sekisho, path="/big", kind="written", limit=60)["transfer"]
    there = t.sh(f"sha256sum {place}/big", 60).split()[0]
    expect(big["sha256"] == there and big["command"] == "dd", f"{big} is not {there}")
    expect(not [line for line in sekisho.record_lines() if '"transfers-lost"' in line], "something was lost")
    sekisho.verify()
