#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of every kind, made of names, paths and texts that hold a My Number wherever a person or a program can put one:
neither the records nor anything that sekishoctl makes of them has it. That the search would find it is shown, too."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from fakeroot import Machine

SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", SOURCE / "build/dev"))
CTL = BUILD / "agent/ctl/sekishoctl"
POLICY = """sekisho: 1
header: {fleet: f, serial: 13, issued: 2025-01-01T00:00:00+09:00, expires: never, target: [all]}
mode: enforce
"""
NUMBERS = [b"123456789018", b"1234-5678-9018", "１２３４５６７８９０１８".encode(),
           "１２３４５６７８９０１８".encode("unicode_escape")]
MONTH = "2026-11"  # that of the records
failures = []


def expect(what, is_so):
    print("ok  " if is_so else "FAIL", what)
    if not is_so:
        failures.append(what)


def holds_number(text):
    lower = text.lower()
    return any(number.lower() in lower for number in NUMBERS)


def record(directory):
    """Every kind of record, as a chain."""
    made = directory / "made.jsonl"
    for program in ("test_ocsf", "test_ocsf_kinds"):
        subprocess.run([BUILD / "agent/audit" / program], env={**os.environ, "SEKISHO_OCSF_OUT": str(made)}, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines, prev = [], "0" * 64
    for seq, line in enumerate(made.read_text().splitlines(), 1):
        event = json.loads(line)
        event["unmapped"]["sekisho"].update(log="agent", seq=seq, prev=prev)
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        prev = hashlib.sha256(line).hexdigest()
        lines.append(line)
    return b"\n".join(lines) + b"\n"


def exported(lines):
    """The agent goes on with that record, and signs the export of it."""
    machine = Machine()
    try:
        machine.record_file.parent.mkdir(parents=True)
        machine.record_file.write_bytes(lines)
        machine.record_file.chmod(0o640)
        machine.start()
        for target in ("export", "export.tar"):
            done = subprocess.run([CTL, "audit", "export", machine.root / target, "--root", machine.root], capture_output=True,
                                  check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
            # The anchors among the made records are nobody's: the export says so, and takes them as they are.
            expect(f"audit export to {target}: none of them", done.returncode == 1 and b"exported" in done.stdout and
                   not holds_number(done.stdout + done.stderr))
        machine.stop()
        files = [file for file in (machine.root / "export").rglob("*") if file.is_file()]
        parts = b"".join(file.read_bytes() for file in files)
        expect(f"{len(files)} files of the export, the tar file and the agent's log: none of them", lines in parts and
               not any(holds_number(text) for text in (parts, (machine.root / "export.tar").read_bytes(),
                                                       machine.log.read_bytes())))
    finally:
        machine.close()


def main():
    if os.geteuid() != 0:
        print("needs root: the agent that signs the export")
        return 77
    with tempfile.TemporaryDirectory(prefix="sekisho-") as directory:
        directory = pathlib.Path(directory)
        lines = record(directory)
        path = directory / "root/var/log/sekisho/audit.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(lines)
        policy = directory / "policy.yaml"
        policy.write_text(POLICY)
        expect("the search finds what is there", all(holds_number(b"x" + n + b"y") for n in NUMBERS))
        expect("stars stand where numbers stood", lines.count(b"*" * 12) > 10)
        expect("no record has one", not holds_number(lines))
        root = ["--root", directory / "root"]
        made = {
            "audit show": ["audit", "show", *root],
            "audit show --json": ["audit", "show", "--json", *root],
            "audit tail": ["audit", "tail", "-n", "1000", *root],
            "policy history": ["policy", "history", *root],
            "policy replay": ["policy", "replay", policy, path],
            "policy replay --json": ["policy", "replay", "--json", policy, path],
            "network learn": ["network", "learn", "--blocked", *root],
            "media export": ["media", "export", path],
            "fleet report": ["fleet", "report", path],
            **{f"fleet report --format {form}": ["fleet", "report", "--format", form, path]
               for form in ("csv", "json", "html")},
            **{f"inspect --format {form}": ["inspect", "--format", form, *root] for form in ("csv", "json", "html")},
            **{f"digest --format {form}": ["digest", "--month", MONTH, "--format", form, *root] for form in ("json", "html")},
            "evidence": ["evidence", "--from", f"{MONTH}-01", "--to", f"{MONTH}-28", "--output", directory / "bundle", *root],
        }
        for what, words in made.items():
            done = subprocess.run([CTL, *words], capture_output=True, check=False,
                                  env={**os.environ, "LC_ALL": "C.UTF-8"})
            out = done.stdout + done.stderr
            expect(f"{what}: {len(out)} bytes, none of them", done.returncode in (0, 1) and len(done.stdout) > 50 and
                   not holds_number(out) and b"Sanitizer" not in out)
        bundle = [file for file in (directory / "bundle").rglob("*") if file.is_file()]
        expect(f"evidence: {len(bundle)} files, none of them",
               len(bundle) > 8 and not any(holds_number(file.read_bytes()) for file in bundle))
        exported(lines)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
