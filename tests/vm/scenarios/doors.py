# SPDX-License-Identifier: GPL-2.0-or-later
"""Doors that are no USB ports: NVMe, SCSI, SATA, SD cards, CDs, floppies, hot-plugged controllers."""
import shutil

import channel
import checks
import devices
import drives
import product
from checks import expect
from scenarios import scenario


# Whoever looks at what is new (the watch on what is written) holds it for a moment.
UMOUNT = "for i in 1 2 3 4 5 6 7 8 9; do umount /mnt && break; sleep 1; done && ! mountpoint -q /mnt"


def rule(name, match, action="allow", rest=""):
    return f"""
    - id: {name}
      match: {{{match}}}
      action: {action}{rest}"""


def said(sekisho, action, **facts):
    """Waits until the agent says so of a device with these facts, and has carried it out."""
    def found():
        return next((d for d in sekisho.devices() if d["action"] == action and d["effect"] != "pending"
                     and all(("" if d[key] is None else d[key]) == value for key, value in facts.items())), None)
    entry = channel.wait_until(f"the agent to {action} {facts}", found, 30, 0.3)
    expect(entry["effect"] == "as-decided", f"{facts}: {entry}")
    return entry


def said_of_another(sekisho, before, action, **facts):
    """The same of a device that came after that one."""
    channel.wait_until("another device", lambda: not any(
        d["handle"] == before["handle"] and d["guard"] == before["guard"] for d in sekisho.devices()), 30, 0.3)
    return said(sekisho, action, **facts)


def quiet(terminal):
    """As long as an allowed disk needs for its node, and longer."""
    terminal.sh("udevadm settle --timeout=120; sleep 3; udevadm settle --timeout=120", 300)


def wait_for_node(terminal, name, limit=30):
    channel.wait_until(f"/dev/{name}", lambda: name in terminal.witness.block_nodes(), limit, 0.1)
    terminal.sh("udevadm settle --timeout=120", 150)


def reads(terminal, partition):
    wait_for_node(terminal, partition)
    terminal.sh(f"mount -o ro /dev/{partition} /mnt && {UMOUNT}")


def assert_read_only(terminal, disk, partition):
    """Nobody writes, root included: by the node, and mounted (mount falls back to reading by itself)."""
    for node in (disk, partition):
        written = terminal.shell(f"dd if=/dev/zero of=/dev/{node} bs=512 count=1 conv=fsync,nocreat 2>&1")
        expect("not permitted" in written.text, f"{node} can be written: {written.text}")
    terminal.sh(f"mount -o rw /dev/{partition} /mnt")
    written = terminal.shell("touch /mnt/new 2>&1")
    terminal.sh(UMOUNT)
    expect("Read-only" in written.text, f"{partition} mounts for writing: {written.text}")


@scenario()
def nvme_hot_plugged(lab):
    """A hot-plugged NVMe disk gets no driver and is nobody's; once listed it is a disk."""
    t, sekisho = lab.guarded()
    nvme = drives.nvme(devices.medium())
    t.plug(nvme)
    said(sekisho, "block", bus="nvme")
    quiet(t)
    expect(t.shell("ls /sys/bus/pci/drivers/nvme/0000:*").code, "a driver is bound to it")
    expect(not [n for n in t.list("/dev") if n.startswith(("nvme", "ng"))], "it has nodes")
    expect(sekisho.decisions(bus="nvme", vendor="1b36"), "the decision is not in the record")
    sekisho.verify()

    sekisho.install_policy(rule("nvme", "bus: nvme, class: [storage], vendor: 1b36"))
    said(sekisho, "allow", bus="nvme", node="")
    reads(t, "nvme0n1p1")
    sekisho.install_policy()
    said(sekisho, "block", bus="nvme")
    channel.wait_until("its nodes to go", lambda: "nvme0n1" not in t.list("/dev"), 20, 0.1)


