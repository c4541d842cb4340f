# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal on which everything is as it should be, so that a test of the self-inspection can spoil one thing at a time: files
below a root, and an agent and a verifier whose answers are given."""

import base64
import datetime
import hashlib
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

from ctl_fixture import CTL, Files
from verify_record import anchor_text

JST = datetime.timezone(datetime.timedelta(hours=9))
FLEET_POLICY = """\
sekisho: 1
header: {fleet: test, serial: 12, issued: 2026-01-01T00:00:00+09:00, expires: 2099-03-31T23:59:59+09:00, target: [all]}
mode: enforce
contact: 情報政策課 内線 2345
devices:
  default: block
  keyboards: present
  rules:
    - {id: card-reader, match: {bus: usb, class: [smartcard]}, action: allow}
network:
  default: block
  interfaces: {allow: [eno1, "mac:52:54:00:12:34:56"]}
clipboard:
  default: block
login:
  screen-lock: 5min
  second-factor:
    default: required
    rules:
      - {id: vendors, groups: [hoshu], action: required, escort: ["group:joho"]}
"""
PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
yamada:x:1000:1000:yamada:/home/yamada:/bin/bash
suzuki:x:1001:1001:suzuki:/home/suzuki:/bin/bash
"""
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
SETUP_MODE = "sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"


