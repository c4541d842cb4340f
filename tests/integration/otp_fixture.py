# SPDX-License-Identifier: GPL-2.0-or-later
"""A fake machine for sekisho-otpd --root: accounts, an accepted policy, and the real verifier running on it. Codes are
computed here, by another implementation of RFC 6238 than the verifier's."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

BUILD = pathlib.Path(os.environ.get("SEKISHO_BUILD", "build/dev"))
VERIFIER = BUILD / "pam_module" / "sekisho-otpd"
PERIOD = 30
MONDAY_NOON = 1795402800  # 2026-11-23 12:00 in Tokyo

PASSWD = """root:x:0:0:root:/root:/bin/sh
yamada:x:3001:3001:yamada:/home/yamada:/bin/sh
suzuki:x:3002:3002:suzuki:/home/suzuki:/bin/sh
gyosha:x:3003:3003:gyosha:/home/gyosha:/bin/sh
kinkyu:x:3004:3004:kinkyu:/home/kinkyu:/bin/sh
futago:x:3003:3003:gyosha again:/home/gyosha:/bin/sh
"""
GROUP = """root:x:0:
yamada:x:3001:
joho:x:4001:suzuki,futago
hoshu:x:4002:gyosha
"""
POLICY = """sekisho: 1
header: {fleet: test, serial: %(serial)d, issued: 2026-01-01T00:00:00+09:00, expires: never, target: [all]}
mode: %(mode)s
contact: 情報政策課 内線 2345
login:
  second-factor:
    default: required
    rules:
      - {id: timers, services: [cron, systemd-user], action: exempt}
      - {id: vendors, groups: [hoshu], action: required, escort: ["group:joho"]}
      - {id: daytime, users: [kinkyu], services: [daytime], action: required, hours: ["Mon-Fri 09:00-17:00"]}
      - {id: barred, services: [barred], action: block}
      - {id: break-glass, users: [kinkyu], action: exempt, until: 2027-03-31}