@scenario()
def scsi_hot_plugged(lab):
    """A disk on a hot-added SCSI controller: controller and disk each need a rule; read-only holds."""
    t, sekisho = lab.guarded()
    controller, disk = drives.virtio_scsi(), drives.scsi_disk(devices.medium())
    t.plug(controller)
    said(sekisho, "block", bus="pci", port="0000:01:00.0")
    t.plug(disk)
    quiet(t)
    checks.assert_no_node(t)
    expect("host6" not in t.list("/sys/bus/scsi/devices"), "the controller has its driver")

    allowed = rule("controller", "bus: pci, class: [storage]")
    sekisho.install_policy(allowed)
    said(sekisho, "allow", bus="pci", port="0000:01:00.0")
    said(sekisho, "block", bus="scsi", serial=disk.properties["serial"])
    quiet(t)
    checks.assert_no_node(t)
    expect(t.sh("stat -c %a:%U:%G /dev/sg0") == "600:root:root", "its SCSI node is not root's alone")

    sekisho.install_policy(allowed + rule("disk", "bus: scsi, class: [storage], serial: "
                                          f"{disk.properties['serial']}", "read-only"))
    said(sekisho, "read-only", bus="scsi", node="")
    reads(t, "sda1")
    said(sekisho, "read-only", node="sda", held=["read-only"])
    assert_read_only(t, "sda", "sda1")
    sekisho.verify()


def as_person(terminal, who, line):
    return terminal.shell(f"setpriv --reuid {who} --regid $(id -g {who}) --clear-groups {line}")


def change_medium(terminal, device, medium):
    """Another medium in the same drive; a copy, since it may be written to."""
    path = f"{terminal.directory}/{device.name}-other.img"
    shutil.copy(medium, path)
    terminal.qmp.command("blockdev-change-medium", id=device.name, filename=path, format="raw",
                         force=True)


def assert_radio(terminal, there):
    """The kernel has an adapter that any program may use, and a driver on the serial port; or neither."""
    port = "/sys/bus/serial/devices/serial0-0"
    channel.wait_until(f"a Bluetooth adapter: {there}", lambda: [
        "hci0" in terminal.list("/sys/class/bluetooth"), "driver" in terminal.list(port)] == [there, there], 60, 0.3)


