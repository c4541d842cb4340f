#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The independent verifier (verify_record.py) and ours agree, on whole and on tampered records: the same verdict at the
same line, the same head. The steps by hand of sekisho-record(5) work. The journal's catalogues know every MESSAGE_ID."""
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import verify_record  # noqa: E402

SOURCE = Path(os.environ.get("SEKISHO_SOURCE", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("SEKISHO_BUILD", SOURCE / "build/dev"))
failures = []


def expect(what, is_so):
    if not is_so:
        failures.append(what)
        print("FAIL", what)


def second_opinion(directory):
    subprocess.run([BUILD / "agent/audit/test_verify"], env={**os.environ, "SEKISHO_RECORD_OUT": str(directory)},
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = sorted(directory.iterdir())
    whole = 0
    for path in files:
        _, fault, line, head = path.name.split("-")
        try:
            result = verify_record.verify(io.BytesIO(path.read_bytes()))
        except ValueError as error:
            result = str(error)
        if fault == "0":
            whole += 1
            expect(f"{path.name}: {result}", isinstance(result, tuple) and result[3] == head)
        else:
            expect(f"{path.name}: {result}", isinstance(result, str) and result.startswith(f"line {line}: "))
    expect("whole and tampered ones are among them", whole >= 4 and len(files) - whole >= 100)
    print(f"{len(files)} records judged twice, {whole} of them whole")
    return next(p for p in files if p.name.startswith("000-"))


def by_hand(record):
    """head -n N | tail -n 1 | head -c -1 | sha256sum, and the next line's prev."""
    lines = record.read_bytes().split(b"\n")
    for n in (1, 7, 19):
        out = subprocess.run(["sh", "-c", f'head -n {n} "$1" | tail -n 1 | head -c -1 | sha256sum', "sh", record],
                             check=True, capture_output=True, text=True).stdout.split()[0]
        expect(f"sha256sum of line {n}", out == hashlib.sha256(lines[n - 1]).hexdigest() and out.encode() in lines[n])


def command(record):
    def run(*arguments):
        return subprocess.run([sys.executable, verify_record.__file__, *map(str, arguments)], capture_output=True,
                              text=True)
    good = run(record)
    expect("exit 0", good.returncode == 0 and good.stdout.startswith("20 records, seq 1 to 20, head "))
    expect("exit 1 with another prev", run("--prev", "f" * 64, record).returncode == 1)
    expect("exit 0 with any prev", run("--prev", "any", record).returncode == 0)
    expect("exit 2 without a file", run().returncode == 2 and run("/nonexistent").returncode == 2)


def catalogues(directory):
    kinds = (SOURCE / "agent/audit/kinds.c").read_text()
    ids = set(re.findall(r'"([0-9a-f]{32})"', kinds))
    names = re.findall(r'^ *\[KIND_\w+\] = \{ "([a-z-]+)"', kinds, re.M)
    expect("an identifier of its own for each kind", len(ids) == len(names) == len(set(names)) >= 12)
    target = directory / "usr/lib/systemd/catalog"
    target.mkdir(parents=True)
    for name in ("sekisho.catalog", "sekisho.ja.catalog"):
        path = SOURCE / "packaging/catalog" / name
        expect(f"{name} knows each MESSAGE_ID once",
               sorted(re.findall(r"^-- ([0-9a-f]{32})$", path.read_text(), re.M)) == sorted(ids))
        shutil.copy(path, target)
    fields = set(re.findall(r"@([A-Z_]+)@", "".join(p.read_text() for p in target.iterdir())))
    known = set(re.findall(r'{ "([A-Z_0-9]+)"', (SOURCE / "agent/audit/sinks.c").read_text()))
    expect(f"catalogue fields that are never sent: {fields - known}", fields <= known)
    if shutil.which("journalctl"):
        (directory / "var/lib/systemd/catalog").mkdir(parents=True)
        subprocess.run(["journalctl", f"--root={directory}", "--update-catalog"], check=True, capture_output=True)
        listed = subprocess.run(["journalctl", f"--root={directory}", "--list-catalog"], check=True, capture_output=True,
                                text=True).stdout
        expect("journalctl reads the catalogue", ids <= set(re.findall(r"^([0-9a-f]{32})", listed, re.M)))


def main():
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        (directory / "records").mkdir()
        record = second_opinion(directory / "records")
        by_hand(record)
        command(record)
        catalogues(directory / "root")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
