# SPDX-License-Identifier: GPL-2.0-or-later
"""Build products outside the repository, each named after what it was made from.

An artifact's name carries a digest of its inputs, so nothing is ever stale: change an
input (the .deb, a package list, the code of the step itself) and the name changes; change
nothing and the file is simply found again.
"""
import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time

DIRECTORY = os.environ.get("SEKISHO_VM_CACHE", "/var/tmp/sekisho-vm")
HERE = os.path.dirname(os.path.abspath(__file__))
KEEP_OF_A_KIND = 4  # the .deb changes often; each variant costs some 600 MB
STALE_AFTER = 3600  # never take an artifact away from a run that may still use it


def to_stderr(text):
    print(f"    {text}", file=sys.stderr, flush=True)


say = to_stderr  # who hears of a build; the demonstration puts its own listener here


def digest_file(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            h.update(block)
    return h.hexdigest()


def source(*names):
    """The text of files of this folder: a step that is rewritten must run again."""
    texts = []
    for name in names:
        with open(os.path.join(HERE, name), encoding="utf-8") as f:
            texts.append(f.read())
    return "\0".join(texts)


def artifact(kind, inputs, make):
    """Directory of artifact `kind`; `make(directory)` fills it if no such thing exists yet."""
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]
    path = os.path.join(DIRECTORY, f"{kind}-{key}")
    os.makedirs(DIRECTORY, exist_ok=True)
    with _locked(path + ".lock"):
        if not os.path.isdir(path):
            start = time.monotonic()
            say(f"{kind}: building ...")
            _build(path, make)
            say(f"{kind}: built in {time.monotonic() - start:.1f} s")
            _forget_old(kind)
    os.utime(path)
    return path


def _build(path, make):
    half_done = path + ".tmp"
    shutil.rmtree(half_done, ignore_errors=True)
    os.mkdir(half_done)
    try:
        make(half_done)
    except BaseException:
        shutil.rmtree(half_done, ignore_errors=True)
        raise
    os.utime(half_done)  # what was unpacked into it may have made it years old, and the first to be forgotten
    os.rename(half_done, path)


@contextlib.contextmanager
def _locked(path):
    """Two runs at once must not build the same thing twice."""
    with open(path, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def _forget_old(kind):
    found = []
    for name in os.listdir(DIRECTORY):
        path = os.path.join(DIRECTORY, name)
        if name.rpartition("-")[0] == kind and os.path.isdir(path):
            found.append((os.stat(path).st_mtime, path))
    for used, path in sorted(found, reverse=True)[KEEP_OF_A_KIND:]:
        if time.time() - used > STALE_AFTER:
            shutil.rmtree(path, ignore_errors=True)
