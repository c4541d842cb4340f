#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A fleet of terminals whose records our own writer makes, each with an rsyslog that has our configuration, into one
rsyslog with our configuration, over TLS on loopback in a network namespace. Both sides are stopped, killed and started
meanwhile, and records are rotated. After de-duplication by (machine, log, seq) every line is there, byte for byte; and
what is cut out on purpose is found. The journal's way, with systemd-journal-upload and -remote, too."""
import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ.get("SEKISHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", SOURCE / "build/dev"))
COLLECTORS = SOURCE / "packaging/collectors"
CTL = BUILD / "agent/ctl/sekishoctl"
WRITER = BUILD / "agent/audit/make_record"
TERMINALS, BATCH = 20, 40
PATIENCE = 120
failures = []


def expect(what, is_so):
    print("ok  " if is_so else "FAIL", what, flush=True)
    if not is_so:
        failures.append(what)


def run(*words, **options):
    return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True, **options).stdout


# ---- keys ----

def make_keys(directory, *names):
    def key(name, *more):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            directory / f"{name}.key", *more)
    key("ca", "-x509", "-days", "2", "-subj", "/CN=test ca", "-out", directory / "ca.pem")
    for name, host in (("collector", "collector.example.lg.jp"), ("terminal", "madoguchi.terminals.example.lg.jp")):
        key(name, "-subj", f"/CN={host}", "-addext", "subjectAltName=" + ",".join((f"DNS:{host}", *names)), "-out", directory / f"{name}.csr")
        run("openssl", "x509", "-req", "-in", directory / f"{name}.csr", "-CA", directory / "ca.pem", "-CAkey",
            directory / "ca.key", "-CAcreateserial", "-days", "2", "-copy_extensions", "copy", "-out",
            directory / f"{name}.pem")


# ---- rsyslog ----

class Rsyslog:
    """One of them, with a configuration of ours: only paths and addresses are another's."""

    def __init__(self, directory, source, changes, record=None):
        self.directory, self.record, self.process = directory, record, None
        text = (COLLECTORS / "rsyslog" / source).read_text()
        for old, new in changes.items():
            if old not in text:
                raise SystemExit(f"{source} has no {old!r}")
            text = text.replace(old, str(new))
        (directory / "spool").mkdir(parents=True)
        self.file = directory / "rsyslog.conf"
        self.file.write_text(f'global(workDirectory="{directory}/spool")\n{text}')

    def resend(self, when, result=""):
        """As systemd calls it, by resend.conf."""
        if self.record:
            run(COLLECTORS / "rsyslog/resend", when, env={
                **os.environ, "SEKISHO_SPOOL": str(self.directory / "spool"), "SEKISHO_RECORD": str(self.record), "SERVICE_RESULT": result,
                "MAINPID": str(self.process.pid if self.process else "")})

    def resends(self):
        """Whether it would have everything sent again."""
        return (self.directory / "spool/sekisho-running").exists()

    def start(self):
        self.resend("before")
        log = (self.directory / "log").open("ab")
        self.process = subprocess.Popen(["rsyslogd", "-n", "-f", self.file, "-i", self.directory / "pid"], stdout=log,
                                        stderr=log)
        log.close()

    def end(self, how):
        if how == signal.SIGTERM:
            self.resend("stopping")
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.resend("after", "success" if self.process.returncode == 0 else "signal")
        (self.directory / "pid").unlink(missing_ok=True)
        self.process = None


class Terminal:
    def __init__(self, directory, keys, number):
        self.number, self.root = number, directory / "root"
        self.log = self.root / "var/log/sekisho"
        self.log.mkdir(parents=True)
        self.rsyslog = Rsyslog(directory, "terminal.conf", {
            "/var/log/sekisho": self.log, "/etc/ssl/sekisho": keys, 'port="2514"': 'port="2514" localClientIP='
            f'"127.0.1.{number}"', 'target="collector.example.lg.jp"': 'target="127.0.0.1"',
            'action.resumeInterval="10"': 'action.resumeInterval="1"'}, record=self.log)

    def write(self):
        return subprocess.Popen([WRITER, self.root, str(BATCH), str(self.number)])

    def rotate(self):
        """As the writer does it: the name goes to a closed segment, the chain goes on in a new file."""
        lines = (self.log / "audit.jsonl").read_bytes().splitlines(keepends=True)
        n = len(list(self.log.glob("audit-*.jsonl"))) + 1
        (self.log / "audit.jsonl").rename(self.log / f"audit-{n:08}.jsonl")
        # The writer finds the head of the chain in its file: the last line stands in both.
        temporary = self.log / "new"
        temporary.write_bytes(lines[-1])
        temporary.rename(self.log / "audit.jsonl")

    def lines(self):
        found = {}
        for path in self.log.glob("audit*.jsonl"):
            for line in path.read_bytes().splitlines():
                found[key_of(line)] = line
        return found


