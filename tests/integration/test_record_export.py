#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Export, receipt, deletion: the real agent, the real verifiers, signatures by ssh-keygen. What no collector has signed for
stays, whatever its age; what is deleted leaves a record that still verifies from the first key."""

import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import fakeroot
from fakeroot import STORAGE, AgentTest, VarlinkError, accepts, eventually, policy
from ctl_fixture import run
from otp_fixture import VERIFIER, Client
from permit_fixture import MACHINE_ID, PermitMixin, stamp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import verify_record  # noqa: E402

STICK = (0x0781, 0x5591, STORAGE)


def bytes_xor(data):
    return bytes([data[0] ^ 1]) + data[1:]


class Export(PermitMixin, AgentTest):
    def setUp(self):
        super().setUp()
        self.log = self.machine.root / "var/log/sekisho"

    def lines(self, name="audit.jsonl"):
        return [json.loads(x) for x in (self.log / name).read_bytes().splitlines()]

    def export(self, name="export"):
        target = self.machine.root / name
        shutil.rmtree(target, ignore_errors=True)
        code, out, err = run("audit", "export", "--root", self.machine.root, target)
        self.assertEqual(code, 0, err)
        return target

    def verify(self, directory, status):
        code, out, err = run("audit", "verify", "--json", "--key", self.log / "audit.pub", directory)
        self.assertEqual(code, status, out + err)
        return json.loads(out)

    def test_export(self):
        m = self.machine
        m.start()
        m.plug("1-2", *STICK)
        eventually(lambda: m.settled("1-2"))
        target = self.export()
        answer = self.verify(target, 0)
        self.assertEqual(answer["exports"][0]["fault"], "none")
        self.assertTrue(answer["exports"][0]["signed"])
        self.assertEqual(run("audit", "export", "--root", m.root, target)[0], 2, "nothing is written over")
        said = [e["unmapped"]["sekisho"]["detail"] for e in self.lines() if e["metadata"]["event_code"] == "record-exported"]
        self.assertIn(json.loads((target / "manifest.sig").read_text())["sha256"], said[0])

        rows = [
            ("a file", "agent/audit.jsonl", lambda b: b[:-1] + b" \n", "file"),
            ("a manifest", "manifest.json", lambda b: b + b" ", "differs"),
            ("a manifest and its hash", "manifest.sig", lambda b: b.replace(b'"time": ', b'"time": 1'), "signature"),
            ("rubbish", "manifest.sig", lambda b: b"{}", "damaged"),
        ]
        for what, name, edit, fault in rows:
            with self.subTest(what):
                target = self.export()
                path = target / name
                path.write_bytes(edit(path.read_bytes()))
                self.assertEqual(self.verify(target, 1)["exports"][0]["fault"], fault)
        target = self.export()
        (target / "agent/audit.jsonl").rename(target / "agent/audit-00000001.jsonl")
        self.assertEqual(self.verify(target, 1)["exports"][0]["fault"], "file")

    def test_rotated_before_signing(self):
        """A segment is closed between the copying and the signing: the next key signs, and its predecessor says so. One step, no
        more, and nobody else's word for it."""
        m = self.machine
        for steps, status in ((1, 0), (2, 1)):
            with self.subTest(steps=steps):
                m.start()
                target = self.export()
                m.stop()
                self.age(str(steps), "0")
                m.start()
                signed = m.call("SignExport", sha256=json.loads((target / "manifest.sig").read_text())["sha256"])
                (target / "manifest.sig").write_text(json.dumps(signed))
                fault = self.verify(target, status)["exports"][0]["fault"]
                self.assertEqual(fault, "signature" if status else "none")
                m.stop()
        m.start()
        target = self.export()
        m.stop()
        self.age("1", "0")
        m.start()
        good = m.call("SignExport", sha256=json.loads((target / "manifest.sig").read_text())["sha256"])
        handover = good["handover"]
        other = "0" * 64
        rows = [("none", {}, None), ("another key", {"next": other}, handover), ("another line", {"head": other}, handover),
                ("another signature", {"signature": other * 2}, handover), ("no next", {"next": None}, handover)]
        for what, change, base in rows:
            with self.subTest(what):
                (target / "manifest.sig").write_text(json.dumps({**good, "handover": base and {**base, **change}}))
                self.assertEqual(self.verify(target, 1)["exports"][0]["fault"], "signature")
        (target / "manifest.sig").write_text(json.dumps({**good, "handover": {"next": handover["next"]}}))
        self.assertEqual(self.verify(target, 1)["exports"][0]["fault"], "damaged")
        (target / "manifest.sig").write_text(json.dumps(good))
        self.verify(target, 0)

    def test_failed_export_leaves_nothing(self):
        m = self.machine
        m.start()
        m.stop()
        target = m.root / "half"
        code, out, err = run("audit", "export", "--root", m.root, target)
        self.assertNotEqual(code, 0, "nobody signs it")
        self.assertFalse(target.exists())

    def test_while_it_is_rotated(self):
        """Whoever looks while segments are closed sees the record of one moment: never a fault."""
        m = self.machine
        m.start()
        m.stop()
        subprocess.run(["ninja", "-C", fakeroot.BUILD, "age_record"], check=True, stdout=subprocess.DEVNULL)
        writer = subprocess.Popen([fakeroot.BUILD / "agent/audit/age_record", m.root, "1500", "0", "1"])
        self.addCleanup(writer.kill)
        looks = 0
        while writer.poll() is None or looks == 0:
            code, out, err = run("audit", "verify", "--json", "--root", m.root)
            self.assertEqual(code, 0, out[-2000:] + err)
            looks += 1
        self.assertEqual(writer.returncode, 0)
        self.assertGreater(looks, 1)
        files = len(list(self.log.glob("audit-*.jsonl")))
        self.assertGreater(files, 1400)
        print(f"{looks} looks while {files} segments were closed", file=sys.stderr)

    def unpack(self, tar):
        """The one folder in a tar file, unpacked by tar(1)."""
        into = pathlib.Path(tempfile.mkdtemp(dir=self.machine.root))
        subprocess.run(["tar", "-xf", tar, "-C", into], check=True)
        folders = list(into.iterdir())
        self.assertEqual(len(folders), 1)
        return folders[0]

    def test_one_file(self):
        m = self.machine
        m.start()
        m.plug("1-2", *STICK)
        eventually(lambda: m.settled("1-2"))
        target = m.root / "terminal-03.tar"
        code, out, err = run("audit", "export", "--root", m.root, target)
        self.assertEqual(code, 0, err)
        folder = self.unpack(target)
        self.assertEqual(folder.name, "terminal-03")
        answer = self.verify(folder, 0)
        self.assertTrue(answer["exports"][0]["signed"])
        self.assertEqual((folder / "agent/audit.jsonl").read_bytes().splitlines(),
                         (self.log / "audit.jsonl").read_bytes().splitlines()[:answer["logs"][0]["last_seq"]])
        self.assertEqual(run("audit", "export", "--root", m.root, target)[0], 2, "nothing is written over")

    def seal(self, to, name="export.sealed", status=0):
        target = self.machine.root / name
        target.unlink(missing_ok=True)
        code, out, err = run("audit", "export", "--root", self.machine.root, "--seal", to, target)
        self.assertEqual(code, status, out + err)
        self.assertEqual(target.exists(), status == 0)
        return target

    def open(self, sealed, key, status=0):
        target = self.machine.root / "opened.tar"
        target.unlink(missing_ok=True)
        code, out, err = run("audit", "open", "--key", key, sealed, target)
        self.assertEqual(code, status, out + err)
        self.assertEqual(target.exists(), status == 0, "what did not open leaves nothing behind")
        return target

    def test_sealed(self):
        m = self.machine
        m.start()
        self.trust_auditors()
        m.plug("1-2", *STICK)
        eventually(lambda: m.settled("1-2"))
        own, other = self.keys["shinjin"], self.keys["kacho"]
        line = " ".join(own.with_suffix(".pub").read_text().split()[:2])
        for to in ("shinjin", line, own.with_suffix(".pub")):  # a holder, a key, a file
            with self.subTest(to=to):
                sealed = self.seal(to)
                bytes = sealed.read_bytes()
                for word in (b"agent/audit.jsonl", b"manifest", b"unmapped", b"ustar"):
                    self.assertNotIn(word, bytes)
                folder = self.unpack(self.open(sealed, own))
                answer = self.verify(folder, 0)
                self.assertEqual(answer["exports"][0]["fault"], "none")
                self.assertTrue(answer["exports"][0]["signed"])
                self.open(sealed, other, 1)
        self.seal("kacho", status=1)  # holds another role
        self.seal("nobody", status=1)
        self.seal("ssh-ed25519 AAAA", status=2)
        self.seal(other, status=2)  # a private key is none to seal to
        sealed = self.seal("shinjin")
        good = sealed.read_bytes()
        rows = [("one bit", good[:-9] + bytes_xor(good[-9:])), ("its end", good[:-1]), ("half of it", good[:len(good) // 2]),
                ("more", good + b"x"), ("nothing", b""), ("a tar", b"x" * 1024)]
        for what, data in rows:
            with self.subTest(what):
                sealed.write_bytes(data)
                self.open(sealed, own, 1)
        sealed.write_bytes(good)
        self.open(sealed, own)
        self.assertEqual(run("audit", "open", "--key", own, sealed, m.root / "opened.tar")[0], 2, "nothing is written over")

    def receipt(self, seq, head, names=("shinjin",), **more):
        word = {"fleet": "test", "target": f"host:{MACHINE_ID}", "log": "agent", "issued": stamp(), **more}
        text = (f"sekisho-receipt: 1\nheader: {{fleet: {word['fleet']}, issued: {word['issued']}, "
                f"target: [{word['target']}]}}\nlog: {word['log']}\nseq: {seq}\nhead: sha256:{head}\n")
        return text, self.signatures(text, *names, namespace="receipt@sekisho")

    def install(self, *arguments, **more):
        text, signatures = self.receipt(*arguments, **more)
        try:
            self.machine.call("InstallReceipt", text=text, signatures=signatures)
            return "accepted"
        except VarlinkError as error:
            return error.parameters["reason"]

    def trust_auditors(self):
        """shinjin holds the role audit here."""
        self.make_keys()
        keys = {n: " ".join(k.with_suffix(".pub").read_text().split()[:2]) for n, k in self.keys.items()}
        roles = {"kacho": "trust, policy, permit", "kakaricho": "trust", "shinjin": "audit"}
        rows = "".join(f"  - {{name: {n}, roles: [{r}], key: {keys[n]}}}\n" for n, r in roles.items())
        text = ("sekisho-trust: 1\nheader: {fleet: test, version: 1, issued: 2026-01-01T09:00:00+09:00, expires: never}\n"
                "unsigned-policy: allow\nroles: {trust: {threshold: 2}, policy: {threshold: 1}, permit: {threshold: 1}, "
                f"audit: {{threshold: 1}}}}\nholders:\n{rows}")
        self.machine.call("InstallTrust", text=text,
                          signatures=self.signatures(text, "kacho", "kakaricho", namespace="trust@sekisho"))

    def age(self, *arguments):
        subprocess.run(["ninja", "-C", fakeroot.BUILD, "age_record"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([fakeroot.BUILD / "agent/audit/age_record", self.machine.root, *arguments], check=True)

    def head_of(self, line):
        import hashlib
        return hashlib.sha256(line).hexdigest()

    def test_receipt_and_deletion(self):
        m = self.machine
        m.start()
        self.trust_auditors()
        m.stop()
        # Three days pass: the agent writes a segment on each, as its clock says.
        self.age("4", "3000")
        segments = sorted(p.name for p in self.log.glob("audit-*.jsonl"))
        self.assertEqual(len(segments), 4)
        m.start()
        self.verify(self.log, 0)
        older, doubled = (self.log / segments[0]).read_bytes(), (self.log / segments[1]).read_bytes()
        lines = doubled.splitlines()
        last = json.loads(lines[-1])["unmapped"]["sekisho"]["seq"]
        good = (last, self.head_of(lines[-1]))

        rows = [
            ("signatures", good, {"names": ("kacho",)}),
            ("fleet", good, {"fleet": "other"}),
            ("target", good, {"target": "host:ffffffffffffffffffffffffffffffff"}),
            ("log", good, {"log": "other"}),
            ("issued-in-future", good, {"issued": stamp(3 * 86400)}),
            ("no-such-record", (last, "0" * 64), {}),
            ("no-such-record", (10 ** 9, good[1]), {}),
        ]
        for reason, what, more in rows:
            with self.subTest(reason):
                self.assertEqual(self.install(*what, **more), reason)
        self.assertEqual(sorted(p.name for p in self.log.glob("audit-*.jsonl")), segments, "nothing is deleted without one")

        # By the inbox, as a collector would send it.
        text, signatures = self.receipt(*good)
        inbox = m.root / "var/lib/sekisho/inbox"
        (inbox / "receipt.yaml").write_text(text)
        (inbox / "receipt.yaml.sig").write_text(signatures)
        eventually(lambda: not (self.log / segments[1]).exists(), "what is receipted and over age goes")
        self.assertEqual(sorted(p.name for p in self.log.glob("audit-*.jsonl")), segments[2:])
        self.assertEqual(len((self.log / "closed.jsonl").read_bytes().splitlines()), 2)
        self.assertEqual(self.install(*good), "known")
        # The receipt of another disk, put in the place of ours, is none for this one.
        keys = m.root / "var/lib/sekisho/record"
        kept_receipt = [(keys / name, (keys / name).read_bytes()) for name in ("receipt.yaml", "receipt.yaml.sig")]
        text, signatures = self.receipt(last + 2000, "0" * 64)
        (keys / "receipt.yaml").write_text(text)
        (keys / "receipt.yaml.sig").write_text(signatures)
        following = (self.log / segments[2]).read_bytes().splitlines()[0]
        self.assertEqual(self.install(last + 1, self.head_of(following)), "accepted")
        for path, data in kept_receipt:
            path.write_bytes(data)

        answer = self.verify(self.log, 0)
        self.assertTrue(answer["whole"])
        files = [self.log / "closed.jsonl", *sorted(self.log.glob("audit-*.jsonl")), self.log / "audit.jsonl"]
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(verify_record.main(["--prev", "any", "--key", str(self.log / "audit.pub"), *map(str, files)]), 0)
        self.assertIn("signed up to", out.getvalue())
        # A deletion that nobody told of is missed all the same.
        kept = (self.log / "closed.jsonl").read_bytes()
        (self.log / "closed.jsonl").write_bytes(kept.splitlines(keepends=True)[0])
        self.verify(self.log, 1)
        (self.log / "closed.jsonl").write_bytes(kept)
        self.verify(self.log, 0)
        # The agent stopped between telling of a segment and deleting it: no fault, if it is that segment.
        again = self.log / segments[1]
        rows = [("the segment", doubled, 0), ("its end cut", b"".join(doubled.splitlines(keepends=True)[:-1]), 1),
                ("a line changed", doubled.replace(b'"time"', b'"Time"', 1), 1),
                ("an older one", older, 1)]
        for what, data, status in rows:
            with self.subTest(what):
                again.write_bytes(data)
                self.verify(self.log, status)
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    self.assertEqual(verify_record.main(["--prev", "any", "--key", str(self.log / "audit.pub"),
                                                         *map(str, [files[0], again, *files[1:]])]), status)
        again.unlink()
        target = self.export()
        self.verify(target, 0)
        deleted = [e for e in self.lines() if e["metadata"]["event_code"] == "record-deleted"]
        self.assertEqual(len(deleted), 2)

    def test_receipt_and_deletion_of_logins(self):
        """The verifier's log: its receipt is accepted by the agent, and the verifier deletes."""
        m = self.machine
        m.start()
        self.trust_auditors()
        self.age("4", "3000", "20", "otp")
        log = self.log / "otp"
        segments = sorted(p.name for p in log.glob("audit-*.jsonl"))
        self.assertEqual(len(segments), 4)
        last = (log / segments[1]).read_bytes().splitlines()[-1]
        number = json.loads(last)["unmapped"]["sekisho"]["seq"]

        def delete():
            verifier = subprocess.Popen([VERIFIER, "--root", m.root, "--foreground"])
            self.addCleanup(verifier.kill)
            eventually(lambda: accepts(m.root / "run/sekisho/otp.sock"), "it listens")
            with Client(m.root / "run/sekisho/otp.sock") as client:  # and answers, once it has begun
                client.call("Status")
            verifier.terminate()
            verifier.wait(20)
            (m.root / "run/sekisho/otp.sock").unlink(missing_ok=True)
            return sorted(p.name for p in log.glob("audit-*.jsonl"))

        self.assertEqual(delete(), segments, "nothing is deleted without a receipt")
        self.assertEqual(self.install(number, self.head_of(last), names=("kacho",), log="otp"), "signatures")
        self.assertEqual(self.install(number, "0" * 64, log="otp", issued=stamp(-7200)), "accepted")
        self.assertEqual(delete(), segments, "it is of another record")
        told = m.root / "var/lib/sekisho/policy/receipt-otp.json"
        self.assertEqual(json.loads(told.read_text())["head"], "0" * 64)
        issued = stamp(-3600)
        self.assertEqual(self.install(number, self.head_of(last), log="otp", issued=issued), "accepted")
        self.assertEqual(self.install(number, self.head_of(last), log="otp", issued=issued), "known")
        self.assertEqual(len(list(self.log.glob("audit*.jsonl"))), 1, "the agent's own is none of its business")
        self.assertEqual(delete(), segments[2:])
        deleted = [e for e in self.lines("otp/audit.jsonl") if e["metadata"]["event_code"] == "record-deleted"]
        self.assertEqual(len(deleted), 2)
        code, out, err = run("audit", "verify", "--json", "--key", log / "audit.pub", log)
        self.assertEqual(code, 0, out + err)
        # Who signed it may not do so any more: what the verifier was told is taken back.
        (m.root / "var/lib/sekisho/record/receipt-otp.yaml.sig").write_text("")
        self.assertTrue(told.exists())
        self.assertEqual(self.install(1, self.head_of((self.log / "audit.jsonl").read_bytes().splitlines()[0])), "accepted")
        self.assertFalse(told.exists())

    def test_by_command(self):
        m = self.machine
        m.start()
        self.trust_auditors()
        line = (self.log / "audit.jsonl").read_bytes().splitlines()[0]
        text, signatures = self.receipt(1, self.head_of(line))
        path = m.root / "receipt.yaml"
        path.write_text(text)
        self.assertEqual(run("audit", "receipt", "--root", m.root, path)[0], 1, "no signature")
        path.with_name("receipt.yaml.sig").write_text(signatures)
        code, out, err = run("audit", "receipt", "--root", m.root, path)
        self.assertEqual(code, 0, err)
        self.assertEqual(run("audit", "receipt", "--root", m.root, path)[0], 1, "known")


if __name__ == "__main__":
    unittest.main(verbosity=2)
