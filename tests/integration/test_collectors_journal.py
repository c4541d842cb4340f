#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the real agent sends to the journal, by systemd-journal-upload to systemd-journal-remote, and by rsyslog (imjournal) to
rsyslog, with our configurations, over TLS on loopback in a namespace of its own; both sides are killed in between (of rsyslog's
the collector; the terminal's is stopped and started). By (log, seq) every record arrives."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import test_collectors
from fakeroot import READER, STORAGE, Machine, eventually, policy
from test_collectors import COLLECTORS, Rsyslog, expect, failures, make_keys, run

MACHINE = "0123456789abcdef0123456789abcdef"
UPLOAD, REMOTE = "/lib/systemd/systemd-journal-upload", "/lib/systemd/systemd-journal-remote"
PATIENCE = 60


def what_the_agent_sends():
    """Datagrams of its native protocol, and the records themselves."""
    machine = Machine()
    try:
        machine.ship(policy() + "audit: {send: [journal]}\n")
        (machine.root / "run/systemd/journal").mkdir(parents=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(str(machine.root / "run/systemd/journal/socket"))
            sent = []

            def listen():
                """All the time: the agent waits for nobody, and a socket holds few messages."""
                while message := journal.recv(1 << 20):
                    sent.append(message)
            listener = threading.Thread(target=listen, daemon=True)
            listener.start()
            machine.start()
            for n in range(6):
                machine.plug("1-1", 0x0781, 0x5591, STORAGE if n % 2 else READER, serial=str(n))
                eventually(lambda: machine.settled("1-1"))
                machine.unplug("1-1")
                eventually(lambda: machine.device("1-1") is None)
            machine.stop()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:  # behind what the agent sent
                last.sendto(b"", str(machine.root / "run/systemd/journal/socket"))
            listener.join(60)
        return sent, machine.record()
    finally:
        machine.close()


def store(source, datagrams, first):
    """As journald would: the native protocol is the export format, but for what journald adds."""
    head = "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=11111111222233334444555555555555\n" \
           f"_MACHINE_ID={MACHINE}\n"
    entries = b"".join(head.format(1795392000000000 + first + n, first + n).encode() + d + b"\n"
                       for n, d in enumerate(datagrams, 1))
    done = subprocess.run([REMOTE, "--split-mode=none", "-o", source / "system.journal", "-"], input=entries, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace"))


def configure(keys):
    """Ours, in place of what is there: only paths and addresses are another's."""
    run("mount", "-t", "tmpfs", "tmpfs", "/etc/systemd")
    for name, conf in (("upload", "upload.conf"), ("remote", "remote.conf")):
        text = (COLLECTORS / "journal" / conf).read_text()
        target = pathlib.Path(f"/etc/systemd/journal-{name}.conf.d/60-sekisho.conf")
        target.parent.mkdir()
        target.write_text(text.replace("/etc/ssl/sekisho", str(keys)).replace("collector.example.lg.jp", "127.0.0.1"))


def arrived(out):
    lines = run("journalctl", "--directory", out, "SEKISHO_LOG=agent", "-o", "json") if list(out.glob("*")) else ""
    return [(e["SEKISHO_LOG"], int(e["SEKISHO_SEQ"]), e["SEKISHO_PREV"]) for e in map(json.loads, lines.splitlines())]


def start(source, out, log):
    remote = subprocess.Popen([REMOTE, "--listen-https=127.0.0.1:19532", f"--output={out}"], stdout=log, stderr=log)
    time.sleep(1)
    upload = subprocess.Popen([UPLOAD, f"--directory={source}", f"--save-state={source}/state"], stdout=log, stderr=log)
    return remote, upload


def wait_for(n, out):
    end = time.monotonic() + PATIENCE
    while len({seq for _, seq, _ in arrived(out)}) < n and time.monotonic() < end:
        time.sleep(0.5)


def by_imjournal(directory, keys, ours, wanted):
    """The machine's own journal, which imjournal reads, is this one here."""
    machine_id, own = directory / "machine-id", pathlib.Path("/var/log/journal")
    machine_id.write_text(MACHINE + "\n")
    run("mount", "--bind", machine_id, "/etc/machine-id")
    run("mount", "-t", "tmpfs", "tmpfs", "/var/log")
    (own / MACHINE).mkdir(parents=True)
    out = directory / "lines"
    tls = {"/etc/ssl/sekisho": keys}
    terminal = Rsyslog(directory / "terminal", "terminal-journal.conf", {
        **tls, 'target="collector.example.lg.jp"': 'target="127.0.0.1"', 'action.resumeInterval="10"': 'action.resumeInterval="1"'},
        record=directory)
    collector = Rsyslog(directory / "collector", "collector.conf", {**tls, "/var/log/sekisho-fleet": out})

    def lines():
        came = [json.loads(line) for path in out.glob("*.jsonl") for line in path.read_bytes().split(b"\n")[:-1]]
        return [(e["SEKISHO_LOG"], int(e["SEKISHO_SEQ"]), e["SEKISHO_PREV"]) for e in came]

    def wait(n):
        end = time.monotonic() + PATIENCE
        while len(set(lines())) < n and time.monotonic() < end:
            time.sleep(0.5)
    half = len(ours) // 2
    # One that is not ours stands among them.
    store(own / MACHINE, [b"MESSAGE=something else\nPRIORITY=6\n", *ours[:half]], 0)
    collector.start()
    terminal.start()
    try:
        wait(half)
        expect(f"the first half came: {len(lines())}", len(set(lines())) == half)
        collector.end(signal.SIGKILL)
        store(own / MACHINE, ours[half:], half + 1)
        time.sleep(2)                       # it reads them, and cannot send
        terminal.end(signal.SIGTERM)
        terminal.start()
        collector.start()
        wait(len(ours))
    finally:
        terminal.end(signal.SIGTERM)
        collector.end(signal.SIGTERM)
    lost = sorted(seq for _, seq, _ in wanted - set(lines()))
    expect(f"by imjournal and RELP every record arrived: {len(lines())}, and nothing else; missing: {lost}", set(lines()) == wanted)
    if failures:
        print((directory / "terminal/log").read_text(errors="replace")[-2000:], (directory / "collector/log").read_text(errors="replace")[-2000:])


def inside(directory):
    run("ip", "link", "set", "lo", "up")
    keys, source, out = directory / "keys", directory / "source", directory / "out"
    for path in (keys, source, out):
        path.mkdir()
    make_keys(keys, "IP:127.0.0.1")
    configure(keys)
    sent, records = what_the_agent_sends()
    ours = [d for d in sent if b"\nSEKISHO_SEQ=" in b"\n" + d]
    expect(f"the journal was sent each record: {len(ours)} of {len(records)}", len(ours) == len(records) > 12)
    half = len(ours) // 2
    store(source, ours[:half], 0)
    with (directory / "log").open("wb") as log:
        pair = start(source, out, log)
        wait_for(half, out)
        for process in pair:
            process.send_signal(signal.SIGKILL)
            process.wait()
        store(source, ours[half:], half)
        pair = start(source, out, log)
        wait_for(len(ours), out)
        for process in reversed(pair):
            process.terminate()
            process.wait()
    came = arrived(out)
    wanted = {(r["unmapped"]["sekisho"]["log"], r["unmapped"]["sekisho"]["seq"], r["unmapped"]["sekisho"]["prev"])
              for r in records}
    expect(f"every record arrived, with its number and the hash of the one before: {len(came)}", set(came) == wanted)
    if failures:
        print((directory / "log").read_text(errors="replace")[-2000:])
    by_imjournal(directory, keys, ours, wanted)


def main():
    if os.geteuid() != 0:
        print("needs root: namespaces")
        return 77
    for program in (UPLOAD, REMOTE, "journalctl", "openssl", "rsyslogd", "unshare"):
        if not shutil.which(program):
            print(f"needs {program}")
            return 77
    if len(sys.argv) == 1:
        return subprocess.run(["unshare", "-n", "-m", sys.executable, __file__, "inside"], check=False).returncode
    with tempfile.TemporaryDirectory(prefix="sekisho-") as directory:
        inside(pathlib.Path(directory))
    return 1 if test_collectors.failures else 0


if __name__ == "__main__":
    sys.exit(main())
