#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl digest and evidence: what a span of the record adds up to, on pages and in a bundle that anybody can check."""

import csv
import datetime
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import unittest

from ctl_fixture import CTL, NOBODY, run
from inspect_fixture import JST, Terminal
from test_inspect import NUMBER, STORAGE, WellFormed

STICK = {"facts": {"classes": ["storage"], "name": "Ultra <b>", "vendor": "0781", "product": "5591", "serial": "4C53"}}


def at(text):
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=JST).timestamp())


class Evidence(Terminal):
    def november(self):
        """A month in which something happened."""
        self.tell("agent-start", at("2026-10-30 08:00"))
        self.tell("device-refused", at("2026-10-31 09:00"), **STICK)
        self.tell("device-refused", at("2026-11-01 00:00"), **STICK)
        for day in (2, 3, 4):
            self.tell("device-refused", at(f"2026-11-0{day} 10:00"), **STICK)
        self.tell("document-installed", at("2026-11-05 10:00"), document={"what": "policy", "serial": 13, "sha256": "ab" * 32,
                                                                         "via": "inbox", "uid": 0})
        self.tell("permit-installed", at("2026-11-06 09:00"), permit={"id": "p1", "ticket": "情政-12", "applicant": "山田",
                                                                      "approver": "課長", "purpose": "県への提出"})
        for n in range(3):
            self.tell("file-written", at("2026-11-06 10:00"), transfer={"path": f"/提出{n}.csv", "size": 1000, "uid": 1000},
                      permit={"id": "p1", "ticket": "情政-12"}, **STICK)
        self.tell("file-written", at("2026-11-07 23:00"), transfer={"path": "/=HYPERLINK(1).csv", "size": 7, "uid": 1001},
                  rule="r", **STICK)
        self.tell("permit-closed", at("2026-11-09 10:00"), permit={"id": "p1", "files": 3, "bytes": 3000, "erased": True})
        self.tell("login-refused", at("2026-11-10 10:00"), log="otp", login={"user": "yamada", "service": "lightdm"},
                  detail="wrong-code")
        self.tell("network-blocked", at("2026-11-11 10:00"), network={"protocol": "tcp", "peer": "203.0.113.9", "port": 443,
                                                                     "program": "/usr/bin/curl", "uid": 1000, "count": 12})
        self.tell("agent-stop", at("2026-11-12 17:00"))
        self.tell("agent-start", at("2026-11-13 08:00"))
        self.tell("device-refused", at("2026-12-01 00:00"), **STICK)
        self.write_record()

    def evidence(self, *words, output="bundle", status=0):
        path = self.directory / output
        code, out, err = self.ctl("evidence", "--from", "2026-11-01", "--to", "2026-11-30", "--output", path, *words)
        self.assertEqual(code, status, err + out.decode())
        return path

    # ---- digest ----

    def digest(self, month="2026-11"):
        code, out, err = self.ctl("digest", "--month", month, "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_a_month_has_its_own_days_only(self):
        self.november()
        d = self.digest()
        self.assertEqual((d["from"], d["to"]), ("2026-11-01T00:00:00+09:00", "2026-12-01T00:00:00+09:00"))
        self.assertEqual(d["devices"]["denied"], 4)
        self.assertEqual(d["devices"]["denied_by_day"], [1, 1, 1, 1] + [0] * 26)
        self.assertEqual(d["files"]["with_permit"], {"files": 3, "bytes": 3000})
        self.assertEqual(d["files"]["without_permit"], {"files": 1, "bytes": 7})
        self.assertEqual(d["files"]["out_of_hours"], {"files": 1, "bytes": 7})
        self.assertEqual((d["logins"]["refused"], d["network"]["packets_blocked"]), (1, 12))
        self.assertEqual((d["documents"]["policies"], d["documents"]["permits_closed"]), (1, 1))
        self.assertEqual((d["agent"]["starts"], d["agent"]["stops"]), (1, 1))
        self.assertEqual(d["permits"]["p1"]["last_code"], "permit-closed")
        self.assertEqual(self.digest("2026-12")["devices"]["denied"], 1)
        self.assertEqual(self.digest("2025-01")["record"]["records"], 0)

    def test_digest_finds_what_is_missing(self):
        self.november()
        path = self.root / "var/log/sekisho/audit.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:4] + lines[6:]) + b"rubbish\n")
        d = self.digest()
        self.assertEqual(d["record"]["damaged"], 1)
        self.assertEqual([log["missing"] for log in d["record"]["logs"] if log["log"] == "agent"], [2])

    def test_digest_on_a_page(self):
        self.november()
        code, out, _ = self.ctl("digest", "--month", "2026-11", "--format", "html", language="ja")
        page = WellFormed(out.decode())
        self.assertEqual((code, page.faults), (0, []))
        for word in ("月次報告", "令和8年11月", "確認者", "情政-12", "<svg"):
            self.assertIn(word, out.decode())
        code, out, _ = self.ctl("digest", "--month", "2026-11")
        self.assertIn("files: 3, 2.9 KiB", out.decode())

    def test_what_is_no_month(self):
        for words in (["--month", "2026-13"], ["--month", "November"], ["--month", "2026-11", "--format", "csv"]):
            self.assertEqual(self.ctl("digest", *words)[0], 2)
        self.assertEqual(self.ctl("digest", "--month", "2026-11")[0], 1)  # there is no record

    @unittest.skipUnless(shutil.which("chromium"), "needs chromium")
    def test_digest_is_one_page(self):
        """Also with as many exceptions as anybody has, and with texts as long as they may be."""
        self.november()
        for n in range(40):
            self.tell("permit-used", at("2026-11-20 10:00"), permit={"id": f"q{n}", "ticket": "長" * 60, "applicant": "名" * 60,
                                                                     "approver": "<b>" * 60, "purpose": "目的" * 60})
        for n in range(12):
            self.tell("device-refused", at("2026-11-21 10:00"), facts={"classes": [
                ("storage", "phone", "optical", "network", "modem", "bluetooth", "camera", "video", "audio", "printer", "serial", "mouse")[n]]})
        self.write_record()
        page = self.file("digest.html", self.ctl("digest", "--month", "2026-11", "--format", "html", language="ja")[1])
        pdf = self.directory / "digest.pdf"
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
                        f"--user-data-dir={self.directory}/chromium", f"--print-to-pdf={pdf}", f"file://{page}"], check=True,
                       capture_output=True, timeout=240)
        self.assertEqual(len(re.findall(rb"/Type ?/Page\b", pdf.read_bytes())), 1)

    def test_memory_stays(self):
        """Ten times the record takes no more memory."""
        def peak(lines):
            self.records = []
            line = json.dumps({"time": at("2026-11-10 10:00") * 1000, "metadata": {"event_code": "device-refused"},
                               "unmapped": {"sekisho": {"log": "agent", "seq": 1, "prev": "0" * 64, **STICK}}}).encode() + b"\n"
            self.put("var/log/sekisho/audit.jsonl", line * lines)
            process = subprocess.Popen([CTL, "digest", "--month", "2026-11", "--json", "--root", self.root],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
            return usage.ru_maxrss
        small, large = peak(3000), peak(30000)
        # The sanitizer keeps what was freed for a while (quarantine), so that its builds say less.
        self.assertLess(large, small * 1.5 + 270000, (small, large))

    # ---- evidence ----

    def test_everything_is_there(self):
        self.november()
        self.put("var/log/sekisho/audit.pub", "ssh-ed25519 AAAA\n")
        bundle = self.evidence()
        names = {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()}
        self.assertLessEqual({"index.html", "events.csv", "media-register.csv", "permits.json", "digest-2026-11.html",
                              "digest-2026-11.json", "inspection.html", "inspection.json", "inspection.csv", "chain.json",
                              "manifest.json", "policy/policy.yaml", "policy/policy.yaml.sig", "policy/trust.yaml",
                              "record/agent/audit.pub", "record/agent/audit.jsonl", "record/otp/audit.jsonl", "SHA256SUMS"}, names)
        self.assertNotIn("SHA256SUMS.sig", names)
        self.assertEqual((bundle.stat().st_mode & 0o777, (bundle / "index.html").stat().st_mode & 0o777), (0o700, 0o600))
        # the record is what it is on the terminal, byte by byte
        for log, path in (("agent", "audit.jsonl"), ("otp", "otp/audit.jsonl")):
            self.assertEqual((bundle / "record" / log / "audit.jsonl").read_bytes(),
                             (self.root / "var/log/sekisho" / path).read_bytes())
        self.assertEqual(run("audit", "verify", bundle / "record/agent/audit.jsonl")[0], 0)
        manifest = json.loads((bundle / "manifest.json").read_text())
        self.assertEqual((manifest["terminal"], manifest["summary"]["devices"]["denied"]), ("juki-01", 4))
        self.assertEqual(manifest["files"], len(names))  # with the two that are made last
        self.assertTrue(all(f["whole"] for f in manifest["chain"]))

    def test_sums(self):
        self.november()
        bundle = self.evidence()
        check = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]
        self.assertEqual(subprocess.run(check, cwd=bundle, check=False).returncode, 0)
        listed = {line.split("  ", 1)[1] for line in (bundle / "SHA256SUMS").read_text().splitlines()}
        self.assertEqual(listed, {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()} - {"SHA256SUMS"})
        with (bundle / "events.csv").open("ab") as f:
            f.write(b"x")
        self.assertNotEqual(subprocess.run(check, cwd=bundle, capture_output=True, check=False).returncode, 0)

    def test_signature(self):
        self.november()
        key = self.directory / "key"  # of the fixture
        bundle = self.evidence("--key", key)
        allowed = self.file("allowed", f"auditor {key.with_suffix('.pub').read_text()}")
        verify = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "auditor", "-s", bundle / "SHA256SUMS.sig", "-n"]

        def check(namespace, sums):
            return subprocess.run([*verify, namespace], input=sums, capture_output=True, check=False).returncode
        sums = (bundle / "SHA256SUMS").read_bytes()
        self.assertEqual(check("evidence@sekisho", sums), 0)
        self.assertNotEqual(check("evidence@sekisho", sums + b"x"), 0)
        self.assertNotEqual(check("policy@sekisho", sums), 0)
        code, _, err = self.ctl("evidence", "--from", "2026-11-01", "--to", "2026-11-30", "--output", self.directory / "other",
                                "--key", self.directory / "no-such-key")
        self.assertEqual(code, 2)
        self.assertIn("proves nothing", err)
        self.assertFalse((self.directory / "other/SHA256SUMS.sig").exists())

    def test_tar(self):
        self.november()
        folder, tar = self.evidence(), self.evidence("--key", self.directory / "key", output="jiko.tar")
        self.assertEqual(tar.stat().st_mode & 0o777, 0o600)
        out = self.directory / "out"
        out.mkdir()
        subprocess.run(["tar", "-xf", tar, "-C", out], check=True)  # GNU tar, and Python's reader
        with tarfile.open(tar) as t:
            self.assertEqual({m.name.removeprefix("jiko/") for m in t.getmembers()},
                             {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} | {"SHA256SUMS.sig"})
            self.assertTrue(all(m.name.startswith("jiko/") and m.mode == 0o600 and m.isreg() for m in t.getmembers()))
        self.assertEqual(subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=out / "jiko", check=False).returncode, 0)

    def test_cover(self):
        self.november()
        key = self.directory / "key"
        path = self.directory / "ja"
        code, _, err = self.ctl("evidence", "--from", "2026-11-01", "--to", "2026-11-30", "--output", path, "--key", key, language="ja")
        self.assertEqual(code, 0, err)
        text = (path / "index.html").read_text()
        page = WellFormed(text)
        self.assertEqual(page.faults, [])
        for word in ("令和8年11月1日", "令和8年11月30日", "Ultra &lt;b&gt;", "情政-12", "3000", "tcp 203.0.113.9:443", "/usr/bin/curl",
                     "yamada", "lightdm", "確認コードの誤り", "ab" * 32, "2026-11-12 17:00", "sha256sum -c", "本人の数", "suzuki (uid 1001)"):
            self.assertIn(word, text)
        self.assertNotIn("<b>]", text)
        # The nine matters of the rules in their order, when they are due, and that somebody has to check all of that.
        matters = ("1. 概要", "2. 個人データの項目", "3. 本人の数", "4. 原因", "5. 二次被害", "6. 本人への対応", "7. 公表", "8. 再発防止", "9. その他")
        places = [text.index(f"<th>{matter}") for matter in matters]
        self.assertEqual(places, sorted(places))
        for word in ("速報", "3～5 日", "確報", "30 日以内", "60 日以内", "施行規則第8条第1項", "第68条", "番号法第29条の4", "最新の", "必ず確認"):
            self.assertIn(word, text)
        rows = list(csv.reader(io.StringIO((path / "events.csv").read_text("utf-8-sig"), newline="")))
        self.assertEqual(sum(row[3] == "device-refused" for row in rows), 4)
        self.assertEqual(len(rows), 1 + 16)  # with the anchor
        self.assertFalse(any(re.match(r"[=+@-]", cell) for row in rows for cell in row))

    def test_only_the_files_that_cover_the_span(self):
        """Whole segments; an older and a newer one stay away, and the chain is still known to hold."""
        self.november()
        path = self.root / "var/log/sekisho/audit.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        for name, part in (("audit-00000001.jsonl", lines[:1]), ("audit-00000002.jsonl", lines[1:5]),
                           ("audit-00000003.jsonl", lines[5:12]), ("audit-00000004.jsonl", lines[12:-1])):
            path.with_name(name).write_bytes(b"".join(part))
        path.write_bytes(lines[-1])
        path.with_name("audit.jsonl.damaged-1").write_bytes(b"rubbish\n")
        bundle = self.evidence()
        self.assertEqual(sorted(p.name for p in (bundle / "record/agent").iterdir()),
                         ["audit-00000002.jsonl", "audit-00000003.jsonl", "audit-00000004.jsonl", "audit.jsonl.damaged-1",
                          "audit.pub"])
        chain = {f["file"]: f for f in json.loads((bundle / "chain.json").read_text())}
        for name, f in chain.items():
            self.assertEqual(f["whole"], "damaged" not in name, f)
        # one line changed in a segment that is not in the bundle is seen where the next one should follow on it
        first = path.with_name("audit-00000001.jsonl")
        first.write_bytes(first.read_bytes().replace(b"juki-01", b"juki-02"))
        chain = {f["file"]: f["whole"] for f in json.loads((self.evidence(output="again") / "chain.json").read_text())}
        self.assertFalse(chain["record/agent/audit-00000002.jsonl"])

    def test_a_record_that_is_being_written(self):
        """Half a line at the end is left out; what is taken is whole."""
        self.november()
        with (self.root / "var/log/sekisho/audit.jsonl").open("ab") as f:
            f.write(b'{"half": ')
        bundle = self.evidence()
        self.assertEqual(run("audit", "verify", bundle / "record/agent/audit.jsonl")[0], 0)

    def test_nothing_is_overwritten(self):
        self.november()
        bundle = self.evidence()
        before = {p: p.read_bytes() for p in bundle.rglob("*") if p.is_file()}
        self.evidence(status=2)
        self.assertEqual(before, {p: p.read_bytes() for p in bundle.rglob("*") if p.is_file()})
        target = self.file("x.tar", "mine")
        self.evidence(output="x.tar", status=2)
        self.assertEqual(target.read_text(), "mine")
        (self.directory / "link.tar").symlink_to(self.directory / "elsewhere")
        self.evidence(output="link.tar", status=2)
        self.assertFalse((self.directory / "elsewhere").exists())

    def test_no_number_and_no_secret(self):
        """Names that are My Numbers: masked by those who record, and in reports whatever the record holds."""
        self.november()
        wide = NUMBER.translate({ord(str(d)): 0xFF10 + d for d in range(10)})
        for number in (NUMBER, wide):
            self.tell("file-written", at("2026-11-20 10:00"), transfer={"path": f"/{number}.csv", "size": 5, "uid": 1000}, **STICK)
            self.tell("login-refused", at("2026-11-20 10:00"), log="otp", login={"user": number, "service": "sshd"})
        self.write_record()
        self.put("var/lib/sekisho/permits/p1.yaml", "activation: secret-hash\n")
        self.put("var/lib/sekisho/otp/key", "secret-key\n")
        self.put("var/log/sekisho/audit.key", "secret-key\n")
        bundle = self.evidence("--key", self.directory / "key")
        private = (self.directory / "key").read_bytes().splitlines()[2]
        for path in bundle.rglob("*"):
            if not path.is_file():
                continue
            content = path.read_bytes()
            for secret in (b"secret-", private):
                self.assertNotIn(secret, content, path)
            if "record" not in path.parts:  # a copy of what was recorded is as it is; see test_otp for what is recorded
                self.assertNotIn(NUMBER.encode(), content, path)
                self.assertNotIn(wide.encode(), content, path)
        self.assertIn("/************.csv", (bundle / "events.csv").read_text())

    def test_usage(self):
        self.november()
        for words in ([], ["--from", "2026-11-01"], ["--from", "2026-11-02", "--to", "2026-11-01", "--output", "x"],
                      ["--from", "yesterday", "--to", "2026-11-01", "--output", "x"]):
            self.assertEqual(self.ctl("evidence", *words, cwd=self.directory)[0], 2)
        self.assertFalse((self.directory / "x").exists())

    def test_not_permitted(self):
        self.november()
        for path in ("var/log/sekisho", "var/log/sekisho/otp"):
            (self.root / path).chmod(0o750)
        self.directory.chmod(0o777)
        code, _, err = run("evidence", "--from", "2026-11-01", "--to", "2026-11-30", "--output", self.directory / "x", "--root",
                           self.root, user=NOBODY, cwd="/")
        self.assertEqual(code, 4, err)
        self.assertFalse((self.directory / "x").exists())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root: the agent's socket must belong to root")
        sys.exit(77)
    unittest.main(verbosity=2)
