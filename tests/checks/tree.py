# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of the tree, and how a check reports: shared by the checks that are written in Python."""

import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", SOURCE / "build/dev"))

# Bytes that are hostile on purpose.
SAMPLES = ("tests/fixtures/", "tests/fuzz/corpus/")


def files(root=SOURCE):
    """What git knows or would add; without git, everything that was not built. Sorted, relative, samples left out."""
    git = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z", "--cached", "--others",
           "--exclude-standard"]
    listed = subprocess.run(git, capture_output=True, check=False) if (root / ".git").exists() else None
    if listed is not None and listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
    return [pathlib.Path(name) for name in sorted(set(names))
            if name and not name.startswith(("build/",) + SAMPLES) and "__pycache__" not in name
            and (root / name).is_file() and not (root / name).is_symlink()]


def is_script(path):
    """An executable text without a suffix: its first line names the interpreter."""
    with open(path, "rb") as stream:
        return stream.read(2) == b"#!"


def main(check, samples):
    """check(root) yields complaints. samples: (what, {name: bytes}, whether it is good); on each the check must be right."""
    if "--prove" in sys.argv[1:]:
        wrong = 0
        for what, content, good in samples:
            with tempfile.TemporaryDirectory() as directory:
                root = pathlib.Path(directory)
                for name, data in content.items():
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_bytes(data)
                complaints = list(check(root))
            if bool(complaints) == good:
                wrong += 1
                print(f"{what}: should have been {'accepted' if good else 'refused'}; said {complaints}")
        print(f"{len(samples)} samples, {wrong} judged wrongly")
        sys.exit(1 if wrong or not samples else 0)
    complaints = list(check(SOURCE))
    print("\n".join(complaints) if complaints else f"{len(files())} files looked at")
    sys.exit(1 if complaints else 0)
