# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking the product off again."""
import channel
import checks
import devices
import drives
import host
import image
from checks import expect
from scenarios import scenario

SHIPPED = 'dpkg -L sekisho | while read -r f; do [ -d "$f" ] || echo "$f"; done'
STILL_THERE = "for f in {}; do [ -e $f ] || [ -L $f ] && echo $f; done; true"
# Everything that carries our name, the test's own files aside.
NAMED = ("find / -xdev -path /proc -prune -o -path /sys -prune -o -path /run -prune "
         "-o -iname '*sekisho*' -print | grep -v sekisho-test; true")
UNITS = "systemctl list-unit-files --no-legend 'sekisho*' | grep -v sekisho-test; true"


@scenario()
def purge(lab):
    """After a purge the stick and the keyboard work, and no file or unit of ours is left."""
    t, sekisho = lab.guarded()
    stick = devices.stick(devices.medium())
    t.plug(stick)
    checks.assert_shut(t, stick)
    t.unplug(stick)
    t.plug(drives.nvme(devices.medium()))
    t.plug(drives.virtio_scsi(slot="slot1"))
    t.plug(drives.scsi_disk(devices.medium()))
    channel.wait_until("the agent to see both", lambda: len(
        [d for d in sekisho.devices() if d["guard"] == "bus" and d["action"] == "block"]) == 2, 60, 0.3)
    t.sh(checks.STICK_SETTLE)
    expect(not [n for n in t.list("/dev") if n.startswith(("sd", "nvme"))], "a disk on another bus has a node")
    shipped = t.sh(SHIPPED).split()
    expect("/usr/sbin/sekishod" in shipped, "the package ships no agent")
    # building an initramfs takes minutes in an emulated guest: see purge_in_tree for that part
    t.sh("echo 'update_initramfs=no' > /etc/initramfs-tools/update-initramfs.conf")
    t.sh("dpkg --purge sekisho", limit=240)

    expect(t.shell("dpkg-query -s sekisho").code, "dpkg still knows the package")
    left = t.sh(STILL_THERE.format(" ".join(shipped)))
    expect(not left, f"shipped files are left: {left.split()}")
    named = t.sh(NAMED, 120)
    expect(not named, f"left behind: {named.split()}")
    units = t.sh(UNITS)
    expect(not units, f"units are left: {units}")
    expect(t.shell("pidof sekishod").code, "the agent still runs")

    for disk in ("nvme0n1p1", "sda1"):
        channel.wait_until(f"{disk}, refused before", lambda d=disk: d in t.list("/dev"), 30, 0.3)
    expect(not t.shell("grep -L 1 /sys/bus/scsi/drivers_autoprobe /sys/bus/virtio/drivers_autoprobe").text,
           "a bus still gives newcomers no driver")
    t.plug(stick)
    channel.wait_until("the stick's own disk", lambda: "sdb1" in t.list("/dev"), 60, 0.3)
    t.sh("mount -o ro /dev/sdb1 /mnt && umount /mnt")
    checks.assert_new_keyboard_types(t, devices.keyboard(), devices.keyboard("second", port=2))


@scenario()
def purge_in_tree(lab):
    """Install puts the floor into initramfs and boot loader, a purge takes it out of both."""
    with image.installed(lab.deb) as root:
        expect(_in_initramfs(root), "the initramfs has nothing of ours after the install")
        expect("usbcore.authorized_default=0" in image.boot_loader_cmdline(root),
               "the kernel command line does not close the ports")
        image.in_tree(root, "dpkg", "--purge", "sekisho")
        found = _in_initramfs(root)
        expect(not found, f"the initramfs still has {found}")
        expect("usbcore" not in image.boot_loader_cmdline(root),
               "the kernel command line still closes the ports")


def _in_initramfs(root):
    """Names in the tree's initramfs that are ours."""
    script = "for f in /boot/initrd.img-*; do lsinitramfs $f; done"
    names = image.in_tree(root, "sh", "-c", script).split()
    if not names:
        raise host.Failed("the initramfs cannot be listed")
    return [n for n in names if "sekisho" in n and "sekisho-test" not in n]