@scenario()
def media_present_at_boot(lab):
    """SD card, CD, floppy, Bluetooth on a UART that were there at boot are shut, the machine's disk is not; rules open."""
    card, cd = drives.sd_card(devices.medium()), drives.optical(drives.disc())
    fd = drives.floppy(drives.diskette())
    t = lab.boot([devices.keyboard(), *card, cd, drives.machine_disk(devices.medium()), *fd, drives.radio_on_a_uart()])
    sekisho = product.Product(t)
    sekisho.wait_ready()
    said(sekisho, "allow", bus="bluetooth", classes=["bluetooth"])  # by the package's own policy
    assert_radio(t, True)
    said(sekisho, "block", bus="mmc")
    said(sekisho, "block", bus="ata")
    said(sekisho, "block", bus="floppy")
    quiet(t)
    there = t.list("/dev")
    expect(not [n for n in there if n.startswith(("mmcblk", "sr"))], f"a card or a CD has a node: {there}")
    expect(t.sh("stat -c %a:%U:%G /dev/fd0") == "600:root:root", "the floppy is not root's alone")
    t.sh(f"mount /dev/sda1 /mnt && touch /mnt/own && {UMOUNT}")

    sekisho.install_policy(rule("card", "bus: mmc, class: [storage]", "read-only", "\n      users: [alice]") +
                           rule("cd", "bus: ata, class: [optical]", "read-only") +
                           rule("floppy", "bus: floppy"))
    said(sekisho, "block", bus="bluetooth")
    assert_radio(t, False)
    expect([d for d in sekisho.decisions(bus="bluetooth") if d["action"] == "block"], "the record has nothing of it")
    first_card = said(sekisho, "read-only", bus="mmc", node="mmcblk0")
    expect(as_person(t, "alice", "dd if=/dev/mmcblk0p1 of=/dev/null count=1").code == 0, "alice cannot read the card")
    expect(as_person(t, "alice", "dd if=/dev/zero of=/dev/mmcblk0p1 count=1").code, "alice can write to the card")
    expect(as_person(t, "nobody", "dd if=/dev/mmcblk0p1 of=/dev/null count=1").code, "nobody can read the card")
    assert_read_only(t, "mmcblk0", "mmcblk0p1")
    t.sh(f"mount -o ro /dev/mmcblk0p1 /mnt && {UMOUNT}")
    said(sekisho, "read-only", bus="ata", node="sr0")
    t.sh(f"mount -o ro /dev/sr0 /mnt && {UMOUNT}")
    said(sekisho, "allow", bus="floppy", node="fd0")
    t.sh(f"mount /dev/fd0 /mnt && touch /mnt/new && {UMOUNT}", limit=120)

    # another medium in the same drive is held as the first was
    change_medium(t, fd[1], drives.diskette())
    change_medium(t, cd, drives.disc())
    change_medium(t, card[1], devices.medium())
    said_of_another(sekisho, first_card, "read-only", bus="mmc", node="mmcblk0")
    assert_read_only(t, "mmcblk0", "mmcblk0p1")
    sekisho.install_policy()
    said(sekisho, "block", bus="floppy", node="fd0")
    channel.wait_until("their nodes to go", lambda: not [
        n for n in t.list("/dev") if n.startswith(("mmcblk", "sr"))], 30, 0.2)
    change_medium(t, fd[1], drives.diskette())
    quiet(t)
    expect(as_person(t, "alice", "dd if=/dev/fd0 of=/dev/null count=1").code, "alice reads another floppy")
    expect(t.sh("stat -c %a:%U:%G /dev/fd0") == "600:root:root", "another floppy is not root's alone")

    # the controller comes again, as a hot-plugged one does: neither it nor what is on it is the machine's any more
    t.witness.mark()
    t.sh("umount -a -t vfat; echo 1 >/sys/bus/pci/devices/0000:00:1f.2/remove; echo 1 >/sys/bus/pci/rescan")
    said(sekisho, "block", bus="pci", port="0000:00:1f.2")
    quiet(t)
    checks.assert_no_node(t)
    controller = rule("controller", "bus: pci, class: [storage]")
    sekisho.install_policy(controller)
    said(sekisho, "block", bus="ata", serial="OWN0001")
    quiet(t)
    checks.assert_no_node(t)
    sekisho.install_policy(controller + rule("disk", "bus: ata, class: [storage], serial: OWN0001") +
                           rule("radio", "bus: bluetooth"))
    said(sekisho, "allow", bus="ata", serial="OWN0001", node="")
    reads(t, "sda1")
    said(sekisho, "allow", bus="bluetooth")
    assert_radio(t, True)
    sekisho.verify()


