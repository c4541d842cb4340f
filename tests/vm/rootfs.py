# SPDX-License-Identifier: GPL-2.0-or-later
"""The base system: Debian 12 by mmdebstrap, as a tarball that knows nothing of Sekisho."""
import os

import cache
import host

# What the terminal is made of. The libraries of the product's .deb are listed only so that
# installing it needs no network; apt would fetch whatever is missing here.
SYSTEM = """
    systemd systemd-sysv udev dbus kmod initramfs-tools libpam-systemd login passwd
    procps iproute2 util-linux mount e2fsprogs dosfstools locales usbutils
    udisks2 libblockdev-crypto2 polkitd cryptsetup-bin acl python3
"""
LIBRARIES = """
    libyaml-0-2 libsodium23 libjansson4 libudev1 libusb-1.0-0 libcap-ng0 libseccomp2
    libaudit1 libsystemd0 libnftables1 libmnl0 liboath0 libqrencode4 nftables libbpf1
"""
# Only bulk that no test looks at. Japanese messages are part of the product and stay.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
KEPT = ("/usr/share/doc/*/copyright", "/usr/share/locale/ja/*")

# Fetched here, while apt and its lists are at hand, and unpacked in kernel.py: installing it
# for real would spend a minute on an initramfs full of drivers that are then cut.
FETCH_KERNEL = """
    export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" && cd "$1/boot" &&
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \\(linux-image-\\)/\\1/p') &&
    apt-get download -qq "$package" && mv linux-image-*.deb kernel.deb
"""
JAPANESE = 'chroot "$1" localedef -i ja_JP -f UTF-8 ja_JP.UTF-8'
# Otherwise the product's own pages would be left out when its .deb is installed later.
FORGET_LEFT_OUT = 'rm "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"'
# The lists stay (installing the product may need them), downloaded packages do not.
DROP_DOWNLOADS = 'rm -rf "$1"/var/cache/apt/*'


def base():
    """Directory with rootfs.tar and kernel.deb."""
    sources = host.apt_sources()
    with open(sources, encoding="utf-8") as f:
        text = f.read()

    def make(directory):
        options = [f"--dpkgopt=path-exclude={p}" for p in LEFT_OUT]
        options += [f"--dpkgopt=path-include={p}" for p in KEPT]
        hooks = [FETCH_KERNEL, f"download /boot/kernel.deb {directory}/kernel.deb",
                 'rm "$1/boot/kernel.deb"', JAPANESE, FORGET_LEFT_OUT,
                 DROP_DOWNLOADS]
        host.run("mmdebstrap", "--mode=root", "--variant=minbase", "--components=main",
                 "--include=" + ",".join((SYSTEM + LIBRARIES).split()),
                 '--aptopt=Acquire::Languages "none"', "--skip=cleanup/apt", *options,
                 *(f"--customize-hook={hook}" for hook in hooks),
                 "bookworm", os.path.join(directory, "rootfs.tar"), sources)

    return cache.artifact("rootfs", [text, cache.source("rootfs.py")], make)
