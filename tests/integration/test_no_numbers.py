#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of every kind, made of names, paths and texts that hold a My Number wherever a person or a program can put one:
neither the records nor their copies in journal and audit trail nor anything that sekishoctl makes of them has it. That the
search would find it is shown, too."""
import hashlib
import json
import os
import pathlib
import re
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


def kinds():
    return set(re.findall(r'^ *\[KIND_\w+\] = \{ "([a-z-]+)"', (SOURCE / "agent/audit/kinds.c").read_text(), re.M))


def copies(lines):
    """What the journal and the audit trail are told of them; the latter has in hexadecimal what people and devices chose."""
    done = subprocess.run([BUILD / "agent/audit/make_copies"], input=lines, capture_output=True, check=False)
    encoded = re.findall(rb"=((?:[0-9A-F]{2}){4,})(?=[ \n])", done.stdout)
    text = done.stdout + b"\n".join(bytes.fromhex(word.decode()) for word in encoded)
    told = set(re.findall(rb"^SEKISHO_KIND=(.*)", done.stdout, re.M))
    expect(f"copies in journal and audit trail, {len(told)} kinds, {len(text)} bytes: none of them", done.returncode == 0 and
           told == {k.encode() for k in kinds()} and text.count(b"audit type=") == lines.count(b"\n") and not holds_number(text) and
           b"Sanitizer" not in done.stderr)
    expect("nor the name of a file", b"file-written" in text and b".csv" in lines and b".csv" not in text)
    spoilt = json.loads(next(line for line in lines.splitlines() if b"login-refused" in line))
    spoilt["unmapped"]["sekisho"]["login"]["user"] = NUMBERS[0].decode()
    done = subprocess.run([BUILD / "agent/audit/make_copies"], input=json.dumps(spoilt).encode() + b"\n", capture_output=True, check=False)
    expect("the search finds it in a copy", holds_number(done.stdout))


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
        key = machine.root / "auditor"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        for target, *more in (("export",), ("export.tar",), ("sealed", "--seal", f"{key}.pub")):
            done = subprocess.run([CTL, "audit", "export", machine.root / target, *more, "--root", machine.root], capture_output=True,
                                  check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
            # The anchors among the made records are nobody's: the export says so, and takes them as they are.
            expect(f"audit export to {target}: none of them", done.returncode == 1 and b"exported" in done.stdout and
                   not holds_number(done.stdout + done.stderr))
        subprocess.run([CTL, "audit", "open", machine.root / "sealed", machine.root / "opened.tar", "--key", key], check=True)
        expect("what was sealed, as the auditor opens it: none of them", lines in (machine.root / "opened.tar").read_bytes() and
               not holds_number((machine.root / "opened.tar").read_bytes()))
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
        codes = {json.loads(line)["metadata"]["event_code"] for line in lines.splitlines()}
        expect(f"every kind of record is there: {sorted(kinds() - codes)}", codes == kinds())
        copies(lines)
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
