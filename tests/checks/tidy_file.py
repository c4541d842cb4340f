# SPDX-License-Identifier: GPL-2.0-or-later
"""clang-tidy on one file of a build: tidy_file.py SOURCE BUILD FILE.

What the preprocessor makes of a file, comments and all, is the key to whether it was found clean before: then it is not
looked at again, in whatever clone it lies. Delete ~/.cache/sekisho-tidy to look at everything.
"""
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time

KEPT = 60 * 86400


def preprocessed(entry):
    """Its text, and the arguments that made it."""
    words = shlex.split(entry["command"])
    arguments = []
    while words:
        word = words.pop(0)
        if word in ("-o", "-MF", "-MT"):
            words.pop(0)
        elif word not in ("-c", "-MD"):
            arguments.append(word)
    done = subprocess.run([*arguments, "-E", "-CC"], cwd=entry["directory"], stdout=subprocess.PIPE, check=True)
    return done.stdout, " ".join(arguments)


def configuration(source, name):
    """All that clang-tidy may read for this file: the tree's, and those of the folders down to it."""
    folder, text = source, b""
    for part in ["", *os.path.relpath(os.path.dirname(name), source).split("/")]:
        folder = os.path.join(folder, part)
        path = f"{folder}/.clang-tidy"
        if part != "." and os.path.exists(path):
            with open(path, "rb") as f:
                text += f.read()
    return text


def key(source, entry):
    text, arguments = preprocessed(entry)
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True).stdout
    config = configuration(source, entry["file"])
    digest = hashlib.sha256()
    for part in (version, config, arguments.replace(source, "").encode(), text.replace(source.encode(), b"")):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def main(source, build, name):
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "sekisho-tidy")
    with open(f"{build}/compile_commands.json", encoding="utf-8") as f:
        entry = next(e for e in json.load(f) if e["file"] == name)
    clean = os.path.join(cache, key(source, entry))
    if os.path.exists(clean) and time.time() - os.path.getmtime(clean) < KEPT:
        return 0
    done = subprocess.run(["clang-tidy", "--quiet", "-p", build, name],
                          stderr=subprocess.PIPE, text=True)
    said = [line for line in done.stderr.splitlines() if "warnings generated" not in line]
    print("\n".join(said), end="\n" if said else "", file=sys.stderr)
    if done.returncode == 0:
        os.makedirs(cache, exist_ok=True)
        with open(clean, "w", encoding="utf-8"):
            pass
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