@scenario()
def nvme_only_encrypted(lab):
    """encrypted: luks on an NVMe disk: a plaintext volume is refused, an encrypted one is unlocked and mounts."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(rule("nvme", "bus: nvme, class: [storage]", "allow", "\n      encrypted: luks"))
    t.plug(drives.nvme(devices.medium()))
    said(sekisho, "allow", bus="nvme", node="nvme0n1", held=["luks"])
    wait_for_node(t, "nvme0n1p1")
    expect(t.sh("stat -c %a:%U:%G /dev/nvme0n1p1") == "600:root:root", "the plaintext volume is not root's alone")
    expect("SEKISHO_MEDIA=shut" in t.sh("udevadm info /dev/nvme0n1p1"), "the plaintext volume is not shut")
    expect(as_person(t, "alice", "dd if=/dev/nvme0n1p1 of=/dev/null count=1").code, "alice reads the plaintext volume")

    # made elsewhere: before the terminal had a policy
    sekisho.install_policy(rule("nvme", "bus: nvme, class: [storage]"))
    said(sekisho, "allow", bus="nvme", node="nvme0n1", held=[])
    t.sh("echo secret | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-file - "
         "/dev/nvme0n1p1", 120)
    t.sh("echo secret | cryptsetup open --key-file - /dev/nvme0n1p1 inner && mkfs.vfat /dev/mapper/inner && "
         "cryptsetup close inner && udevadm settle --timeout=120", 200)
    sekisho.install_policy(rule("nvme", "bus: nvme, class: [storage]", "allow", "\n      encrypted: luks"))
    said(sekisho, "allow", bus="nvme", node="nvme0n1", held=["luks"])
    t.sh("echo secret | cryptsetup open --key-file - /dev/nvme0n1p1 inner && udevadm settle --timeout=120 && "
         f"mount /dev/mapper/inner /mnt && touch /mnt/new && {UMOUNT} && cryptsetup close inner", 200)


@scenario()
def doors_with_the_agent_dead(lab):
    """What comes while the agent is dead stays shut until it is back; a keyboard behind a new controller types."""
    t, sekisho = lab.guarded()
    keyboard = devices.keyboard()
    t.sh(f"systemctl mask --runtime {product.UNIT} && kill -9 {sekisho.pid()}")
    channel.wait_until("the agent to be dead", lambda: t.shell("pidof sekishod").code, 20)
    late, hba = devices.controller(), drives.virtio_scsi(slot="slot2")
    t.plug(late)
    t.plug(devices.stick(devices.medium(), bus=f"{late.name}.0"))  # in it already when the kernel looks
    t.plug(drives.nvme(devices.medium(), slot="slot1"))
    t.plug(hba)
    t.plug(drives.scsi_disk(devices.medium()))
    quiet(t)
    expect(not [n for n in t.list("/dev") if n.startswith(("sd", "nvme", "ng"))], "a disk has a node")
    second = devices.keyboard("second", port=2, bus=f"{late.name}.0")
    t.plug(second)
    channel.wait_until("the new keyboard", lambda: t.witness.event_nodes("2"), 60)
    t.unplug(keyboard)
    checks.assert_types(t, second)

    t.sh(f"systemctl unmask --runtime {product.UNIT} && systemctl start {product.UNIT}", 120)
    said(sekisho, "block", bus="nvme")
    said(sekisho, "block", bus="pci", classes=["storage"])
    quiet(t)
    expect(not [n for n in t.list("/dev") if n.startswith(("sd", "nvme", "ng"))], "a disk has a node after all")
    sekisho.install_policy(rule("all", "bus: [pci, scsi, nvme], class: [storage]"))
    reads(t, "nvme0n1p1")
    reads(t, "sda1")
    sekisho.verify()


@scenario()
def dock(lab):
    """A dock's parts, hot-plugged: its USB controller works, its network card and serial port need their rules."""
    t, sekisho = lab.guarded()
    sekisho.install_policy()
    before = set(t.list("/sys/class/net"))
    late = devices.controller()
    t.plug(late)
    stick = devices.stick(devices.medium(), bus=f"{late.name}.0")
    t.plug(stick)
    t.plug(drives.network_card(slot="slot1"))
    t.plug(drives.serial_card(slot="slot2"))
    expect(said(sekisho, "allow", bus="pci", classes=["hub"])["reason"] == "floor-hub", "not by the floor")
    said(sekisho, "block", bus="pci", classes=["network"])
    said(sekisho, "block", bus="pci", classes=["serial"])
    checks.assert_agent_says(t, sekisho, stick, "block", 60)
    checks.assert_shut(t, stick)
    expect(set(t.list("/sys/class/net")) == before, "the network card has an interface")
    serial = "/sys/bus/pci/devices/0000:03:00.0"
    expect("tty" not in t.list(serial), "the serial port has a tty")

    sekisho.install_policy(rule("parts", "bus: pci, class: [network, serial]"))
    said(sekisho, "allow", bus="pci", classes=["network"])
    said(sekisho, "allow", bus="pci", classes=["serial"])
    channel.wait_until("the card's interface", lambda: set(t.list("/sys/class/net")) > before, 60)
    channel.wait_until("the port's tty", lambda: "tty" in t.list(serial), 60)
    sekisho.install_policy()
    said(sekisho, "block", bus="pci", classes=["network"])
    expect(set(t.list("/sys/class/net")) == before, "the refused card keeps its interface")


@scenario()
def usb_cd(lab):
    """A CD in a USB drive is refused, and can be read once listed."""
    t, sekisho = lab.guarded()
    drive = drives.usb_cd(drives.disc())
    t.plug(drive)
    checks.assert_agent_says(t, sekisho, drive, "block", 60)
    checks.assert_shut(t, drive)
    sekisho.install_policy(rule("cd", "bus: usb, class: [storage, optical]", "read-only"))
    said(sekisho, "read-only", bus="usb", node="sr0")
    t.sh(f"mount -o ro /dev/sr0 /mnt && {UMOUNT}")
