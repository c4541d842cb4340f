#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Permits and the media register by the command line: from the approver's document to the closed line of the register."""
import csv
import io
import json
import os
import pty
import shutil
import subprocess
import sys
import time

import fakeroot
from fakeroot import STORAGE, eventually, policy
from permit_fixture import CTL, SERIAL, PermitTest

NEW = ["--ticket", "様式第1号の2 令和8年度-0123", "--applicant", "市民課 山田", "--approver", "市民課長", "--purpose",
       '県への "提出" \\ 異動分', "--user", "yamada,group:joho"]


class Ctl(PermitTest):
    def setUp(self):
        super().setUp()
        self.file = self.machine.root / "permit.yaml"

    def new(self, *options, device="1-2", status=0, **rest):
        return self.ctl("permit", "new", *NEW, "--device", device, "--output", self.file, *options, status=status, **rest)

    def sign(self, name="kacho"):
        self.ctl("sign", self.file, "--key", self.keys[name])

    def listed(self, *options):
        return json.loads(self.ctl("permit", "list", "--json", *options))["permits"]

    def register(self, *words):
        text = subprocess.run([CTL, "media", "export", "--root", self.machine.root, *map(str, words)], check=True,
                              capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
        self.assertEqual(text[:3], b"\xef\xbb\xbf")
        self.assertEqual(text.count(b"\n"), text.count(b"\r\n"))
        return list(csv.DictReader(io.StringIO(text[3:].decode(), newline="")))

    def test_from_new_to_closed(self):
        said = json.loads(self.new("--json", "--duration", "2s", "--end", "fiscal-year"))
        self.assertEqual(said["code"], None)
        self.assertIn("signature", self.ctl("permit", "install", self.file, status=1))
        self.sign("shinjin")
        self.assertIn("do not suffice", self.ctl("permit", "install", self.file, status=1))
        self.sign()
        self.assertIn("is open", self.ctl("permit", "install", self.file))
        self.until(True)
        self.assertIn("before", self.ctl("permit", "install", self.file, status=1))
        self.assertIn("0123", self.ctl("devices"))
        [p] = self.listed("--open")
        self.assertEqual((p["state"], p["users"], p["purpose"]),
                         ("live", ["yamada", "group:joho"], '県への "提出" \\ 異動分'))
        self.assertTrue(p["expires"][4:].startswith("-03-31T23:59:59"))
        self.assertIn("OPEN", self.ctl("permit", "list"))
        self.until(False)
        self.assertEqual((self.listed("--open"), len(self.listed("--used")), self.listed("--overdue")), ([], 1, []))
        self.ctl("permit", "close", p["id"], "--by", "課長 鈴木", "--returned", status=1)
        self.ctl("permit", "close", p["id"], "--by", "課長 鈴木", "--returned", "--erased")
        self.assertEqual(self.listed()[0]["state"], "closed")
        [row] = self.register()
        self.assertEqual((row["Ticket"], row["Permit"], row["Applicant"], row["Approver"], row["Confirmed by"]),
                         ("様式第1号の2 令和8年度-0123", p["id"], "市民課 山田", "市民課長", "課長 鈴木"))
        self.assertEqual((row["Serial number"], row["Direction"], row["State"], row["Returned"], row["Why it was shut"]),
                         (SERIAL, "read only", "closed", "yes", "time is up"))
        self.assertTrue(row["Opened"] and row["Shut"] and row["Confirmed at"])

    def test_overdue_is_in_the_status(self):
        self.new("--duration", "1s", "--end", "30d")
        self.sign()
        self.ctl("permit", "install", self.file)
        self.until(True)
        self.until(False)
        self.machine.stop()
        self.machine.write("var/lib/sekisho/policy/time-floor", f"{int(time.time()) + 2 * 86400}\n")
        self.machine.start()
        self.assertEqual(len(self.listed("--overdue")), 1)
        self.assertIn("has not come back", self.ctl("status", status=1))
        self.assertIn("OVERDUE", self.ctl("permit", "list"))

    def test_by_phone(self):
        code = json.loads(self.new("--json", "--phone"))["code"]
        self.assertRegex(code, "^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$")
        self.assertNotIn(code.replace("-", ""), self.file.read_text())
        self.sign()
        self.assertIn("waits for its code", self.ctl("permit", "install", self.file))
        id = self.listed()[0]["id"]
        self.assertIn("Tries left: 4", self.ctl("permit", "activate", id, given="0000-0000-0000-0000\n", status=1))
        self.ctl("permit", "activate", id, given="0000\n", status=2)
        self.ctl("permit", "activate", id, given="", status=2)
        self.assertFalse(self.is_open())
        self.ctl("permit", "activate", id, given=code.lower() + "\n")
        self.until(True)

    def test_to_write(self):
        self.new("--write", status=2)
        self.assertFalse(self.file.exists())
        self.new("--write", "--max-bytes", "64MiB")
        self.assertIn("encrypted: luks", self.file.read_text())
        self.new("--write", "--max-bytes", "64MiB", status=2)  # never over an older one
        self.file.unlink()
        self.new("--write", "--max-bytes", "64MiB", "--plaintext")
        self.sign()
        self.ctl("permit", "install", self.file)
        self.assertEqual(self.listed()[0]["encrypted"], "any")

    def test_what_cannot_be_a_permit(self):
        for options in (["--end", "never"], ["--end", "2020-01-01"], ["--duration", "never"], ["--end", "3y"],
                        ["--ticket", "two\nlines"], ["--terminal", "all"], ["--id", ".x"], ["--user", ", ,"]):
            self.new(*options, status=2)
            self.assertFalse(self.file.exists(), options)
        self.machine.plug("1-3", 0x046D, 0xC31C, fakeroot.KEYBOARD)
        self.machine.settled("1-3")
        self.new(device="1-3", status=1)
        self.new(device="1-9", status=1)
        self.ctl("permit", "new", *NEW, status=2, given="")

    def test_another_terminal(self):
        facts = self.machine.root / "facts.json"
        facts.write_text(json.dumps({"kind": "device", "vendor": "0781", "product": "5591", "serial": "X1",
                                     "descriptors": "sha256:" + "ab" * 32}))
        self.machine.stop()
        self.new("--terminal", "f" * 32, "--fleet", "test", "--id", "p7", device=facts)
        self.assertIn("serial: \"X1\"", self.file.read_text())
        self.machine.start()
        self.sign()
        self.assertIn("not meant for this terminal", self.ctl("permit", "install", self.file, status=1))

    def test_asked_for(self):
        """As a person answers at a terminal."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(CTL, [CTL, "permit", "new", "--root", self.machine.root, "--output", self.file],
                      {**os.environ, "LC_ALL": "C.UTF-8"})
        # usb1, the stick
        for answer in ("R8-1", "山田", "課長", "提出", "2", "yamada", "", "fiscal-year"):
            os.write(fd, answer.encode() + b"\n")
        heard = b""
        try:
            while chunk := os.read(fd, 4096):
                heard += chunk
        except OSError:
            pass
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, heard.decode())
        text = self.file.read_text()
        self.assertIn("duration: \"4h\"", text)
        self.assertIn(f'serial: "{SERIAL}"', text)
        self.assertIn("Ultra", heard.decode())
        self.assertIn("-03-31T23:59:59", heard.decode())

    def test_watched(self):
        watch = subprocess.Popen([CTL, "watch", "--root", self.machine.root], stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "LC_ALL": "C.UTF-8"})
        try:
            time.sleep(0.5)
            self.install(duration="1s")
            lines = []
            while not any("permit over" in line for line in lines):
                lines.append(watch.stdout.readline())
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()
        told = [line for line in lines if "令和8年度-p1" in line]
        self.assertTrue(any("permit in use" in line and "1 s left" in line for line in told), lines)
        self.assertTrue(any("read-only" in line and "permit p1" in line for line in told), lines)

    def test_schema(self):
        schema = json.loads(self.ctl("permit", "schema"))
        self.assertIn("max-bytes", schema["properties"])


class Register(Ctl):
    def test_each_opening_stands_beside_its_ticket(self):
        self.machine.install(policy(2, rules=["    - {id: joho, match: {class: [storage], vendor: 1111}, action: allow}"]))
        self.machine.plug("1-3", 0x1111, 0x2222, STORAGE, serial="=cmd|'/c calc'!A1", label='Say "hi", now')
        self.until(True, "1-3")
        self.machine.plug("1-4", 0x2222, 0x2222, STORAGE, serial="refused")
        self.machine.settled("1-4")
        self.install(duration="1s")
        self.install(self.permit("p2", serial="never-plugged"))
        self.until(True)
        self.machine.unplug("1-3")
        self.until(False)
        eventually(lambda: self.machine.device("1-3") is None)
        time.sleep(0.1)
        rows = self.register()
        self.assertEqual([(r["Permit"], r["Rule of the policy"]) for r in rows], [("", "joho"), ("p1", ""), ("p2", "")])
        rule, used, unused = rows
        self.assertEqual((rule["Serial number"], rule["Medium"], rule["Why it was shut"], rule["Direction"]),
                         ("'=cmd|'/c calc'!A1", 'Say "hi", now', "unplugged", "read and write"))
        self.assertEqual((used["Ticket"], used["State"]), ("様式第1号の2 令和8年度-p1", "over, medium not back"))
        self.assertEqual((unused["Opened"], unused["State"], unused["Serial number"]),
                         ("", "waits for its medium", "never-plugged"))
        self.assertNotIn("refused", str(rows))
        # From a copy of the record, on another machine; and only what is new.
        copy = self.machine.root / "copy.jsonl"
        shutil.copy(self.machine.record_file, copy)
        self.assertEqual(self.register(copy)[:2], rows[:2])
        self.assertEqual(len(self.register("--since", "0s")), 1)
        japanese = subprocess.run([CTL, "media", "export", copy], capture_output=True, check=True,
                                  env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "ja"}).stdout.decode()
        self.assertEqual(len(japanese.splitlines()), 4)


for name in list(vars(Ctl)):  # they run once, in their own class
    if name.startswith("test_"):
        setattr(Register, name, None)

if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("ssh-keygen is not installed (package openssh-client)")
        sys.exit(77)
    fakeroot.main()