%(extra)s
"""


class OtpError(Exception):
    def __init__(self, name, parameters):
        super().__init__(name, parameters)
        self.name, self.parameters = name.rsplit(".", 1)[-1], parameters


class Client:
    def __init__(self, path, timeout=20.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def call(self, method, **parameters):
        message = {"method": "org.sekisho.Otp." + method, "parameters": parameters}
        self.socket.sendall(json.dumps(message).encode() + b"\0")
        while b"\0" not in self.buffer:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError("the verifier closed the connection")
            self.buffer += chunk
        frame, self.buffer = self.buffer.split(b"\0", 1)
        reply = json.loads(frame)
        if "error" in reply:
            raise OtpError(reply["error"], reply.get("parameters", {}))
        return reply["parameters"]


def totp(secret, step, digits=6, algorithm="sha1"):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), getattr(hashlib, algorithm)).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10 ** digits:0{digits}d}"


class Machine:
    def __init__(self, root=None, extra="", mode="enforce"):
        self.root = pathlib.Path(root or tempfile.mkdtemp(prefix="otp-"))
        for path in ("etc", "proc/sys/kernel/random", "run/sekisho", "var/log", "var/lib/sekisho/policy",
                     "usr/share/sekisho"):
            (self.root / path).mkdir(parents=True, exist_ok=True)
        self.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.write("etc/hostname", "terminal\n")
        self.write("etc/passwd", PASSWD)
        self.write("etc/group", GROUP)
        self.boot("11111111-2222-3333-4444-555555555555")
        self.serial = 0
        self.accept(extra, mode)
        self.process = None
        self.secrets = {}
        self.wall = None

    def write(self, path, text):
        (self.root / path).write_text(text)

    def boot(self, boot_id):
        self.write("proc/sys/kernel/random/boot_id", boot_id + "\n")

    def accept(self, extra="", mode="enforce", text=None):
        """As the agent accepts a policy."""
        self.serial += 1
        text = text or POLICY % {"serial": self.serial, "extra": extra, "mode": mode}
        directory = self.root / "var/lib/sekisho/policy"
        for name in ("policy.yaml", "last-good.yaml"):
            (directory / name).write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        (directory / "state.json").write_text(json.dumps(
            {"format": 1, "serial": self.serial, "sha256": digest, "source": "local-unsigned"}))

    def clock(self, wall=None, boot=None):
        """What the verifier takes for the time, until the next call."""
        self.wall = wall
        self.write("run/sekisho-otp.clock.new",
                   f"{'-' if wall is None else int(wall)} {'-' if boot is None else int(boot * 1000000)}\n")
        os.rename(self.root / "run/sekisho-otp.clock.new", self.root / "run/sekisho-otp.clock")

    # ---- the verifier ----

    @property
    def socket(self):
        return self.root / "run/sekisho/otp.sock"

    def start(self, *wrapper, environment=None):
        self.socket.unlink(missing_ok=True)
        with open(self.root / "otpd.log", "ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, VERIFIER, "--foreground", "--root", self.root], stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C", "TZ": "Asia/Tokyo", **(environment or {})})
        end = time.monotonic() + 20
        while True:
            try:
                self.call("Status")  # not only listening: from then on it also ends when it is told to
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self.root / "otpd.log").read_text())
                time.sleep(0.01)

    def client(self):
        return Client(self.socket)

    def stop(self, number=signal.SIGTERM):
        if self.process:
            self.process.send_signal(number)
            status = self.process.wait(20)
            self.process = None
            if number == signal.SIGTERM and status != 0:
                raise AssertionError(f"exit {status}: {(self.root / 'otpd.log').read_text()}")

    def restart(self, number=signal.SIGTERM):
        self.stop(number)
        self.start()

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    # ---- people ----

    def call(self, method, **parameters):
        with self.client() as c:
            return c.call(method, **parameters)

    def enroll(self, user, confirmed=True, **parameters):
        reply = self.call("Enroll", user=user, confirmed=confirmed, **parameters)
        self.secrets[user] = reply
        return reply

    def now(self):
        return time.time() if self.wall is None else self.wall

    def code(self, user, ahead=0):
        r = self.secrets[user]
        return totp(r["secret"], int(self.now()) // r["period"] + ahead, r["digits"], r["algorithm"])

    def wrong(self, user):
        """A code that is none of those that could be right."""
        good = {self.code(user, n) for n in range(-12, 13)}
        return next(c for c in ("%06d" % n for n in range(100, 200)) if c not in good)

    def verify(self, user, code, service="login", **parameters):
        return self.call("Verify", user=user, service=service, code=code, **parameters)

    def login(self, user, code, **parameters):
        return self.verify(user, code, **parameters)["accepted"]

    def parallel(self, jobs):
        """Runs the functions at the same moment; their results, an exception among them as itself."""
        results, barrier = [None] * len(jobs), threading.Barrier(len(jobs))

        def run(n):
            barrier.wait()
            try:
                results[n] = jobs[n]()
            except Exception as e:  # pylint: disable=broad-except
                results[n] = e
        threads = [threading.Thread(target=run, args=(n,)) for n in range(len(jobs))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return results

    def records(self):
        """What the record says of logins and factors, oldest first; not what it says of itself."""
        path = self.root / "var/log/sekisho/otp/audit.jsonl"
        lines = map(json.loads, path.read_text().splitlines()) if path.exists() else []
        return [r for r in lines if "login" in r["unmapped"]["sekisho"]]

    def user(self, name):
        after = {}
        while True:
            page = self.call("List", **after)["users"]
            if not page:
                return None
            for entry in page:
                if entry["user"] == name:
                    return entry
            after = {"after": page[-1]["uid"]}

    def folder(self, uid):
        return self.root / "var/lib/sekisho/otp/users" / str(uid)