def key_of(line):
    event = json.loads(line)
    own = event["unmapped"]["sekisho"]
    return event["device"]["uid"], own["log"], own["seq"]


def collected(directory):
    """(key -> set of different lines, how many came, lines that are none)"""
    lines, n, bad = collections.defaultdict(set), 0, 0
    for path in directory.glob("*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                lines[key_of(line)].add(line)
                n += 1
            except (ValueError, KeyError):
                bad += 1
    return lines, n, bad


def wait_for(terminals, directory):
    wanted = {}
    for t in terminals:
        wanted.update(t.lines())
    end = time.monotonic() + PATIENCE
    while True:
        lines, n, bad = collected(directory)
        missing = [k for k in wanted if k not in lines]
        if not missing or time.monotonic() > end:
            return wanted, lines, n, bad, missing
        time.sleep(1)


def settle(directory):
    """Until nothing more comes twice."""
    def size():
        return sum(path.stat().st_size for path in directory.glob("*.jsonl"))
    end = time.monotonic() + PATIENCE
    before = -1
    while (now := size()) != before and time.monotonic() < end:
        before = now
        time.sleep(3)


def fleet(directory):
    keys = directory / "keys"
    keys.mkdir()
    make_keys(keys)
    store = directory / "fleet"
    collector = Rsyslog(directory / "collector", "collector.conf", {"/etc/ssl/sekisho": keys,
                                                                    "/var/log/sekisho-fleet": store})
    terminals = [Terminal(directory / f"t{n}", keys, n) for n in range(1, TERMINALS + 1)]
    collector.start()
    for t in terminals:
        t.rsyslog.start()

    def write(some=terminals):
        for process in [t.write() for t in some]:
            if process.wait() != 0:
                raise SystemExit("the writer failed")

    write()
    time.sleep(2)
    collector.end(signal.SIGKILL)              # the collector dies
    write()
    for t in terminals[12:16]:                 # shut down, and started, while there is none
        t.rsyslog.end(signal.SIGTERM)
        expect(f"terminal {t.number} will send again what it could not", t.rsyslog.resends())
        t.rsyslog.start()
    for t in terminals[::2]:
        t.rotate()                             # while rsyslog runs, and cannot send
    write()
    collector.start()
    for t in terminals[:7]:
        t.rsyslog.end(signal.SIGKILL)          # terminals die while they catch up
    for t in terminals[7:12]:
        t.rsyslog.end(signal.SIGTERM)          # others are shut down
    write()
    for t in terminals[:12:3]:
        t.rotate()                             # while rsyslog does not run
    write()
    for t in terminals[:12]:
        t.rsyslog.start()
    time.sleep(1)
    collector.end(signal.SIGTERM)
    write()
    collector.start()
    for t in terminals[3:9]:
        t.rsyslog.end(signal.SIGKILL)
        t.rsyslog.start()
    write()
    wanted, lines, n, bad, missing = wait_for(terminals, store)
    settle(store)
    lines, n, bad = collected(store)
    for t in terminals:
        t.rsyslog.end(signal.SIGTERM)
    again = sum(t.rsyslog.resends() for t in terminals)
    expect(f"what was delivered is not sent again, but by {again}", again <= TERMINALS // 2)
    collector.end(signal.SIGTERM)
    print(f"{len(wanted)} records of {TERMINALS} terminals, {n} lines came, {n - len(lines)} twice")
    expect(f"as many records as were written: {len(wanted)}", len(wanted) == 7 * BATCH * TERMINALS)
    gaps = collections.defaultdict(list)
    for uid, _, seq in sorted(missing):
        gaps[int(uid, 16)].append(seq)
    expect(f"nothing is missing: {dict(gaps)}", not missing)
    expect(f"each line is as it was written: {bad} are none", not bad and
           all(lines[k] == {line} for k, line in wanted.items() if k in lines))
    expect("each terminal has a file of its own", len(list(store.glob("127.0.1.*.jsonl"))) == TERMINALS)
    return store


def report(store, *arguments):
    done = subprocess.run([CTL, "fleet", "report", "--json", "--stale", "3650d", store, *arguments], capture_output=True,
                          text=True, check=False)
    if "Sanitizer" in done.stderr or done.returncode > 1:
        raise SystemExit(done.stderr)
    return done.returncode, json.loads(done.stdout), done.stderr


def seen_by_the_report(store):
    """What arrived is whole; what is cut or altered on purpose is found where it is."""
    status, said, _ = report(store)
    expect(f"the report counts the same: {said['records']}, missing {said['missing']}", status == 0 and
           (said["records"], said["missing"], said["altered"], said["bad_lines"]) == (7 * BATCH * TERMINALS, 0, 0, 0))
    lines, n, _ = collected(store)
    expect("and what came twice", said["twice"] == n - len(lines))

    def without(path, gone):
        kept = [line for line in path.read_bytes().splitlines(keepends=True) if not gone(key_of(line)[2])]
        path.write_bytes(b"".join(kept))
    without(store / "127.0.1.3.jsonl", lambda seq: 50 <= seq < 60)
    without(store / "127.0.1.4.jsonl", lambda seq: seq == 100)
    without(store / "127.0.1.5.jsonl", lambda seq: seq < 20)
    altered = store / "127.0.1.6.jsonl"
    altered.write_bytes(b"\n".join(line.replace(b'"Denied"', b'"Allowed"') if key_of(line)[2] == 77 and
                                   b'"Denied"' in line else line.replace(b'"severity_id":', b'"severity_id": ')
                                   if key_of(line)[2] == 77 else line
                                   for line in altered.read_bytes().split(b"\n")[:-1]) + b"\n")
    with (store / "127.0.1.7.jsonl").open("ab") as f:
        f.write(b"no record\n{}\n")
    status, said, complaints = report(store)
    terminals = {int(t["machine"], 16): t for t in said["terminals"]}
    pieces = {n: [(p["first"], p["last"]) for p in t["logs"][0]["pieces"]] for n, t in terminals.items()}
    last = 7 * BATCH
    expect(f"ten cut out: {pieces[3]}", pieces[3] == [(1, 49), (60, last)] and terminals[3]["missing"] == 10)
    expect(f"one cut out: {pieces[4]}", pieces[4] == [(1, 99), (101, last)] and terminals[4]["chain"] == "gaps")
    expect(f"the beginning cut off: {pieces[5]}", pieces[5] == [(20, last)] and terminals[5]["chain"] == "later")
    expect(f"one altered: {terminals[6]['logs'][0]['broken_at']}", terminals[6]["chain"] == "broken" and
           terminals[6]["logs"][0]["broken_at"] in (77, 78))
    expect("bad lines are named", said["bad_lines"] == 2 and "127.0.1.7.jsonl, line" in complaints)
    expect("no other terminal is blamed", status == 1 and
           [n for n, t in sorted(terminals.items()) if t["chain"] != "whole"] == [3, 4, 5, 6])
    for form in ("table", "csv", "html"):
        done = subprocess.run([CTL, "fleet", "report", "--format", form, store], capture_output=True, check=False)
        expect(f"--format {form}", done.returncode == 1 and done.stdout.count(b"madoguchi-") == TERMINALS and
               b"Sanitizer" not in done.stderr)
    piped = subprocess.run([CTL, "fleet", "report", "--json", "-"], capture_output=True, check=False,
                           input=b"".join(p.read_bytes() for p in sorted(store.glob("*.jsonl"), reverse=True)))
    expect("all in one stream", json.loads(piped.stdout)["missing"] == said["missing"])


def checked_by_their_own_tools():
    for conf in (COLLECTORS / "rsyslog" / name for name in ("terminal.conf", "terminal-journal.conf", "collector.conf")):
        text = "\n".join(line for line in conf.read_text().splitlines() if not line.lstrip().startswith("#"))
        # Without the keys, which are not there.
        for word in ("tls.caCert", "tls.myCert", "tls.myPrivKey"):
            before, _, rest = text.partition(word + '="')
            text = before + rest.partition('"')[2]
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write(f'global(workDirectory="/tmp")\n{text}\n')
            f.flush()
            done = subprocess.run(["rsyslogd", "-N1", "-f", f.name], capture_output=True, text=True, check=False)
        complaints = [line for line in done.stderr.splitlines() if "config validation" not in line]
        expect(f"rsyslogd -N1 {conf.name}: {complaints}", done.returncode == 0 and not complaints)


def main():
    if os.geteuid() != 0:
        print("needs root: a network namespace, and rsyslog's own files")
        return 77
    for program in ("rsyslogd", "openssl", "unshare"):
        if not shutil.which(program):
            print(f"needs {program}")
            return 77
    if len(sys.argv) == 1:
        return subprocess.run(["unshare", "-n", sys.executable, __file__, "inside"], check=False).returncode
    run("ip", "link", "set", "lo", "up")
    checked_by_their_own_tools()
    with tempfile.TemporaryDirectory(prefix="sekisho-") as directory:
        seen_by_the_report(fleet(pathlib.Path(directory)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
