#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl inspect: each item is made to fail, and to pass again, by what is truly so on the terminal."""

import base64
import csv
import datetime
import html.parser
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

from inspect_fixture import FLEET_POLICY, JST, SECURE_BOOT, SETUP_MODE, Terminal, boot_record, office_hours

NUMBER = "123456789018"  # the right check digit, as a My Number has it
STORAGE = {"facts": {"classes": ["storage"]}}
# What a fake root cannot show (see test_inspect_network.py), or nothing answers for in this version.
OPEN = {"network-rules", "copy-elsewhere"}
ELSEWHERE = {"network-rules"}  # test_inspect_network.py


class WellFormed(html.parser.HTMLParser):
    """Every element is closed in its order; no script, no handler, nothing fetched."""

    VOID = {"meta", "br", "col", "rect", "line"}

    def __init__(self, text):
        super().__init__()
        self.open, self.faults, self.text = [], [], []
        self.feed(text)
        self.close()
        if self.open:
            self.faults.append(f"not closed: {self.open}")

    def handle_starttag(self, tag, attributes):
        if tag in {"script", "link", "img", "iframe", "object"} or any(
                name.startswith("on") or name in {"src", "href"} for name, _ in attributes):
            self.faults.append(f"{tag} {attributes}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data):
        self.text.append(data)


class Inspect(Terminal):
    ran, seen = set(), set()  # tests; (item, result)

    def setUp(self):
        super().setUp()
        self.ran.add(self._testMethodName)

    @classmethod
    def tearDownClass(cls):
        """When all tests ran: each item was unfit once, and fit (or not there) once."""
        super().tearDownClass()
        if cls.ran != set(unittest.defaultTestLoader.getTestCaseNames(cls)):
            return
        items = {item for item, result in cls.seen if result != "people"} - ELSEWHERE
        never = {(item, result) for item in items for result in ("no", "yes") if (item, result) not in cls.seen}
        if never or len(items) < 30:
            raise AssertionError(f"of {len(items)} items no test has made: {sorted(never)}")

    def inspect(self):
        """{id: (result, evidence)}, and the exit status."""
        self.write_record()
        code, out, err = self.ctl("inspect", "--json")
        self.assertTrue(out.isascii())
        answer = json.loads(out)
        self.assertEqual(code, 0 if answer["all_fit"] else 1, err)
        self.seen.update((item["id"], item["result"]) for item in answer["items"])
        return {item["id"]: (item["result"], "\n".join(item["evidence"])) for item in answer["items"]}

    def check(self, item, result, evidence="", others=True):
        """The item is so, and what has nothing to do with it is as it was."""
        found = self.inspect()
        self.assertEqual(found[item][0], result, found[item])
        self.assertIn(evidence, found[item][1])
        if others:
            spoilt = {name: value for name, value in found.items() if value[0] not in ("yes", "none", "people") and name != item}
            self.assertLessEqual(set(spoilt), OPEN, spoilt)

    def everyday(self):
        """What a normal month leaves in the record."""
        self.tell("agent-start", self.now - 86000)
        self.tell("device-refused", **STORAGE)
        self.tell("login-accepted", log="otp", rule="vendors", login={"factor": "totp", "escort": "suzuki", "user": "gyosha"})
        self.tell("login-session", log="otp", login={"user": "yamada"})
        self.tell("file-written", transfer={"path": "/list.csv", "size": 5000}, permit={"id": "p"})

    def test_a_terminal_as_it_should_be(self):
        self.everyday()
        found = self.inspect()
        for name, (result, evidence) in found.items():
            with self.subTest(name):
                if name in OPEN:
                    self.assertEqual(result, "unknown", evidence)
                else:
                    self.assertIn(result, ("yes", "none", "people"), evidence)
        self.assertEqual(found["remote-desktop"][0], "none")
        self.assertIn("USB sticks, disks: 1", found["devices-denied"][1])
        self.assertIn("signed by 政策課長", found["policy"][1])

    def test_what_the_agent_says(self):
        holding = {"name": "usb", "holding": False}
        overdue = {"id": "p1", "ticket": "T-1", "state": "used", "overdue": True, "return_by": "2026-11-01", "applicant": "yamada"}
        live = {"id": "p2", "ticket": "T-2", "state": "live", "expires": "2099-01-01T00:00:00+09:00", "left": 60, "approver": "課長"}
        rows = [
            ("guard-active", self.status, "enforcing", False, "observed only"),
            ("guard-active", self.status, "guards", [*self.status["guards"], holding], "NOT hold"),
            ("guard-active", self.status, "attention", [{"severity": "short", "code": "worker-stuck", "detail": ""}], "kernel"),
            ("clipboard", self.status, "guards", [{"name": "usb", "holding": True}], "Nothing holds"),
            ("media-returned", self.agent["ListPermits"], "permits", [overdue], "T-1"),
            ("exceptions", self.agent["ListPermits"], "permits", [{**live, "expires": "2026-01-01T00:00:00+09:00"}], "ended at"),
            ("exceptions", self.agent["ListPermits"], "permits", [{**live, "ticket": ""}], "application number"),
            ("second-factor", self.verifier, "mode", "observe", "only observes"),
            ("second-factor", self.verifier, "attention", [{"severity": "short", "code": "damaged", "detail": ""}], "cannot be read"),
            ("kernel-agrees", self.agent["ListDevices"], "devices", self.devices[:1], "1-2"),
        ]
        for item, where, key, value, evidence in rows:
            with self.subTest(item, evidence=evidence):
                before = where[key]
                where[key] = value
                self.check(item, "no", evidence)
                where[key] = before
                self.check(item, "yes")
        longer = {**live, "id": "p3", "ticket": "T-3", "state": "ready", "expires": "2099-02-01T00:00:00+09:00"}
        self.agent["ListPermits"]["permits"] = [live, longer, overdue]
        self.check("exceptions", "yes", "may be used: 2; the longest: p3 (T-3), until 2099-02-01T00:00:00+09:00", others=False)

    def test_the_policy_in_force(self):
        """What the agent says of it, against its file and against the program that is installed."""
        policy = self.status["policy"]
        rows = [
            (policy, "expired", True, "It has expired"),
            (policy, "signed", False, "Nobody has signed it"),
            (policy, "source", "last-good", "not the policy that was accepted last"),
            (policy, "source", "default", "as shipped"),
            (policy, "sha256", "0" * 64, "not what is in force"),
            (self.status, "version", "0.0.9", "restart it"),
            (self.status, "attention", [{"severity": "short", "code": "policy-expires", "detail": ""}], ""),
        ]
        for where, key, value, evidence in rows:
            with self.subTest(key, value=value):
                before = where[key]
                where[key] = value
                self.check("policy", "no", evidence, others=False)
                where[key] = before
                self.check("policy", "yes", "signed by")
        # signed by somebody who is not (any more) a holder
        good = (self.root / "var/lib/sekisho/policy/trust.yaml").read_text()
        (self.directory / "key").unlink()
        self.sign_policy(FLEET_POLICY)
        self.put("var/lib/sekisho/policy/trust.yaml", good)
        self.check("policy", "no", "do not suffice")

    def test_no_policy_is_told(self):
        """An agent that answers with none: no item that depends on it is fit, and the policy's says what to do."""
        self.everyday()
        good = self.agent["GetPolicy"]
        for answer, evidence in (({"text": "", "info": self.status["policy"]}, "policy install"), ({}, "policy install"),
                                 ({"text": "sekisho: 99\n"}, "the same version")):
            with self.subTest(answer=answer):
                self.agent["GetPolicy"] = answer
                found = self.inspect()
                self.assertEqual(found["policy"][0], "no", found["policy"])
                self.assertIn(evidence, found["policy"][1])
                for item in ("standing-rules", "escort", "network-rules", "interfaces", "next-hops", "paths", "clipboard", "screen-lock",
                             "retention"):
                    self.assertEqual(found[item][0], "unknown", (item, found[item]))
        self.agent["GetPolicy"] = good
        self.check("policy", "yes")

    def test_room_for_the_record(self):
        self.everyday()
        self.write_record()
        self.check("retention", "yes", "To be kept")
        record = self.root / "var/log/sekisho"
        kept = {path.relative_to(record): path.read_bytes() for path in record.rglob("*") if path.is_file()}
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", record], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", record], check=False)
        for path, content in kept.items():
            (record / path).parent.mkdir(exist_ok=True)
            (record / path).write_bytes(content)
        self.check("retention", "no", "Room is short")
        self.agent["GetPolicy"]["text"] = FLEET_POLICY + "audit: {reserve: 1MiB}\n"
        self.check("retention", "yes", "To be kept")

    def test_who_may_log_in(self):
        rows = [
            ("enrolled", [self.user("yamada", 1000, "a")], "suzuki"),
            ("shared", [self.user("yamada", 1000, "a"), self.user("suzuki", 1001, "a")], "the same secret"),
            ("emergency", [self.user("yamada", 1000, "a", reenrol=True), self.user("suzuki", 1001, "b")], "yamada"),
            ("lock-outs", [self.user("yamada", 1000, "a", state="locked"), self.user("suzuki", 1001, "b")], "yamada"),
        ]
        good = self.users
        for item, users, evidence in rows:
            with self.subTest(item):
                self.users = users
                self.check(item, "no", evidence)
                self.users = good
                self.check(item, "yes")

    def test_what_the_files_say(self):
        status = (self.root / "var/lib/dpkg/status").read_text()
        passwd = (self.root / "etc/passwd").read_text()
        lists = "Package: bash\nVersion: 5.2.15-2+b8\n"
        rows = [
            ("guard-active", "unknown", "proc/99/cgroup", "0::/user.slice/user-3001.slice/session-2.scope\n", "does not run"),
            ("clipboard", "no", "proc/200/comm", "sekisho-sessio2\n", "Session c2"),
            ("clipboard", "no", "proc/200/status", "Uid:\t1001\t1001\t1001\t1001\n", "Session c2"),
            ("clipboard", "no", "run/systemd/sessions/c4", "UID=1001\nTYPE=wayland\nCLASS=user\nSTATE=online\n", "Session c4"),
            ("kernel-agrees", "no", "sys/bus/usb/devices/1-1/authorized", "1\n", "Ultra is open"),
            ("kernel-agrees", "no", "sys/class/block/sdb/ro", "0\n", "can be written"),
            ("doors-at-boot", "no", "sys/module/usbcore/parameters/authorized_default", "1\n", "not 0"),
            ("doors-at-boot", "no", "sys/bus/usb/devices/usb1/authorized_default", "1\n", "not 0"),
            ("doors-at-boot", "no", "sys/bus/scsi/drivers_autoprobe", "1\n", "not 0"),
            ("doors-at-boot", "no", "usr/lib/udev/rules.d/60-sekisho-floor.rules", None, "missing"),
            ("second-factor", "no", "etc/pam.d/common-auth", "auth required pam_unix.so\n", "does not ask"),
            ("login-paths", "no", "etc/pam.d/su", "auth required pam_unix.so\n", "su: ONE factor"),
            ("shared", "no", "etc/passwd", passwd.replace("suzuki:x:1001", "suzuki:x:1000"), "under two names"),
            ("sleeping", "no", "var/log/lastlog", b"", "never used"),
            ("interfaces", "no", "sys/class/net/wlp1s0/flags", "0x1003\n", "wlp1s0"),
            ("interfaces", "no", "sys/class/rfkill/rfkill0/soft", "0\n", "radio"),
            ("clock", "no", "sys/class/rtc/rtc0/since_epoch", f"{self.now - 500}\n", "differs"),
            ("clock", "no", "var/lib/sekisho/policy/time-floor", f"{self.now + 5000}\n", "already passed"),
            ("clock", "unknown", "run/systemd/timesync/synchronized", None, "compare"),
            ("policy", "no", "var/lib/sekisho/policy/policy.yaml", FLEET_POLICY + "#\n", "not what is in force"),
            ("policy", "no", "var/lib/sekisho/policy/policy.yaml.sig", None, "not beside"),
            ("packages", "no", "etc/sekisho/packages", "sekisho\n", "bash"),
            ("packages", "unknown", "etc/sekisho/packages", None, "no baseline"),
            ("packages", "no", "var/lib/dpkg/status", status + "\nPackage: nmap\nStatus: install ok installed\nVersion: 7\n", "nmap 7"),
            ("malware", "no", "proc/102/comm", "bash\n", "No malware scanner"),
            ("malware", "unknown", "proc/102/comm", "falcon-sensor\n", "console"),
            ("malware", "no", "proc/102/cgroup", "0::/user.slice/system.slice/clamav-daemon.service\n", "No malware scanner"),
            ("malware", "no", "var/lib/clamav/daily.cld", None, "without patterns"),
            ("updates", "no", "var/lib/apt/lists/x_Packages", lists, "5.2.15-2+b8"),
            ("updates", "no", "run/reboot-required", "", "restarted"),
            ("updates", "unknown", "var/lib/apt/lists/x_Packages", None, "no lists"),
            ("disk-encryption", "no", "sys/dev/block/254:1/dm/uuid", "LVM-abc\n", "/ is not"),
            ("disk-encryption", "no", "sys/class/block/dm-2/dm/uuid", None, "swap"),
            ("secure-boot", "no", SECURE_BOOT, b"\6\0\0\0\0", "off"),
            ("secure-boot", "no", SETUP_MODE, b"\6\0\0\0\1", "setup mode"),
            ("secure-boot", "unknown", SECURE_BOOT, None, "does not tell"),
            ("remote-desktop", "unknown", "usr/sbin/xrdp", "", "xrdp"),
            ("copies-permitted", "unknown", "proc/100/cgroup", "0::/user.slice/user-3001.slice/session-2.scope\n", "not watched"),
            ("paths", "unknown", "proc/101/cgroup", "0::/system.slice/sekisho-netlogd.service-of-mine\n", "not recorded"),
            ("stops", "unknown", "var/log/wtmp", None, "wtmp"),
        ]
        alone = {"passwd", "common-auth", "comm", "cgroup", "lastlog"}  # these spoil other items as well
        self.everyday()
        for item, result, name, content, evidence in rows:
            with self.subTest(item, name=name):
                path = self.root / name
                before = path.read_bytes() if path.exists() else None
                if content is None:
                    path.unlink()
                else:
                    self.put(name, content)
                self.check(item, result, evidence, others=path.name not in alone)
                path.unlink(missing_ok=True)
                if before is not None:
                    self.put(name, before)
                self.check(item, "none" if item == "remote-desktop" else "yes")

    def test_ages(self):
        self.everyday()
        for item, result, name, days in (("malware", "no", "var/lib/clamav/daily.cld", 10),
                                         ("updates", "unknown", "var/lib/apt/lists/x_InRelease", 50)):
            self.age(name, days)
            self.check(item, result)
            self.age(name, 1)
            self.check(item, "yes")
        self.lastlog({1000: self.now - 100 * 86400, 1001: self.now})
        self.check("sleeping", "no", "yamada: last used")
        self.users[0]["last"] = "2099-01-01T00:00:00+09:00"  # a code says more than an old log
        self.check("sleeping", "yes")

    def test_a_disk_that_stands_on_others(self):
        self.remove("sys/dev/block/254:1")
        for name in ("a", "b"):
            self.put(f"sys/dev/block/254:1/slaves/{name}", "")
            self.put(f"sys/class/block/{name}/dm/uuid", "CRYPT-LUKS2-x\n")
        self.check("disk-encryption", "yes")
        self.remove("sys/class/block/b/dm")
        self.check("disk-encryption", "no", "/ is not encrypted")

    def test_remote_desktops(self):
        self.put("usr/sbin/xrdp", "")
        for value, result in (("true", "no"), ("false", "yes")):
            self.put("etc/xrdp/xrdp.ini", f"[Globals]\nport=3389\n[Channels]\nrdpdr={value}\ncliprdr={value}\n")
            self.put("etc/xrdp/sesman.ini", f"[Chansrv]\nFuseMountName=x\n[Security]\nRestrictOutboundClipboard={'none' if value == 'true' else 'all'}\n")
            self.check("remote-desktop", result, "xrdp")

    def test_screens_are_locked(self):
        locker = self.root / "usr/bin/xss-lock"
        self.check("screen-lock", "yes", "The agent locks")
        locker.rename(locker.with_name("i3lock"))
        self.check("screen-lock", "no", "No locker")
        locker.with_name("i3lock").rename(locker)
        stays = {"severity": "short", "code": "screen-stays-open", "detail": "c2"}
        self.status["attention"].append(stays)
        self.check("screen-lock", "no", "stayed open", others=False)
        self.status["attention"].remove(stays)
        self.check("screen-lock", "yes")

    def test_a_copy_elsewhere(self):
        receipt = self.root / "var/lib/sekisho/record/receipt.yaml"
        receipt.parent.mkdir(parents=True, exist_ok=True)
        text = "sekisho-receipt: 1\nheader: {fleet: test, issued: %s, target: ['host:%s']}\nlog: agent\nseq: 18\nhead: sha256:%s\n"
        for days, result, evidence in ((3, "yes", "up to record 18"), (60, "no", "too old"), (-30, "no", "too old")):
            said = datetime.datetime.fromtimestamp(self.now - days * 86400, JST).isoformat(timespec="seconds")
            receipt.write_text(text % (said, "0" * 32, "a" * 64), encoding="ascii")
            self.check("copy-elsewhere", result, evidence)
        receipt.write_text("nonsense\n", encoding="ascii")
        self.check("copy-elsewhere", "unknown", "cannot be read")

    def test_rules_of_the_policy(self):
        rows = [
            ("standing-rules", "no", "- {id: r, match: {class: [storage]}, action: allow}", "without encryption"),
            ("standing-rules", "unknown", "- {id: r, match: {vendor: 0781, product: 5591}, action: read-only}", "names no class"),
            ("standing-rules", "yes", "- {id: r, match: {class: [storage]}, action: read-only}", "until the policy expires"),
            ("standing-rules", "yes", "- {id: r, match: {class: [storage]}, action: allow, encrypted: luks}", "until the policy"),
            ("standing-rules", "yes", "- {id: r, match: {class: [storage]}, action: block}", "permits only"),
        ]
        for item, result, rule, evidence in rows:
            with self.subTest(rule):
                self.agent["GetPolicy"]["text"] = FLEET_POLICY.replace("  rules:\n    - {id: card", f"  rules:\n    {rule}\n    - {{id: card")
                self.check(item, result, evidence)
        self.agent["GetPolicy"]["text"] = self.agent["GetPolicy"]["text"].replace("2099-03-31T23:59:59+09:00", "never").replace(
            "action: block}", "action: read-only}")
        self.check("standing-rules", "no", "never expires")
        for old, new, item, evidence in (("default: block\n  interfaces", "mode: observe\n  default: block\n  interfaces", "paths", "observes"),
                                         ("clipboard:\n", "clipboard:\n  mode: observe\n", "clipboard", "observes"),
                                         ("screen-lock: 5min", "screen-lock: never", "screen-lock", "no time")):
            self.agent["GetPolicy"]["text"] = FLEET_POLICY.replace(old, new)
            self.check(item, "no", evidence, others=item != "paths")

    def test_what_the_record_says(self):
        night, day = office_hours(3) + 12 * 3600, office_hours(3)
        rows = [
            ("devices-denied", "no", [("device-observed", day, STORAGE)], "only observed"),
            ("devices-denied", "no", [("device-effect-wrong", day, STORAGE)], "read back"),
            ("copies-permitted", "no", [("file-written", day, {"transfer": {"size": 9}})], "files: 1, 9 B"),
            ("copies-permitted", "unknown", [("agent-trouble", day, {"agent": {"code": "transfer-unwatched"}})], "all the time"),
            ("bulk", "no", [("file-written", night, {"transfer": {"size": 9}, "permit": {"id": "p"}})], "Outside"),
            ("bulk", "no", [("file-written", day, {"transfer": {"size": 2 << 30}, "permit": {"id": "p"}})], "1 GiB"),
            ("emergency", "no", [("login-break-glass", day, {"login": {}})], "emergencies: 1"),
            ("escort", "no", [("login-accepted", day, {"rule": "vendors", "login": {"factor": "totp"}})], "without an escort: 1"),
            ("out-of-hours", "no", [("login-session", night, {"login": {}})], "sessions: 1 of"),
            ("paths", "no", [("network-observed", day, {"network": {"count": 3}, "enforce": False})], "packets: 3"),
        ]
        for item, result, events, evidence in rows:
            with self.subTest(item, evidence=evidence):
                self.records = []
                self.everyday()
                for code, when, own in events:
                    self.tell(code, when, **own)
                self.check(item, result, evidence, others=item not in ("copies-permitted", "bulk"))
                self.records = []
                self.everyday()
                self.check(item, "yes")
        # what happened before the span does not count
        self.tell("login-break-glass", self.now - 40 * 86400, login={})
        self.check("emergency", "yes")

    def test_neighbours(self):
        """Who is listed with a MAC address is reached at that one; what cannot be compared is told of. IPv6 and
        routers, which only a running kernel tells of: test_inspect_network.py."""
        self.everyday()
        self.check("next-hops", "none", "No rule lists")

        def rules(*destinations):
            text = ", ".join(f'{{id: r{n}, to: ["{to}"], protocol: tcp, ports: [443], next-hop: ["{mac}"]}}'
                             for n, (to, mac) in enumerate(destinations))
            return FLEET_POLICY.replace("  interfaces:", f"  rules: [{text}]\n  interfaces:")
        head = "IP address       HW type     Flags       HW address            Mask     Device\n"
        one, two = "52:54:00:00:00:01", "52:54:00:00:00:02"
        self.agent["GetPolicy"]["text"] = rules(("10.20.0.1/32", one))
        for flags, mac, result, evidence in (("0x6", one, "yes", "compared: 1"), ("0x2", two, "no", f"{two}, which rule r0"),
                                             ("0x6", two, "no", two), ("0x0", "00:00:00:00:00:00", "unknown", "knows no MAC address")):
            self.put("proc/net/arp", f"{head}10.20.0.9        0x1  0x2  52:54:00:00:00:09     *        eno1\n"
                                     f"10.20.0.1        0x1  {flags}  {mac}     *        eno1\n")
            self.check("next-hops", result, evidence, others=False)
        self.put("proc/net/arp", f"{head}10.20.0.1        0x1  0x6  {two}     *        eno1\n")
        self.agent["GetPolicy"]["text"] = rules(("10.20.0.1/32", one), ("10.20.0.1/32", two))  # one of them will do
        self.check("next-hops", "yes", "compared: 2", others=False)
        self.agent["GetPolicy"]["text"] = rules(("10.20.0.1/32", two), ("10.20.1.0/24", one), ("224.0.0.251/32", one),
                                                ("2001:db8::1/128", one))
        self.check("next-hops", "yes", "Rule r1, 10.20.1.0/24: cannot be compared: several hosts", others=False)
        self.check("next-hops", "yes", "Rule r2, 224.0.0.251/32: cannot be compared: a group", others=False)
        self.check("next-hops", "yes", "Rule r3, 2001:db8::1/128: cannot be compared: the kernel knows", others=False)
        self.remove("proc/net/arp")
        self.check("next-hops", "unknown", "cannot be read", others=False)

    def test_more_than_is_counted(self):
        """What did not fit into a list is told of, and nothing is fit because it was not counted."""
        day = office_hours(3)
        for i in range(210):
            self.tell("login-accepted", day, log="otp", rule=f"r{i}", login={"factor": "totp"})
            self.tell("agent-trouble", day, agent={"code": f"c{i}"})
        for i in range(260):
            self.tell("agent-stop" if i % 2 else "agent-start", day)
        self.everyday()
        found = self.inspect()
        for item, evidence in (("escort", "too many rules"), ("paths", "more kinds"), ("copies-permitted", "more kinds")):
            self.assertEqual(found[item][0], "unknown", found[item])
            self.assertIn(evidence, found[item][1])
        self.assertNotEqual(found["stops"][0], "yes")
        self.assertIn("not looked at: 5", found["stops"][1])
        code, out, _ = self.ctl("digest", "--month", datetime.datetime.fromtimestamp(day, JST).strftime("%Y-%m"), "--json")
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(out)["agent"]["troubles_not_listed"], 210 - 64)

    def test_stops(self):
        boot = self.now - 86400
        start, stop = "agent-start", "agent-stop"
        rows = [
            ("yes", [(start, -9000), (stop, -5000), (start, 60)], "short restarts: 0"),   # the machine was started in between
            ("yes", [(start, 60), (stop, 9000), (start, 9050)], "short restarts: 1"),
            ("no", [(start, 60), (stop, 9000), (start, 19000)], "Stopped from"),
            ("no", [(start, 60), (start, 19000)], "ended without a word"),
            ("yes", [(start, -9000), (start, 60)], "power cut?): 1"),
        ]
        for result, runs, evidence in rows:
            with self.subTest(evidence, runs=runs):
                self.records = []
                for code, when in runs:
                    self.tell(code, boot + when)
                self.check("stops", result, evidence)

    def test_the_chain(self):
        self.everyday()
        self.tell("device-refused", **STORAGE)
        path = self.root / "var/log/sekisho/audit.jsonl"
        self.check("chain", "yes", "Records: ")
        good = path.read_bytes().splitlines(keepends=True)
        real_write, spoilt = self.write_record, None
        self.write_record = lambda: path.write_bytes(b"".join(spoilt))
        for name, lines, evidence in (("changed", [good[0], good[1].replace(b"storage", b"printer"), *good[2:]], "line 3"),
                                      ("one gone", [good[0], *good[2:]], "line 2"),
                                      ("the first gone", good[1:], "is not past its time"),
                                      ("the end gone", good[:-1], "end is missing")):
            with self.subTest(name):
                spoilt = lines
                self.check("chain", "no", evidence, others=False)
        self.write_record = real_write
        self.check("chain", "yes", "signed: 2")
        # the signatures are looked at, and where they cannot be it is said
        public = path.with_name("audit.pub")
        own = public.read_text()
        blob = base64.b64decode(own.split()[1])
        other = own.replace(own.split()[1], base64.b64encode(blob[:-1] + bytes([blob[-1] ^ 1])).decode())
        self.record_key = lambda key=self.record_key: (key(), public.write_text(other))[0]
        self.check("chain", "no", "not signed by the key", others=False)
        self.record_key = lambda key=self.record_key: (key(), public.unlink())[0]
        self.check("chain", "unknown", "there is no key", others=False)
        del self.record_key
        self.anchor = lambda log, anchor=self.anchor: anchor(log) if log == "otp" else self.record_key()
        self.check("chain", "unknown", "there is no anchor", others=False)
        del self.anchor
        # an older segment goes before, and the chain runs on over both
        older = path.with_name("audit-00000001.jsonl")
        older.write_bytes(b"".join(good[:2]))
        self.write_record = lambda: path.write_bytes(b"".join(good[2:]))
        self.check("chain", "yes", "in files: 3")
        older.write_bytes(b"".join(good[:1]))
        self.check("chain", "no", "", others=False)

    def test_without_anybody_to_ask(self):
        """Nothing is fit because nobody could be asked."""
        for socket in ("agent.sock", "otp.sock"):
            (self.root / "run/sekisho" / socket).unlink()
        found = self.inspect()
        for item in ("guard-active", "kernel-agrees", "exceptions", "media-returned", "copies-permitted", "bulk", "second-factor",
                     "enrolled", "shared", "emergency", "lock-outs", "paths", "clipboard", "policy", "stops"):
            self.assertIn(found[item][0], ("no", "unknown"), (item, found[item]))

    def test_an_empty_root(self):
        shutil.rmtree(self.root)
        self.root.mkdir()
        code, out, _ = self.ctl("inspect", "--json")
        self.assertEqual(code, 1)
        for item in json.loads(out)["items"]:
            self.assertIn(item["result"], ("no", "unknown", "people") if item["id"] != "remote-desktop" else ("none",), item)

    def test_forms(self):
        self.everyday()
        self.put("etc/hostname", "=cmd|'<script>alert(1)</script>\x1b[31m\n")
        self.put("etc/passwd", (self.root / "etc/passwd").read_text() + "<b>&\"x:x:1005:1005::/:/bin/sh\n")
        self.write_record()
        code, out, _ = self.ctl("inspect", "--format", "html", language="ja")
        text = out.decode()
        page = WellFormed(text)
        self.assertEqual((code, page.faults), (1, []))
        self.assertIn('<html lang="ja">', text)
        for word in ("適合", "不適合", "確認不能", "該当なし", "令和", "6(3)ア", "所属長", "&lt;script&gt;", "<svg", "@page{size:A4"):
            self.assertIn(word, text)
        self.assertNotIn("<script", text)
        self.assertNotIn("\x1b", text)
        self.assertEqual(self.ctl("inspect", "--format", "json", language="ja")[1].decode().count('"people"'), 10)

        code, out, _ = self.ctl("inspect", "--format", "csv", language="ja")
        self.assertTrue(out.startswith(b"\xef\xbb\xbf"))
        rows = list(csv.reader(io.StringIO(out.decode("utf-8-sig"), newline="")))
        self.assertTrue(all(len(row) == len(rows[0]) for row in rows))
        self.assertTrue(rows[1][6].startswith("'=cmd"))
        self.assertFalse(any(re.match(r"[=+@-]", cell) for row in rows for cell in row))

        code, out, _ = self.ctl("inspect")
        self.assertEqual(code, 1)
        self.assertIn("cannot tell: ", out.decode())
        code, _, err = self.ctl("inspect", "--format", "pdf")
        self.assertEqual(code, 2)
        self.assertIn("html, json, csv", err)

    def test_no_number_in_any_form(self):
        """Names of files and of users that are My Numbers stand in none of the reports."""
        self.everyday()
        self.tell("file-written", transfer={"path": "/************.csv", "size": 5}, permit={"id": "p"})
        self.tell("login-refused", log="otp", login={"user": NUMBER})
        passwd = self.root / "etc/passwd"
        passwd.write_text(passwd.read_text() + f"{NUMBER}:x:1007:1007::/home/x:/bin/bash\n")
        self.write_record()
        for form in ("html", "csv", "json"):
            out = self.ctl("inspect", "--format", form)[1]
            self.assertNotIn(NUMBER.encode(), out)
            self.assertIn(b"************", out)  # the account without a second factor is told of

    @unittest.skipUnless(shutil.which("chromium"), "needs chromium")
    def test_on_paper(self):
        """As Chromium prints it: A4, and no more pages than an official reads."""
        self.everyday()
        self.write_record()
        page = self.file("page.html", self.ctl("inspect", "--format", "html", language="ja")[1])
        pdf = self.directory / "page.pdf"
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
                        f"--user-data-dir={self.directory}/chromium", f"--print-to-pdf={pdf}", f"file://{page}"], check=True,
                       capture_output=True, timeout=240)
        content = pdf.read_bytes()
        boxes = set(re.findall(rb"/MediaBox ?\[([^]]*)\]", content))
        self.assertEqual({tuple(round(float(x) / 10) for x in box.split()) for box in boxes}, {(0, 0, 59, 84)}, boxes)
        self.assertLessEqual(len(re.findall(rb"/Type ?/Page\b", content)), 5)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root: the agent's socket must belong to root")
        sys.exit(77)
    unittest.main(verbosity=2)
