# SPDX-License-Identifier: GPL-2.0-or-later
"""Listed media under conditions: read-only, for some users, at some hours, only encrypted; by nodes and by udisks."""
import datetime
import hashlib

import channel
import checks
import devices
import drives
import gadgets
import sessions
from checks import expect
from scenarios import scenario
from sessions import USER, by_user, in_session

TOOL = "/usr/local/lib/sekisho-test/medium"
WRITTEN = "written"
# Somebody for whom no node of a disk is too private: what is refused to him nobody gets.
GENEROUS = 'SUBSYSTEM=="scsi_generic|bsg", MODE="0666"\nSUBSYSTEM=="block", KERNEL=="sd*|sr*", MODE="0666"\n'
SECOND_BYTES = 24 << 20


def rule(text, ids="vendor: 46f4, product: 0001", kinds="storage"):
    return f"""
    - id: stick
      match: {{bus: usb, class: [{kinds}], {ids}}}
      {text}"""


def tried(terminal, way, node, user=USER):
    """What became of the try of a user; of root, if user is None."""
    line = f"{TOOL} {way} {node}"
    return (sessions.as_user(terminal, line, user) if user else terminal.shell(line)).text.strip()


def wait_written(terminal, way, node):
    """Whoever has written to a whole disk makes udev read its partitions anew, and their nodes go for a moment."""
    channel.wait_until(f"{way} {node} to be written", lambda: tried(terminal, way, node) == WRITTEN, 20, 0.3)


def expect_refused(terminal, ways, why, user=USER):
    for name, (way, node) in ways.items():
        said = tried(terminal, way, node, user)
        expect(said.startswith("refused: "), f"{why}, {name}: {said}")


def wait_held(terminal, sekisho, disk):
    """Until the agent says that the disk is as it was decided, and udev is through with it."""
    channel.wait_until(f"{disk} to be held", lambda: [
        d for d in sekisho.devices() if d["node"] == disk and d["effect"] == "as-decided"], 40, 0.3)
    terminal.sh("udevadm settle --timeout=30")


def wait_unmounted(terminal, place):
    channel.wait_until("it to be taken away", lambda: place not in (terminal.read("/proc/mounts") or ""), 40, 0.3)


def disk_of(terminal, sekisho, device, limit=20):
    """(name, SCSI address) of its disk, once it is held."""
    def found():
        path = terminal.usb(device)
        names = path and terminal.shell(f"cd {path} && ls -d *:*/host*/target*/*/block/*").text.split()
        return names and "No such" not in " ".join(names) and names[0].split("/")
    parts = channel.wait_until(f"the disk of {device.name}", found, limit)
    wait_held(terminal, sekisho, parts[-1])
    return parts[-1], parts[-3]


def ways_to(terminal, sekisho, device):
    """Every way to change what is on a stick that has a partition."""
    disk, address = disk_of(terminal, sekisho, device)
    generic = terminal.sh(f"ls /sys/class/scsi_device/{address}/device/scsi_generic")
    return {"by the disk": ("write", f"/dev/{disk}"), "by its partition": ("write", f"/dev/{disk}1"),
            "by SCSI commands to the disk": ("scsi", f"/dev/{disk}"),
            "by SCSI commands to the partition": ("scsi", f"/dev/{disk}1"),
            "by sg": ("scsi", f"/dev/{generic}"), "by bsg": ("scsi", f"/dev/bsg/{address}")}


