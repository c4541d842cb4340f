# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own kernel: the ELF image for QEMU, and the modules that the tests have a use for.

A full module tree makes every image slow to build and the initramfs slow to unpack (the
guest is some 50 times slower than the host), so it is cut to what a test can plug in.
"""
import lzma
import os
import shutil
import struct
import subprocess
import zlib

import cache
import host

# Whole folders: what may be behind a plug, and what the guard's enforcement needs.
FOLDERS = """
    drivers/usb/core drivers/usb/host drivers/usb/common drivers/usb/storage drivers/usb/class
    drivers/usb/serial drivers/usb/gadget drivers/usb/usbip drivers/usb/misc
    drivers/net/usb drivers/hid/usbhid drivers/input drivers/nvme drivers/mmc drivers/virtio
    drivers/cdrom drivers/thunderbolt drivers/firewire drivers/bluetooth net/bluetooth
    net/netfilter net/ipv4/netfilter net/ipv6/netfilter net/bridge
    fs/fat fs/exfat fs/ext4 fs/nls fs/isofs fs/udf fs/overlayfs fs/fuse fs/configfs fs/ntfs3
    sound/usb crypto arch/x86/crypto
"""
# Single modules from folders that are mostly of no use here.
MODULES = """
    sd_mod sr_mod sg st scsi_transport_spi virtio_scsi ahci ata_piix virtio_blk virtio_net
    virtio_console virtio-rng virtio_pci loop floppy nbd dm-mod dm-crypt dm-verity evdev uinput
    uhid hid hid-generic hid-logitech-hid hid-apple hid-microsoft e1000e e1000 dummy veth tun
    macvlan ipvlan wireguard vlan bonding mac80211_hwsim snd-hda-intel uvcvideo autofs4 efivarfs
    nf_tables af_packet rtc-cmos button memstick rtsx_usb_sdmmc bfq 8021q tcp_bbr ip_tables
    vxlan sch_ingress cls_u32 act_mirred inet_diag tcp_diag udp_diag
"""


def kernel(deb):
    """Directory with vmlinux, boot/ (config, vmlinuz) and lib/modules/VERSION of the package."""
    def make(directory):
        host.run("dpkg-deb", "-x", deb, f"{directory}/all")
        version = os.listdir(f"{directory}/all/lib/modules")[0]
        shutil.move(f"{directory}/all/boot", f"{directory}/boot")
        _extract_elf(f"{directory}/boot/vmlinuz-{version}", f"{directory}/vmlinux")
        _cut_modules(f"{directory}/all", directory, version)
        shutil.rmtree(f"{directory}/all")

    return cache.artifact("kernel", [cache.digest_file(deb), cache.source("kernel.py")], make)


def _extract_elf(bzimage, out):
    """The ELF inside a bzImage: QEMU starts it directly (PVH), without a boot loader.

    Offsets are those of Documentation/x86/boot.rst: setup_sects, payload_offset, _length.
    """
    with open(bzimage, "rb") as f:
        image = f.read()
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[(setup_sectors + 1) * 512 + offset:][:length]
    if payload.startswith(b"\xfd7zXZ\0"):
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):  # zstd, followed by its size in 4 bytes
        elf = subprocess.run(["zstd", "-dc"], input=payload[:-4], stdout=subprocess.PIPE,
                             check=True).stdout
    else:
        elf = zlib.decompressobj(31).decompress(payload)
    if elf[:4] != b"\x7fELF":
        raise host.Failed(f"{bzimage}: unknown compression")
    with open(out, "wb") as f:
        f.write(elf)


def _cut_modules(full, out, version):
    source = f"{full}/lib/modules/{version}"
    target = f"{out}/lib/modules/{version}"
    host.run("depmod", "-b", full, version)
    depends = _dependencies(f"{source}/modules.dep")
    by_name = {os.path.basename(path)[:-len(".ko")].replace("-", "_"): path for path in depends}

    keep = {by_name[n.replace("-", "_")] for n in MODULES.split() if n.replace("-", "_") in by_name}
    folders = tuple(f"kernel/{folder}/" for folder in FOLDERS.split())
    keep |= {path for path in depends if path.startswith(folders)}
    keep |= {needed for path in keep for needed in depends[path]}  # modules.dep is transitive
    for path in keep:
        os.makedirs(os.path.dirname(f"{target}/{path}"), exist_ok=True)
        os.link(f"{source}/{path}", f"{target}/{path}")
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        os.link(f"{source}/{name}", f"{target}/{name}")
    host.run("depmod", "-b", out, version)


def _dependencies(path):
    """{module: [modules it needs]} from depmod's file, all paths relative to its folder."""
    found = {}
    with open(path, encoding="ascii") as f:
        for line in f:
            module, _, needs = line.partition(":")
            found[module] = needs.split()
    return found
