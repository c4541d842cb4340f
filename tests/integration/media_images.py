# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of sticks: file systems by mkfs.fat, mtools and mkfs.exfat, alone or in partitions; files put into exFAT by hand,
because mounting it takes a kernel that can."""

import os
import pathlib
import struct
import subprocess

SECTOR = 512
MIB = 1 << 20
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"}


def run(*command):
    subprocess.run([str(word) for word in command], check=True, capture_output=True, env=ENVIRONMENT)


def fat(path, files, bits=16, size=16 * MIB, folder="SEKISHO", cluster=None):
    """files: {name: bytes}. FAT32 takes at least 33 MiB."""
    path.write_bytes(b"")
    os.truncate(path, size)
    run("/usr/sbin/mkfs.fat", "-F", bits, *(["-s", cluster] if cluster else []), path)
    run("mmd", "-i", path, f"::{folder}")
    for name, content in files.items():
        source = path.with_suffix(".source")
        source.write_bytes(content)
        run("mcopy", "-i", path, source, f"::{folder}/{name}")
        source.unlink()
    return path


def _set(name, cluster, size, directory):
    """The entries of one file: file, stream extension, name."""
    units = name.encode("utf-16-le")
    names = [units[i : i + 30].ljust(30, b"\0") for i in range(0, len(units), 30)]
    stream = struct.pack("<BBBBHHQIIQ", 0xC0, 3, 0, len(units) // 2, 0, 0, size, 0, cluster, size)
    first = struct.pack("<BBHHH", 0x85, 1 + len(names), 0, 0x10 if directory else 0x20, 0).ljust(32, b"\0")
    return first + stream + b"".join(b"\xc1\0" + n for n in names)


def exfat(path, files, size=8 * MIB, folder="Sekisho"):
    path.write_bytes(b"")
    os.truncate(path, size)
    run("/usr/sbin/mkfs.exfat", "-c", "4K", path)
    with path.open("r+b") as f:
        boot = f.read(SECTOR)
        heap, root = struct.unpack_from("<I", boot, 88)[0], struct.unpack_from("<I", boot, 96)[0]
        sector, cluster = 1 << boot[108], 1 << (boot[108] + boot[109])
        place = lambda c: heap * sector + (c - 2) * cluster
        free = root + 10
        entries = b""
        for name, content in files.items():
            f.seek(place(free))
            f.write(content)
            entries += _set(name, free, len(content), False)
            free += len(content) // cluster + 1
        f.seek(place(free))
        f.write(entries.ljust(cluster, b"\0"))
        f.seek(place(root))
        used = f.read(cluster)
        at = next(i for i in range(0, cluster, 32) if used[i] == 0)
        f.seek(place(root) + at)
        f.write(_set(folder, free, cluster, True))
    return path


def mbr(path, volume, kind=0x0C, start=2048):
    content = volume.read_bytes()
    table = struct.pack("<B3sB3sII", 0, b"\0" * 3, kind, b"\0" * 3, start, len(content) // SECTOR)
    path.write_bytes((b"\0" * 446 + table.ljust(64, b"\0") + b"\x55\xaa").ljust(start * SECTOR, b"\0") + content)
    return path


def gpt(path, volume, start=2048):
    content = volume.read_bytes()
    header = struct.pack("<8sIIIIQQQQ16sQII", b"EFI PART", 0x10000, 92, 0, 0, 1, 0, 34, 0, b"\1" * 16, 2, 128, 128)
    other = struct.pack("<16s16sQQQ", b"\2" * 16, b"\3" * 16, 40, 48, 0).ljust(128, b"\0")
    entry = struct.pack("<16s16sQQQ", b"\2" * 16, b"\4" * 16, start, start + len(content) // SECTOR - 1, 0).ljust(128, b"\0")
    mbr(path, volume, kind=0xEE)
    with path.open("r+b") as f:
        f.seek(SECTOR)
        f.write(header.ljust(SECTOR, b"\0") + other + entry)
        f.seek(446 + 8)
        f.write(struct.pack("<I", 1))
    return path


def frames(output):
    """[(kind, name, bytes)] as sekisho-reader wrote them."""
    found = []
    while output:
        kind, name, size = struct.unpack_from("=III", output)
        found.append((kind, output[12 : 12 + name].decode(), output[12 + name : 12 + name + size]))
        output = output[12 + name + size :]
    return found