class FakeService:
    """A Varlink server with the same answer for a method each time; what it was not told it does not know."""

    def __init__(self, path, interface, answers):
        self.interface, self.answers = interface, answers
        path.parent.mkdir(parents=True, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        path.chmod(0o666)
        self.socket.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                self.talk(client)

    def talk(self, client):
        buffer = b""
        while chunk := client.recv(65536):
            buffer += chunk
            while b"\0" in buffer:
                message, buffer = buffer.split(b"\0", 1)
                request = json.loads(message)
                answer = self.answers.get(request["method"].removeprefix(self.interface + "."))
                if callable(answer):
                    answer = answer(request.get("parameters", {}))
                reply = {"parameters": answer} if answer is not None else {
                    "error": "org.varlink.service.MethodNotImplemented", "parameters": {"method": request["method"]}}
                client.sendall(json.dumps(reply).encode() + b"\0")

    def close(self):
        """The thread ends before its descriptor does: the next test's server may get the same number."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(60)
        self.socket.close()


def boot_record(when):
    """One BOOT_TIME record of wtmp(5)."""
    return struct.pack("<h2xi32s4s32s256shhiii16s20s", 2, 0, b"~", b"~~", b"reboot", b"6.1", 0, 0, 0, int(when), 0, b"", b"")


def office_hours(days_ago):
    """Ten o'clock of the last working day at least so many days ago, in seconds."""
    day = datetime.datetime.now(JST).replace(hour=10, minute=0, second=0, microsecond=0) - datetime.timedelta(days=days_ago)
    while day.weekday() > 4:
        day -= datetime.timedelta(days=1)
    return int(day.timestamp())


class Terminal(Files):
    """Everything fits here, but what no fake root can show (network rules) and what nothing answers for yet."""

    def setUp(self):
        super().setUp()
        self.root = self.directory / "root"
        self.now = int(time.time())
        self.records = []
        for name, text in {
            "etc/hostname": "juki-01\n", "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
            "etc/passwd": PASSWD, "etc/group": "root:x:0:\njoho:x:4001:suzuki\nhoshu:x:4002:\n",
            "etc/shadow": "root:!:20000::::::\nyamada:$y$x:20000::::::\nsuzuki:$y$x:20000::::::\n",
            "etc/pam.d/common-auth": "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n"
                                     "auth required pam_sekisho.so\n",
            "etc/pam.d/login": "@include common-auth\naccount required pam_unix.so\n",
            "etc/sekisho/packages": "# approved 2026-11-01\nbash\nsekisho\n",
            "lib/x86_64-linux-gnu/security/pam_unix.so": "", "lib/x86_64-linux-gnu/security/pam_deny.so": "",
            "lib/x86_64-linux-gnu/security/pam_sekisho.so": "",
            "proc/self/mountinfo": "29 1 254:1 / / rw - ext4 /dev/mapper/root rw\n",
            "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-2 partition 8388604 0 -2\n",
            "proc/99/cgroup": "0::/system.slice/sekishod.service\n",
            "proc/100/cgroup": "0::/system.slice/sekisho-transferd.service\n",
            "proc/101/cgroup": "0::/system.slice/sekisho-netlogd.service\n",
            "proc/102/comm": "clamd\n", "proc/102/cgroup": "0::/system.slice/clamav-daemon.service\n",
            "proc/200/comm": "sekisho-session\n", "proc/200/status": "Name:\tsekisho-session\nUid:\t1000\t1000\t1000\t1000\n",
            "run/systemd/sessions/c2": "UID=1000\nTYPE=x11\nCLASS=user\nSTATE=active\nREALTIME=1700000000000000\n",
            "run/systemd/sessions/c3": "UID=1001\nTYPE=tty\nCLASS=user\nSTATE=active\nREALTIME=1700000000000000\n",
            "run/systemd/timesync/synchronized": "",
            "sys/bus/scsi/drivers_autoprobe": "0\n", "sys/bus/mmc/drivers_autoprobe": "0\n",
            "sys/bus/usb/devices/usb1/authorized": "1\n", "sys/bus/usb/devices/usb1/authorized_default": "0\n",
            "sys/bus/usb/devices/1-1/authorized": "0\n", "sys/bus/usb/devices/1-2/authorized": "1\n",
            "sys/class/block/dm-2/dm/uuid": "CRYPT-LUKS2-def-swap\n",
            "sys/class/block/sdb/ro": "1\n",
            "sys/class/net/eno1/type": "1\n", "sys/class/net/eno1/flags": "0x1003\n", "sys/class/net/eno1/address": "aa:bb:cc:00:00:01\n",
            "sys/class/net/wlp1s0/type": "1\n", "sys/class/net/wlp1s0/flags": "0x1002\n",
            "sys/class/net/wlp1s0/address": "aa:bb:cc:00:00:02\n",
            "sys/class/net/lo/type": "772\n", "sys/class/net/lo/flags": "0x9\n",
            "sys/class/rfkill/rfkill0/soft": "1\n", "sys/class/rfkill/rfkill0/hard": "0\n", "sys/class/rfkill/rfkill0/type": "wlan\n",
            "sys/class/rtc/rtc0/since_epoch": f"{self.now}\n",
            "sys/dev/block/254:1/dm/uuid": "CRYPT-LUKS2-abc-root\n",
            "sys/module/usbcore/parameters/authorized_default": "0\n",
            SECURE_BOOT: b"\6\0\0\0\1", SETUP_MODE: b"\6\0\0\0\0",
            "usr/bin/xss-lock": "",
            "usr/lib/modprobe.d/sekisho.conf": "", "usr/lib/udev/rules.d/59-sekisho-doors.rules": "",
            "usr/lib/udev/rules.d/60-sekisho-floor.rules": "",
            "var/lib/apt/lists/x_InRelease": "",
            "var/lib/apt/lists/x_Packages": "Package: bash\nVersion: 5.2.15-2+b7\n\nPackage: other\nVersion: 9\n",
            "var/lib/clamav/daily.cld": "",
            "var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b7\n\n"
                                   "Package: sekisho\nStatus: install ok installed\nVersion: 0.1.0\n\n"
                                   "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
            "var/lib/sekisho/policy/time-floor": f"{self.now - 3600}\n",
            "var/log/wtmp": boot_record(self.now - 86400),
        }.items():
            self.put(name, text)
        self.lastlog({0: 0, 1000: self.now - 86400, 1001: self.now - 86400})
        self.sign_policy(FLEET_POLICY)
        self.status = {
            "version": "0.1.0", "enforcing": True,
            "policy": {"fleet": "test", "serial": 12, "expires": "2099-03-31T23:59:59+09:00", "expired": False, "mode": "enforce",
                       "source": "file", "signed": True, "sha256": hashlib.sha256(FLEET_POLICY.encode()).hexdigest()},
            "guards": [{"name": name, "mode": "enforce", "holding": True, "subjects": 3, "open": 2, "blocked": 1}
                       for name in ("usb", "storage", "session")],
            "record": {"seq": 0}, "attention": [],
        }
        self.devices = [{"port": "1-1", "node": None, "name": "Ultra", "action": "block"},
                        {"port": "1-2", "node": None, "name": "Reader", "action": "allow"},
                        {"port": "1-3", "node": "sdb", "name": "Disk", "action": "read-only"}]
        self.permits = []
        self.users = [self.user("yamada", 1000, "a"), self.user("suzuki", 1001, "b")]
        self.verifier = {"version": "0.1.0", "enrolled": 2, "mode": "enforce", "attention": []}
        self.agent = {"GetStatus": self.status, "ListDevices": {"devices": self.devices},
                      "ListPermits": {"permits": self.permits},
                      "GetPolicy": {"text": FLEET_POLICY, "info": self.status["policy"]}}
        self.otp = {"Status": self.verifier, "List": lambda p: {"users": [] if p.get("after") is not None else self.users}}
        for path, interface, answers in (("agent.sock", "org.sekisho.Agent", self.agent), ("otp.sock", "org.sekisho.Otp", self.otp)):
            service = FakeService(self.root / "run/sekisho" / path, interface, answers)
            self.addCleanup(service.close)

    def put(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def remove(self, name):
        path = self.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def age(self, name, days):
        when = self.now - days * 86400
        os.utime(self.root / name, (when, when))

    def lastlog(self, logins):
        content = bytearray(292 * (max(logins) + 1))
        for uid, when in logins.items():
            struct.pack_into("<i32s256s", content, 292 * uid, int(when), b"tty1", b"")
        self.put("var/log/lastlog", bytes(content))

    @staticmethod
    def user(name, uid, print_, **more):
        return {"user": name, "uid": uid, "state": "enrolled", "fingerprint": print_, "reenrol": False, "last": None, **more}

    def sign_policy(self, text, by="政策課長"):
        """The policy, its trust document with one holder, and that holder's signature, by the real ssh-keygen."""
        key = self.directory / "key"
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        roles = "{trust: {threshold: 1}, policy: {threshold: 1}, permit: {threshold: 1}}"
        self.put("var/lib/sekisho/policy/trust.yaml", f"""sekisho-trust: 1
header: {{fleet: test, version: 1, issued: 2026-01-01T00:00:00+09:00, expires: never}}
unsigned-policy: refuse
roles: {roles}
holders:
  - {{name: {by}, roles: [trust, policy, permit], key: {public}}}
""")
        policy = self.put("var/lib/sekisho/policy/policy.yaml", text)
        (policy.parent / "policy.yaml.sig").unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "policy@sekisho", "-f", key, policy], check=True,
                       capture_output=True)

    # ---- the record ----

    def tell(self, code, when=None, log="agent", **own):
        """One more line of the record, with its place in the chain."""
        lines = [r for r in self.records if r[0] == log]
        previous = hashlib.sha256(lines[-1][1]).hexdigest() if lines else "0" * 64
        event = {"time": (office_hours(2) if when is None else int(when)) * 1000, "metadata": {"event_code": code, "version": "1.7.0"},
                 "device": {"hostname": "juki-01", "uid": "0123456789abcdef0123456789abcdef"}, "message": code,
                 "unmapped": {"sekisho": {"log": log, "seq": len(lines) + 1, "prev": previous, **own}}}
        self.records.append((log, json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()))

    def record_key(self):
        """The key of both records, and its public half in hex; that lies beside each."""
        key = self.directory / "record.pem"
        if not key.exists():
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
        public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout[-32:]
        blob = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + public).decode()
        for log, path in (("agent", ""), ("otp", "otp/")):
            self.put(f"var/log/sekisho/{path}audit.pub", f"ssh-ed25519 {blob} sekisho:{log}:\n")
        return key, public.hex()

    def anchor(self, log):
        """Signs the last line of a log, in one more."""
        key, public = self.record_key()
        last = [line for name, line in self.records if name == log][-1]
        event = json.loads(last)
        anchor = {"machine": "", "time": event["time"] // 1000, "seq": event["unmapped"]["sekisho"]["seq"],
                  "head": hashlib.sha256(last).hexdigest(), "segment": 1, "next": None, "key": public}
        text = self.directory / "anchor"
        text.write_bytes(anchor_text(log, anchor))
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", text], check=True,
                                   capture_output=True).stdout.hex()
        self.tell("record-anchor", anchor["time"], log=log, anchor={**anchor, "signature": signature})

    def write_record(self):
        told = list(self.records)
        for log, path in (("agent", "var/log/sekisho/audit.jsonl"), ("otp", "var/log/sekisho/otp/audit.jsonl")):
            if any(name == log for name, _ in told):
                self.anchor(log)
            self.put(path, b"".join(line + b"\n" for name, line in self.records if name == log))
        self.status["record"]["seq"] = sum(name == "agent" for name, _ in self.records)
        self.records = told

    # ---- the tool ----

    def ctl(self, *words, language="C", cwd=None):
        done = subprocess.run([CTL, *map(str, words), "--root", self.root], capture_output=True, timeout=120, cwd=cwd, check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "LANGUAGE": language})
        return done.returncode, done.stdout, done.stderr.decode()
