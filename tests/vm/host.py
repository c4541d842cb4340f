# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine that runs the tests has to have: tools, an apt sources file, root."""
import os
import shutil
import subprocess

# tool -> Debian package that has it
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "ssh-keygen": "openssh-client",
    "depmod": "kmod",
    "gcc": "gcc",
    "zstd": "zstd",
}
FILES = {"/usr/lib/x86_64-linux-gnu/libc.a": "libc6-dev"}
SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")


class Failed(Exception):
    """A command of the build failed; the text holds its last lines."""


def run(*command, **options):
    """Run a command; on failure say what it said."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        lines = text.splitlines() or ["(it said nothing)"]
        tail = "\n".join(lines[-30:])
        raise Failed(f"{command[0]} ... {command[-1]}: exit {done.returncode}: {lines[-1]}\n"
                     f"{' '.join(command)}\n{tail}")
    return text


def install_packages():
    """Install what is missing; touches nothing when all is there."""
    if os.geteuid():
        raise Failed("building and running terminals needs root (sudo tests/vm/run)")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = path
    missing = {package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)}
    missing |= {package for name, package in FILES.items() if not os.path.exists(name)}
    if not missing:
        return
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run("apt-get", "update", "-qq", env=quiet)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing), env=quiet)


def apt_sources():
    """The machine's own sources file that speaks of Debian: the mirror to build from."""
    for path in SOURCES:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                if "debian" in f.read().lower():
                    return path
    raise Failed("no apt sources for Debian in " + " or ".join(SOURCES))