def content(terminal, device):
    """Digest of the medium itself, as it lies on the machine that plays the terminal."""
    terminal.sh("sync")
    with open(f"{terminal.directory}/{device.name}.img", "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def wait_read_only(terminal, node, wanted="1", limit=20):
    channel.wait_until(f"read-only {wanted} of {node}", lambda: terminal.read(
        f"/sys/class/block/{node}/ro") == wanted, limit, 0.2)


def generous(terminal):
    terminal.write("/etc/udev/rules.d/52-generous.rules", GENEROUS)
    terminal.sh("udevadm control --reload")


@scenario()
def read_only_by_every_path(lab):
    """A read-only stick takes no write by disk, partition, sg, bsg or mount: after a reset, without the agent, too."""
    t, sekisho = lab.guarded()
    generous(t)
    stick = devices.stick(devices.medium())
    sekisho.install_policy(rule("action: allow"))
    t.plug(stick)
    ways = ways_to(t, sekisho, stick)
    disk = ways["by the disk"][1].rpartition("/")[2]
    for name, (way, node) in ways.items():
        if name != "by SCSI commands to the partition":  # the kernel lets nobody but root
            before = content(t, stick)
            wait_written(t, way, node)
            expect(content(t, stick) != before, f"allowed, {name}: nothing is written")

    sekisho.install_policy(rule("action: read-only"))
    checks.assert_agent_says(t, sekisho, stick, "read-only")
    wait_held(t, sekisho, disk)
    before = content(t, stick)
    expect_refused(t, ways, "read-only")
    expect(tried(t, "allow", f"/dev/{disk}") == "refused: EACCES", "a user takes the kernel's flag away")
    # the flag itself stops root, too, whatever root could do about it
    expect(tried(t, "write", f"/dev/{disk}1", None) == "refused: EPERM", "root writes to the partition")
    t.sh(f"mount /dev/{disk}1 /mnt")  # as a stick that has a switch of its own
    expect(t.shell("mount -o remount,rw /mnt").code and t.shell("touch /mnt/x").code, "it was remounted for writing")
    expect(not t.shell("ls /mnt").code, "it cannot be read")
    t.sh("umount /mnt")

    expect(tried(t, "reset", gadgets.node(t, t.usb(stick)), None) == "done", "it was not reset")
    t.sh("udevadm settle --timeout=30")
    expect_refused(t, ways, "after a reset")
    expect(content(t, stick) == before, "what is on the stick has changed")

    expect(tried(t, "allow", f"/dev/{disk}", None) == "done", "root cannot take the flag away: nothing is shown")
    expect(t.read(f"/sys/class/block/{disk}/ro") == "0", "the kernel has kept the flag: nothing is shown")
    t.sh("systemctl kill -s HUP sekishod")  # or the next tick
    wait_read_only(t, disk)
    channel.wait_until("the drift in the record", lambda: any(
        '"drift"' in line for line in sekisho.record_lines()), 20, 0.3)

    t.sh("systemctl stop sekishod; udevadm trigger -c change /sys/class/block/sd*; udevadm settle")
    expect_refused(t, ways, "without the agent")
    expect(content(t, stick) == before, "what is on the stick has changed")
    sekisho.verify()


@scenario()
def cd_read_only(lab):
    """A user's SCSI writes do not reach the drive of a read-only CD; nobody writes by its node, and it reads as it is."""
    t, sekisho = lab.guarded()
    generous(t)
    drive, listed = drives.usb_cd(drives.disc()), ("vendor: 46f4", "storage, optical")
    sekisho.install_policy(rule("action: allow", *listed))
    t.plug(drive)
    disk, address = disk_of(t, sekisho, drive)
    generic = t.sh(f"ls /sys/class/scsi_device/{address}/device/scsi_generic")
    commands = {"by SCSI commands": ("scsi", f"/dev/{disk}"), "by sg": ("scsi", f"/dev/{generic}"),
                "by bsg": ("scsi", f"/dev/bsg/{address}")}
    # The kernel opens no such drive for writing, and QEMU's burn nothing: what tells the policies apart is whether a command
    # comes so far that the drive itself refuses it.
    for name, (way, node) in commands.items():
        said = tried(t, way, node)
        expect(said == "refused: EIO", f"allowed, {name}: not by the drive: {said}")

    sekisho.install_policy(rule("action: read-only", *listed))
    checks.assert_agent_says(t, sekisho, drive, "read-only")
    wait_held(t, sekisho, disk)
    wait_read_only(t, disk)
    for name, (way, node) in commands.items():
        said = tried(t, way, node)
        expect(said in ("refused: EACCES", "refused: EPERM"), f"read-only, {name}: {said}")
    for user in USER, None:
        expect_refused(t, {"by its node": ("write", f"/dev/{disk}")}, f"read-only, {user or 'root'}", user)
    expect(t.sh(f"sha256sum </dev/{disk}").split()[0] == content(t, drive), "what is read is not what is on it")


@scenario()
def read_only_from_its_birth(lab):
    """Who waits for the node and writes at once has no luck on a read-only stick; on an allowed one he has."""
    t, sekisho = lab.guarded()
    generous(t)
    stick = devices.uas_stick(devices.medium())  # the kernel waits for these not at all

    def race(text):
        sekisho.install_policy(rule(text, "vendor: 46f4"))
        t.sh("rm -f /run/race")  # what the one before said
        t.sh(f"setpriv --reuid {USER} --regid {USER} --init-groups {TOOL} race /dev/sda >/run/race 2>&1 &")
        t.plug(stick)
        return channel.wait_until("the end of the race", lambda: t.read("/run/race"), 60, 0.3)

    said = race("action: read-only")
    expect(said == "refused: EACCES", f"a write before the disk was announced: {said}")
    t.unplug(stick)
    channel.wait_until("it to be gone", lambda: not t.usb(stick), 20)
    said = race("action: allow")
    expect(said == WRITTEN, f"the race is never won: nothing is shown: {said}")


@scenario()
def read_only_after_medium_change(lab):
    """Another card in a listed reader's slot is read-only from the start; under `allow` it is not."""
    t, sekisho = lab.guarded()
    generous(t)
    with open(devices.medium(), "rb") as f:
        image = f.read(8 << 20)
    for name in "ab":
        t.write(f"/var/tmp/{name}.img", image)
    listed = "vendor: 1d6b, product: 0104"
    slot = gadgets.Gadget("slot", "card")
    sekisho.install_policy(rule("action: read-only", listed))
    slot.plug(t)
    ways = ways_to(t, sekisho, slot)  # it holds an empty card, without a partition
    disk = ways["by the disk"][1].rpartition("/")[2]
    wait_read_only(t, disk)

    def change(name):
        slot.insert(t, f"/var/tmp/{name}.img")
        channel.wait_until(f"the partition of card {name}", lambda: t.read(f"/sys/class/block/{disk}1/ro"), 30, 0.2)
        t.sh("udevadm settle --timeout=30")

    change("a")
    wait_read_only(t, f"{disk}1")
    digest = t.sh("sha256sum /var/tmp/a.img").split()[0]
    expect_refused(t, ways, "another card")
    t.sh("sync")
    expect(t.sh("sha256sum /var/tmp/a.img").split()[0] == digest, "the card has changed")

    sekisho.install_policy(rule("action: allow", listed))
    wait_read_only(t, disk, "0")
    change("b")
    for way, node in (ways["by its partition"], ways["by sg"]):
        wait_written(t, way, node)
    t.sh("sync")
    expect(t.sh("sha256sum /var/tmp/b.img").split()[0] != digest, "nothing was written: nothing is shown")
    sekisho.verify()


@scenario()
def stick_under_udisks(lab):
    """A stick with two partitions as a desktop uses it: read-only comes down on what is mounted; reading goes on."""
    t, sekisho = lab.seated()
    sekisho.install_policy(rule("action: allow"))
    stick = devices.stick(devices.medium(SECOND_BYTES))
    t.plug(stick)
    disk, _ = disk_of(t, sekisho, stick)
    t.sh(f"mkfs.vfat -n SECOND /dev/{disk}2; udevadm settle")
    first, second = (sessions.mount(t, f"{disk}{n}") for n in "12")
    for place in first, second:
        by_user(t, f"echo kept >{place}/file")
    by_user(t, f"udisksctl unmount --no-user-interaction -b /dev/{disk}2")

    sekisho.install_policy(rule("action: read-only"))
    checks.assert_agent_says(t, sekisho, stick, "read-only")
    channel.wait_until("the mounted partition to take no more", lambda: in_session(
        t, f"echo more >{first}/more").code, 20, 0.3)
    expect(by_user(t, f"cat {first}/file") == "kept", "it cannot be read any more")
    said = in_session(t, f"udisksctl mount --no-user-interaction -o rw -b /dev/{disk}2")
    expect(said.code, f"udisks mounts it for writing: {said.text}")
    second = sessions.mount(t, f"{disk}2")
    refused = in_session(t, f"echo more >{second}/more")
    expect(refused.code and "Read-only" in refused.text, f"a write by udisks' mount: {refused.text}")
    expect(by_user(t, f"cat {second}/file") == "kept", "it cannot be read by udisks' mount")

    by_user(t, f"udisksctl unmount --no-user-interaction -b /dev/{disk}1")
    by_user(t, f"udisksctl unmount --no-user-interaction -b /dev/{disk}2")
    by_user(t, f"udisksctl power-off --no-user-interaction -b /dev/{disk}")
    channel.wait_until("the disk to be put away", lambda: not t.list(f"/sys/class/block/{disk}"), 20)
    sekisho.verify()


@scenario()
def stick_for_listed_users(lab):
    """`users`: the listed mount and open it, by name or group, others neither; a change takes it from who has it."""
    t, sekisho = lab.seated()
    t.sh(f"useradd bob && groupadd joho && usermod -a -G joho,disk {USER} && usermod -a -G disk bob")
    stick = devices.stick(devices.medium())
    sekisho.install_policy(rule("action: allow\n      users: [bob]"))
    t.plug(stick)
    disk, _ = disk_of(t, sekisho, stick)
    checks.assert_agent_says(t, sekisho, stick, "allow")
    node = f"/dev/{disk}1"
    mounting = f"udisksctl mount --no-user-interaction -b {node}"
    said = in_session(t, mounting)
    expect(said.code and "ot authorized" in said.text, f"mounted by who is not listed: {said.text}")
    expect(tried(t, "write", node) == "refused: EACCES", "opened by who is not listed")
    expect(tried(t, "write", node, "bob") == WRITTEN, "not opened by who is listed")

    sekisho.install_policy(rule('action: allow\n      users: ["group:joho"]'))
    channel.wait_until("the group's right", lambda: tried(t, "write", node) == WRITTEN, 20, 0.3)
    expect(tried(t, "write", node, "bob") == "refused: EACCES", "opened by who is listed no more")
    place = sessions.mount(t, f"{disk}1")
    by_user(t, f"echo kept >{place}/file")
    expect(sessions.as_user(t, f"cat {place}/file", "bob").code, "another one reads what is mounted")

    sekisho.install_policy(rule("action: allow\n      users: [bob]"))
    wait_unmounted(t, place)
    expect(in_session(t, f"cat {place}/file").code, "it is read by who is listed no more")
    expect(in_session(t, mounting).code, "it is mounted again by who is listed no more")
    t.sh(f"mount -o ro {node} /mnt && grep -qx kept /mnt/file && umount /mnt")  # what was written is there
    sekisho.verify()


@scenario()
def only_luks(lab):
    """`encrypted: luks`: plaintext mounts for nobody; what is encrypted is unlocked and written to by udisks."""
    t, sekisho = lab.seated()
    stick = devices.stick(devices.medium(SECOND_BYTES))
    sekisho.install_policy(rule("action: allow"))
    t.plug(stick)
    disk, _ = disk_of(t, sekisho, stick)
    t.write(f"/home/{USER}/key", "correct horse")
    t.sh(f"chown {USER} /home/{USER}/key; usermod -a -G disk {USER}")
    t.sh(f"cryptsetup luksFormat -q --type luks2 --luks2-metadata-size 16k --luks2-keyslots-size 512k --pbkdf pbkdf2 "
         f"--pbkdf-force-iterations 1000 /dev/{disk}2 /home/{USER}/key && "
         f"cryptsetup open --key-file /home/{USER}/key /dev/{disk}2 made && mkfs.vfat -n LUKS /dev/mapper/made && "
         "cryptsetup close made; udevadm settle", 180)
    place = sessions.mount(t, f"{disk}1")  # in the clear, while it may be

    sekisho.install_policy(rule("action: allow\n      encrypted: luks"))
    checks.assert_agent_says(t, sekisho, stick, "allow")
    wait_unmounted(t, place)
    wait_held(t, sekisho, disk)
    said = in_session(t, f"udisksctl mount --no-user-interaction -b /dev/{disk}1")
    expect(said.code, f"a plaintext volume is mounted: {said.text}")
    expect_refused(t, {"plaintext": ("write", f"/dev/{disk}1"), "the disk": ("write", f"/dev/{disk}"),
                       "the volume under its encryption": ("write", f"/dev/{disk}2")}, "encrypted: luks")

    by_user(t, f"udisksctl unlock --no-user-interaction -b /dev/{disk}2 --key-file /home/{USER}/key", 120)
    t.sh("udevadm settle --timeout=30")
    clear = t.sh(f"ls /sys/class/block/{disk}2/holders")
    place = sessions.mount(t, clear)
    by_user(t, f"echo secret >{place}/file && cat {place}/file")
    by_user(t, f"udisksctl unmount --no-user-interaction -b /dev/{clear}")
    by_user(t, f"udisksctl lock --no-user-interaction -b /dev/{disk}2")
    t.sh("sync")
    with open(f"{t.directory}/stick.img", "rb") as f:
        expect(b"secret" not in f.read(), "it lies on the stick in the clear")
    sekisho.verify()


def clock(weekday, time):
    """Seconds of the next such day in the terminal's own zone (UTC), at least a day ahead."""
    day = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    while day.weekday() != weekday:
        day += datetime.timedelta(days=1)
    hour, minute, second = map(int, time.split(":"))
    return day.replace(hour=hour, minute=minute, second=second, microsecond=0).timestamp()


@scenario()
def stick_at_its_hours(lab):
    """`hours`: a mounted stick is taken away when they end, with all that was written; it is back when they begin."""
    t, sekisho = lab.seated()
    t.agent.set_clock(clock(0, "17:13:00"))
    sekisho.install_policy(rule("action: allow\n      hours: [Mon-Fri 08:30-17:15]"))
    stick = devices.stick(devices.medium())
    t.plug(stick)
    disk, _ = disk_of(t, sekisho, stick)
    place = sessions.mount(t, f"{disk}1")
    by_user(t, f"echo kept >{place}/file")
    t.agent.set_clock(clock(0, "17:14:55"))
    expect(not in_session(t, f"cat {place}/file").code, "it was taken away too early")
    wait_unmounted(t, place)
    checks.assert_agent_says(t, sekisho, stick, "block")
    channel.wait_until("its door to be shut", lambda: t.read(f"{t.usb(stick)}/authorized") == "0", 20, 0.3)
    expect(not checks.interfaces(t, t.usb(stick)), "it has interfaces")
    t.unplug(stick)
    channel.wait_until("it to be gone", lambda: not t.usb(stick), 20)
    t.witness.mark()
    t.plug(stick)
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_shut(t, stick)

    t.agent.set_clock(clock(0, "17:15:30") + 15 * 3600 + 14 * 60 + 25)  # Tuesday 08:29:55
    disk, _ = disk_of(t, sekisho, stick, 40)
    checks.assert_agent_says(t, sekisho, stick, "allow")
    place = sessions.mount(t, f"{disk}1")
    expect(by_user(t, f"cat {place}/file") == "kept", "what was written before is lost")
    sekisho.verify()


# As libmtp's own rules: the person at the screen, and nobody else.
PHONES = 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="46f4", MODE="0660", TAG+="uaccess"\n'
MTP = "/usr/local/lib/sekisho-test/mtp"


@scenario()
def phone_for_the_user_alone(lab):
    """MTP by usbfs: refused to everybody, and once listed used by the person at the screen, and by nobody else."""
    t, sekisho = lab.seated()
    t.write("/etc/udev/rules.d/69-phones.rules", PHONES)
    t.sh("udevadm control --reload; useradd bob")
    phone = devices.phone()
    t.plug(phone)
    checks.assert_agent_says(t, sekisho, phone, "block")
    node = gadgets.node(t, t.usb(phone))
    for user in USER, "bob":
        said = sessions.as_user(t, f"{MTP} {node}", user).text.strip()
        expect(said == "refused: EACCES", f"{user} and a refused phone: {said}")

    sekisho.install_policy("""
    - id: phone
      match: {bus: usb, class: [phone], vendor: 46f4}
      action: allow""")
    checks.assert_agent_says(t, sekisho, phone, "allow")
    files = channel.wait_until("the user to see the phone's files", lambda: (
        said := sessions.as_user(t, f"{MTP} {node}").text.strip()).endswith(" objects") and said, 20, 0.3)
    expect(int(files.split()[0]) > 10, f"an empty phone: {files}")
    said = sessions.as_user(t, f"{MTP} {node}", "bob").text.strip()
    expect(said == "refused: EACCES", f"another user and the listed phone: {said}")
    sekisho.verify()
