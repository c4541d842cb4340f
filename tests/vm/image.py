# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal's disk, initramfs and kernel command line, with or without the product.

    rootfs (mmdebstrap) + kernel (cut) -> tree (test identity, agent, witness)
    tree -> image of the bare terminal; tree + .deb -> image of the guarded terminal

The .deb is installed by apt in a chroot, so its maintainer scripts, triggers and initramfs
hook run as on a real terminal; nothing here does their work for them.
"""
import contextlib
import os
import shutil
import tempfile

import cache
import host
import kernel
import rootfs

TOOLS = "usr/local/lib/sekisho-test"
DISK_SIZE = "1200M"
# Timers and services that only cost time in an emulated guest.
MASKED = """
    apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
    fstrim.timer dpkg-db-backup.timer getty@tty1.service serial-getty@ttyS0.service
    systemd-pstore.service systemd-binfmt.service systemd-timesyncd.service
    systemd-hwdb-update.service systemd-update-utmp.service ldconfig.service
"""
FILES = {
    "etc/hostname": "terminal\n",
    "etc/hosts": "127.0.0.1 localhost terminal\n",
    "etc/fstab": "/dev/vda / ext4 rw,noatime 0 0\n",
    "etc/machine-id": "5e6b1540000000000000000000000001\n",
    # in memory and without a limit: the journal is part of a failure's report
    "etc/systemd/journald.conf.d/test.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\n",
    "etc/modules-load.d/sekisho-test.conf": "virtio_console\n",
    # unpacking is most of an emulated boot's first seconds; lz4 would need another package
    "etc/initramfs-tools/conf.d/sekisho-test.conf": "COMPRESS=gzip\n",
    # the console needs no event nodes, but they are where the witness sees keys arrive
    "etc/initramfs-tools/modules": "evdev\n",
    # a chroot must not start services
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
}
# guest/NAME -> (place in the image, mode)
GUEST_FILES = {
    "agent.service": ("etc/systemd/system/sekisho-test-agent.service", 0o644),
    "initramfs-hook": ("etc/initramfs-tools/hooks/sekisho-test-witness", 0o755),
    # 00: scripts of one stage run in the order of their names
    "initramfs-init-top": ("etc/initramfs-tools/scripts/init-top/00-sekisho-test-witness", 0o755),
    "gadget": (f"{TOOLS}/gadget", 0o755),
    "initramfs-local-top": ("etc/initramfs-tools/scripts/local-top/sekisho-test-prompt", 0o755),
}
PROGRAMS = ("agent", "witness", "ccid", "storm", "ffs", "usbreq", "medium", "mtp")


class Image:
    """What QEMU needs to start a terminal."""

    def __init__(self, directory, vmlinux):
        self.directory = directory
        self.vmlinux = vmlinux
        self.disk = f"{directory}/root.ext4"
        self.initrd = f"{directory}/initrd.img"
        with open(f"{directory}/cmdline", encoding="ascii") as f:
            self.cmdline = f.read().strip()


def bare():
    """The terminal without the product."""
    return _image("image-bare", None)


def guarded(deb):
    """The terminal with the .deb installed, as its maintainer scripts leave it."""
    return _image("image-guarded", deb)


def _image(kind, deb):
    tree, vmlinux = _tree()
    inputs = [tree, cache.digest_file(deb) if deb else "", cache.source("image.py")]

    def make(directory):
        root = f"{directory}/root"
        host.run("cp", "-a", f"{tree}/root", root)
        if deb:
            install(root, deb)
        _finish(root, directory)
        shutil.rmtree(root)

    return Image(cache.artifact(kind, inputs, make), vmlinux)


@contextlib.contextmanager
def installed(deb):
    """A scratch tree with the product in it, to look at (or purge) without starting it."""
    tree, _ = _tree()
    with tempfile.TemporaryDirectory(dir=cache.DIRECTORY) as scratch:
        root = f"{scratch}/root"
        host.run("cp", "-a", f"{tree}/root", root)
        install(root, deb)
        yield root


def in_tree(root, *command):
    """Run a command inside a tree; a mount namespace of its own leaves nothing mounted."""
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
             "DEBIAN_FRONTEND": "noninteractive"}
    return host.run("unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc",
                    "chroot", root, *command, env=clean)


def install(root, deb):
    shutil.copy(deb, f"{root}/tmp/product.deb")
    shutil.copy("/etc/resolv.conf", f"{root}/etc/resolv.conf")
    apt = ("apt-get", "-y", "-qq", "--no-install-recommends", "install", "/tmp/product.deb")
    try:
        in_tree(root, *apt)
    except host.Failed as e:  # lists in the base may be older than the archive
        if "Failed to fetch" not in str(e):
            raise
        in_tree(root, "apt-get", "-qq", "update")
        in_tree(root, *apt)
    os.unlink(f"{root}/tmp/product.deb")
    os.unlink(f"{root}/etc/resolv.conf")


def _tree():
    """The base system with kernel, test identity and guest programs; and the kernel image."""
    base = rootfs.base()
    built = kernel.kernel(f"{base}/kernel.deb")
    guest = [f"guest/{name}" for name in GUEST_FILES]
    guest += [f"guest/{program}.c" for program in PROGRAMS]

    def make(directory):
        root = f"{directory}/root"
        os.mkdir(root)
        host.run("tar", "-xf", f"{base}/rootfs.tar", "-C", root)
        host.run("cp", "-a", f"{built}/lib/modules", f"{root}/usr/lib/")
        host.run("cp", "-a", f"{built}/boot/.", f"{root}/boot/")
        _add_test_files(root)
        version = os.listdir(f"{root}/lib/modules")[0]
        in_tree(root, "update-initramfs", "-c", "-k", version)

    inputs = [base, built, cache.source("image.py", *guest)]
    return cache.artifact("tree", inputs, make), f"{built}/vmlinux"


def _add_test_files(root):
    for path, text in FILES.items():
        os.makedirs(os.path.dirname(f"{root}/{path}"), exist_ok=True)
        with open(f"{root}/{path}", "w", encoding="utf-8") as f:
            f.write(text)
    os.chmod(f"{root}/usr/sbin/policy-rc.d", 0o755)
    os.makedirs(f"{root}/{TOOLS}")
    for name, (path, mode) in GUEST_FILES.items():
        shutil.copy(f"{cache.HERE}/guest/{name}", f"{root}/{path}")
        os.chmod(f"{root}/{path}", mode)
    for name in PROGRAMS:
        host.run("gcc", "-std=gnu17", "-O2", "-static", "-Wall", "-Wextra", "-Werror",
                 "-o", f"{root}/{TOOLS}/{name}", f"{cache.HERE}/guest/{name}.c")
    for unit in MASKED.split():
        os.symlink("/dev/null", f"{root}/etc/systemd/system/{unit}")
    in_tree(root, "systemctl", "enable", "sekisho-test-agent.service")
    in_tree(root, "useradd", "--create-home", "--shell", "/bin/bash", "alice")


def _finish(root, directory):
    """Disk, initramfs and command line out of a finished tree."""
    initrds = [n for n in os.listdir(f"{root}/boot") if n.startswith("initrd.img-")]
    if len(initrds) != 1:
        raise host.Failed(f"one initramfs expected in the image, found {initrds}")
    shutil.copy(f"{root}/boot/{initrds[0]}", f"{directory}/initrd.img")
    with open(f"{directory}/cmdline", "w", encoding="ascii") as f:
        f.write(boot_loader_cmdline(root))
    os.unlink(f"{root}/usr/sbin/policy-rc.d")
    shutil.rmtree(f"{root}/var/lib/apt/lists")
    os.makedirs(f"{root}/var/lib/apt/lists/partial")
    host.run("mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1,root_owner=0:0",
             "-d", root, f"{directory}/root.ext4", DISK_SIZE)


def boot_loader_cmdline(root):
    """What grub-mkconfig would put on the kernel's command line: the product's drop-in counts."""
    script = ("for f in /etc/default/grub /etc/default/grub.d/*.cfg; do [ -f $f ] && . $f; done;"
              " echo $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT")
    return in_tree(root, "sh", "-c", script)
