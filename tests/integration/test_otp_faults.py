#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The verifier under everything that goes wrong: races, kills at every system call, full and read-only disks, state that
was taken away, changed or put back, clocks that lie."""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from otp_fixture import MONDAY_NOON, Machine, OtpError, totp

DAY = 86400
ROUNDS, PARALLEL = 30, 20


class Verifier(unittest.TestCase):
    def machine(self, **options):
        self.m = Machine(**options)
        self.addCleanup(self.m.close)
        self.m.clock(MONDAY_NOON, 1000)
        self.m.start()
        return self.m


class Races(Verifier):
    def test_one_code_one_success(self):
        m = self.machine()
        m.enroll("yamada")
        for n in range(ROUNDS):
            m.clock(MONDAY_NOON + 60 * n, 1000 + 2000 * n)
            code = m.code("yamada")
            results = m.parallel([lambda: m.login("yamada", code)] * PARALLEL)
            self.assertEqual((results.count(True), results.count(False)), (1, PARALLEL - 1), f"round {n}: {results}")
            m.call("Unlock", user="yamada")

    def test_one_recovery_code_one_success(self):
        m = self.machine()
        m.enroll("yamada")
        for n in range(ROUNDS):
            if n % 10 == 0:
                codes = m.call("Codes", user="yamada")["codes"]
            results = m.parallel([lambda: m.login("yamada", codes[n % 10])] * PARALLEL)
            self.assertEqual((results.count(True), results.count(False)), (1, PARALLEL - 1), f"round {n}: {results}")
            m.call("Unlock", user="yamada")

    def test_two_users_do_not_disturb_each_other(self):
        """Each with ten tries of his one code, all at once: one try of each succeeds."""
        m = self.machine()
        users = ("yamada", "suzuki")
        for u in users:
            m.enroll(u)
        for n in range(ROUNDS):
            m.clock(MONDAY_NOON + 60 * n, 1000 + 2000 * n)
            codes = {u: m.code(u) for u in users}
            results = m.parallel([lambda u=u: m.login(u, codes[u]) for u in users * (PARALLEL // 2)])
            self.assertEqual([results[k::2].count(True) for k in range(2)], [1, 1], f"round {n}: {results}")
            self.assertEqual(results.count(False), PARALLEL - 2, results)
            for u in users:
                m.call("Unlock", user=u)


class Killed(Verifier):
    """kill -9 at each system call of a verification: what was acknowledged stays, a used code stays used, and a try that
    was looked at stays counted."""

    def copy(self):
        root = tempfile.mkdtemp(prefix="otp-")
        shutil.rmtree(root)
        shutil.copytree(self.m.root, root, symlinks=True)
        m = Machine.__new__(Machine)
        m.__dict__.update(self.m.__dict__, root=type(self.m.root)(root), process=None)
        return m

    def settle(self, m):
        """Waits until the connection by which start() knocked is over for the verifier too: its end is not to be traced."""
        def sockets():
            links = []
            for fd in os.listdir(f"/proc/{m.process.pid}/fd"):
                try:
                    links.append(os.readlink(f"/proc/{m.process.pid}/fd/{fd}"))
                except OSError:
                    pass
            return sum(link.startswith("socket:") for link in links)
        for _ in range(2000):
            if sockets() <= 1:
                break
            time.sleep(0.002)
        else:
            self.fail("the verifier keeps a connection")
        time.sleep(0.01)

    def traced(self, m, code, *options):
        """One verification under strace: accepted or not, None when there was no answer."""
        self.settle(m)
        tracer = subprocess.Popen(["strace", "-qq", "-p", str(m.process.pid), *options], stderr=subprocess.DEVNULL)
        try:
            for _ in range(1000):  # until it is attached
                with open(f"/proc/{m.process.pid}/status", encoding="ascii") as f:
                    if f"TracerPid:\t{tracer.pid}\n" in f.read():
                        break
                time.sleep(0.002)
            return m.login("yamada", code)
        except (OSError, EOFError):
            return None
        finally:
            m.process.kill()
            m.process.wait()
            m.process = None
            tracer.wait()

    def calls(self, code):
        """What a verification calls, in order: (name, how many of that name so far)."""
        m = self.copy()
        try:
            m.start()
            self.traced(m, code, "-o", m.root / "trace")
            names = re.findall(r"^([a-z_0-9]+)\(", (m.root / "trace").read_text(), re.M)
            return [(name, names[:n + 1].count(name)) for n, name in enumerate(names)]
        finally:
            m.stop(signal.SIGKILL)
            shutil.rmtree(m.root)

    def one(self, call, code):
        """Killed at that call: the call, the answer, what had been done by then, failures counted, the same code again."""
        m = self.copy()
        try:
            m.start()
            trace = m.root / "trace"
            first = self.traced(m, code, "-o", trace, "-e", f"inject={call[0]}:signal=KILL:when={call[1]}")
            done = re.findall(r"^(pwrite64|fdatasync)\(.*\) += [0-9]", trace.read_text(), re.M)
            m.start()
            return call, first, done, m.user("yamada")["failures"], m.login("yamada", code)
        finally:
            m.stop(signal.SIGKILL)
            shutil.rmtree(m.root)

    def run_through(self, good, recovery=False):
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        m = self.machine()
        m.enroll("yamada")
        code = m.call("Codes", user="yamada")["codes"][0] if recovery else m.code("yamada") if good else m.wrong("yamada")
        m.stop()
        m.socket.unlink()
        calls = self.calls(code)
        self.assertGreater(len(calls), 50)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            seen = list(pool.map(lambda call: self.one(call, code), calls))
        # A few calls may follow the answer before the verifier rests: more on a busy machine.
        self.assertGreater(sum(row[1] is None for row in seen), 0.9 * len(seen), "nearly all kills came before the answer")
        for row in seen:
            _, first, done, failures, second = row
            self.assertFalse(first and second, f"two successes: {row}")
            # The first write is the charge's, and what follows it is looked at only once that is on the disk.
            self.assertFalse(not good and "fdatasync" in done and failures != 1, f"a lost charge: {row}")
            self.assertFalse(not done and (failures or second != good), f"nothing was written, nothing is different: {row}")
        self.assertTrue(any(not row[2] for row in seen) and any("fdatasync" in row[2] for row in seen))
        if good:
            used_up = [row for row in seen if not row[4]]
            # Charge and witness come first; with a one-time code the floor of time too.
            self.assertTrue(used_up and all(row[2].count("pwrite64") >= (3 if recovery else 4) for row in used_up),
                            f"used up before it was counted: {used_up}")
        else:
            self.assertFalse(any(row[1] or row[4] for row in seen))

    def test_right_code(self):
        self.run_through(True)

    def test_wrong_code(self):
        self.run_through(False)

    def test_recovery_code(self):
        self.run_through(True, recovery=True)


class Disk(Verifier):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")

    def on_small_disk(self):
        """State and record on a file system of 8 MiB. Mounted in this process's own mount namespace."""
        if not getattr(Disk, "apart", False):
            unshare_mounts()
            Disk.apart = True
        root = tempfile.mkdtemp(prefix="otp-")
        image = root + ".img"
        with open(image, "wb") as f:
            f.truncate(8 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-m", "0", image], check=True)
        mounted = subprocess.run(["mount", "-o", "loop", image, root], capture_output=True, text=True, check=False)
        if mounted.returncode:
            self.skipTest("no loop mounts here: " + mounted.stderr.strip())
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        self.addCleanup(os.unlink, image)
        self.addCleanup(subprocess.run, ["umount", "-l", root], check=False)
        return self.machine(root=root)

    def fill(self, m):
        with open(m.root / "filler", "wb", buffering=0) as f:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    continue

    def test_full_disk_neither_denies_nor_replays(self):
        m = self.on_small_disk()
        m.enroll("yamada")
        codes = m.call("Codes", user="yamada")["codes"]
        self.fill(m)
        with self.assertRaises(OSError):
            (m.root / "more").write_bytes(b"x" * 8192)
        code = m.code("yamada")
        self.assertFalse(m.login("yamada", m.wrong("yamada")))
        self.assertEqual(m.user("yamada")["failures"], 1, "counted")
        self.assertTrue(m.login("yamada", code), "not denied")
        self.assertFalse(m.login("yamada", code), "not replayed")
        self.assertTrue(m.login("yamada", codes[0]))
        self.assertFalse(m.login("yamada", codes[0]))
        m.restart(signal.SIGKILL)
        self.assertFalse(m.login("yamada", code))
        self.assertFalse(m.login("yamada", codes[0]))
        self.assertTrue(m.login("yamada", m.code("yamada", 1)))

    def test_read_only_disk_denies(self):
        m = self.on_small_disk()
        m.enroll("yamada")
        m.enroll("suzuki")
        self.assertTrue(m.login("suzuki", m.code("suzuki")))
        code = m.code("yamada")
        m.stop()
        state = m.root / "var/lib/sekisho/otp"
        subprocess.run(["mount", "--bind", state, state], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)
        m.start()
        self.assertFalse(m.login("yamada", code), "a try that cannot be counted is not looked at")
        self.assertFalse(m.call("Challenge", user="kinkyu", service="login")["ask"], "the way in for emergencies stays")
        m.stop()
        subprocess.run(["umount", state], check=True)
        m.start()
        self.assertEqual(m.user("yamada")["failures"], 0)
        self.assertTrue(m.login("yamada", code))


def unshare_mounts():
    import ctypes  # Python 3.11 has no os.unshare()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000) != 0 or libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None) != 0:
        raise unittest.SkipTest("no mount namespace: " + os.strerror(ctypes.get_errno()))


class Tampered(Verifier):
    def prepared(self):
        m = self.machine()
        m.enroll("yamada")
        self.assertTrue(m.login("yamada", m.code("yamada")))
        self.used = m.code("yamada")
        return m

    def assert_denied(self, m, why):
        self.assertFalse(m.login("yamada", self.used), why)
        self.assertFalse(m.login("yamada", m.code("yamada", 1)), why)
        self.assertTrue(m.call("Challenge", user="yamada", service="login")["ask"], why + ": never exempt")

    def test_missing_and_damaged_files_deny(self):
        m = self.prepared()
        folder = m.folder(3001)
        for name in ("state", "secret", "lock"):
            kept = (folder / name).read_bytes()
            for what, content in (("missing", None), ("zeroed", bytes(len(kept))), ("empty", b""), ("longer", kept + b"x"),
                                  ("shorter", kept[:-1])):
                if name == "lock" and what != "missing":
                    continue
                (folder / name).unlink()
                if content is not None:
                    (folder / name).write_bytes(content)
                self.assert_denied(m, f"{name} {what}")
                (folder / name).unlink(missing_ok=True)
                (folder / name).write_bytes(kept)
            os.rename(folder / name, folder / "aside")
            os.symlink("aside", folder / name)
            if name != "lock":
                self.assert_denied(m, f"{name} is a link")
            (folder / name).unlink()
            os.rename(folder / "aside", folder / name)
        self.assertTrue(m.login("yamada", m.code("yamada", 1)), "what was put back as it was is good")

    def test_every_byte(self):
        m = self.prepared()
        for name, size in (("state", 256), ("secret", None)):
            path = m.folder(3001) / name
            kept = path.read_bytes()
            offsets = list(range(size or len(kept))) + ([4096 + i for i in range(256)] if size else [])
            for offset in offsets[::7]:  # each byte and bit: test_state, test_seal
                changed = bytearray(kept)
                changed[offset] ^= 0x10
                path.write_bytes(changed)
                self.assertEqual(m.user("yamada")["state"], "damaged", f"{name} at {offset}")
                if offset % 5 == 0:
                    self.assertFalse(m.login("yamada", m.code("yamada", 1)))
            path.write_bytes(kept)
        self.assertTrue(m.login("yamada", m.code("yamada", 1)))

    def test_put_back(self):
        m = self.machine()
        m.enroll("yamada")
        path = m.folder(3001) / "state"
        old = path.read_bytes()
        code = m.code("yamada")
        self.assertTrue(m.login("yamada", code))
        path.write_bytes(old)
        self.assertFalse(m.login("yamada", code), "a state from before brings no code back")
        m.restart()
        self.assertFalse(m.login("yamada", code), "nor after a restart")
        self.assertIn("state-rolled-back", [r["unmapped"]["sekisho"].get("detail") for r in m.records()])
        m.call("Unlock", user="yamada")
        self.assertFalse(m.login("yamada", code), "nor when an admin mends it")
        m.clock(MONDAY_NOON + 90, 2000)
        self.assertTrue(m.login("yamada", m.code("yamada")))

    def test_whole_directory_put_back(self):
        m = self.prepared()
        kept = m.root / "kept"
        shutil.copytree(m.root / "var/lib/sekisho/otp", kept)
        m.clock(MONDAY_NOON + 60, 2000)
        code = m.code("yamada")
        self.assertTrue(m.login("yamada", code))
        m.stop()
        shutil.rmtree(m.root / "var/lib/sekisho/otp")
        shutil.copytree(kept, m.root / "var/lib/sekisho/otp")
        m.start()
        self.assertFalse(m.login("yamada", code))

    def test_another_machine_or_key(self):
        m = self.prepared()
        m.stop()
        m.write("etc/machine-id", "f" * 32 + "\n")
        m.start()
        self.assert_denied(m, "another machine")
        m.stop()
        m.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        (m.root / "var/lib/sekisho/otp/key").unlink()
        m.start()
        self.assert_denied(m, "no key")
        self.assertIn("damaged", [f["code"] for f in m.call("Status")["attention"]])
        self.assertFalse((m.root / "var/lib/sekisho/otp/key").exists(), "no new key over what the old one sealed")

    def test_credential(self):
        m = self.machine()
        m.enroll("yamada")
        m.stop()
        credentials = m.root / "credentials"
        credentials.mkdir()
        (credentials / "sekisho-otp.key").write_bytes(bytes(range(32)))
        m.start(environment={"CREDENTIALS_DIRECTORY": str(credentials)})
        self.assertEqual(m.call("Status")["key"], "credential")
        m.enroll("suzuki")
        self.assertTrue(m.login("yamada", m.code("yamada")), "sealed with the file's key")
        self.assertTrue(m.login("suzuki", m.code("suzuki")))
        code = m.call("Codes", user="yamada")["codes"][0]
        self.assertTrue(m.login("yamada", code))
        m.restart()
        self.assertTrue(m.login("yamada", m.code("yamada", 1)))
        self.assertFalse(m.login("suzuki", m.code("suzuki", 1)), "sealed with a key that is not here now")


class Clock(Verifier):
    def used_to(self, m, at):
        """Somebody logged in at that time."""
        m.clock(at, 1000)
        self.assertTrue(m.login("yamada", m.code("yamada")))
        return m.code("yamada")

    def true_code(self, m, when):
        r = m.secrets["yamada"]
        return totp(r["secret"], int(when) // r["period"])

    def test_set_back_brings_no_code_back(self):
        m = self.machine()
        m.enroll("yamada")
        used = self.used_to(m, MONDAY_NOON)
        for wall in (MONDAY_NOON - DAY, 0, 59, MONDAY_NOON - 30):
            m.clock(wall, 2000)
            self.assertFalse(m.login("yamada", used), wall)
            m.restart()
            self.assertFalse(m.login("yamada", used), wall)
            m.call("Unlock", user="yamada")
        m.clock(MONDAY_NOON + 60, 3000)
        self.assertTrue(m.login("yamada", m.code("yamada")))

    def test_two_consecutive_codes_mend_a_wrong_clock(self):
        for name, wrong in (("1970", 0), ("2038", 2**31 - 1), ("minus a day", -DAY), ("plus a year", 365 * DAY),
                            ("2099", 4070908800)):
            with self.subTest(name):
                m = Machine()
                try:
                    m.clock(MONDAY_NOON, 1000)
                    m.start()
                    m.enroll("yamada")
                    self.used_to(m, MONDAY_NOON)
                    true = MONDAY_NOON + 3600
                    wall = true + wrong if name in ("minus a day", "plus a year") else wrong
                    m.clock(wall, 5000)
                    self.assertFalse(m.login("yamada", self.true_code(m, true)), "one code proves nothing")
                    m.clock(wall + 30, 5030)
                    self.assertTrue(m.login("yamada", self.true_code(m, true + 30)), "two in a row do")
                    self.assertFalse(m.login("yamada", self.true_code(m, true + 30)), "once")
                    if wall < MONDAY_NOON:
                        suspect = [r["unmapped"]["sekisho"]["login"]["clock_suspect"] for r in m.records()
                                   if r["unmapped"]["sekisho"]["login"]["phase"] == "auth"]
                        self.assertTrue(suspect[-1], "said in the record")
                    m.clock(wall + 90, 5090)
                    if wall >= MONDAY_NOON:
                        self.assertTrue(m.login("yamada", self.true_code(m, true + 90)), "the offset is kept")
                    m.clock(true + 7200, 20000)
                    self.assertFalse(m.login("yamada", self.true_code(m, true + 7200)) and wall < MONDAY_NOON - 2 * DAY)
                    m.clock(true + 7230, 20030)
                    m.login("yamada", self.true_code(m, true + 7230))
                    m.clock(true + 7290, 20090)
                    self.assertTrue(m.login("yamada", self.true_code(m, true + 7290)), "mended again once it is right")
                finally:
                    m.close()

    def test_codes_that_are_not_consecutive(self):
        m = self.machine()
        m.enroll("yamada")
        self.used_to(m, MONDAY_NOON)
        for n, (first, second, pause) in enumerate(((3600, 3660, 30), (3600, 3600, 30), (3630, 3600, 30), (3600, 3630, 400),
                                                    (-3600, -3570, 30), (20 * DAY, 20 * DAY + 30, 30))):
            m.call("Unlock", user="yamada")
            m.clock(MONDAY_NOON + 60, 10000 * (n + 1))
            self.assertFalse(m.login("yamada", self.true_code(m, MONDAY_NOON + first)))
            m.clock(MONDAY_NOON + 60, 10000 * (n + 1) + pause)
            self.assertFalse(m.login("yamada", self.true_code(m, MONDAY_NOON + second)), (first, second, pause))
            self.assertFalse(m.login("yamada", m.wrong("yamada")))

    def test_a_glitch_poisons_nothing(self):
        m = self.machine()
        m.enroll("yamada")
        self.used_to(m, MONDAY_NOON)
        m.clock(4070908800, 2000)
        self.assertFalse(m.login("yamada", m.wrong("yamada")))
        m.restart()
        m.clock(MONDAY_NOON + 60, 3000)
        self.assertTrue(m.login("yamada", m.code("yamada")))
        self.assertNotIn("clock-suspect", [f["code"] for f in m.call("Status")["attention"]])


class Grants(Verifier):
    def sign(self, text):
        path = self.m.root / "grant.yaml"
        path.write_text(text)
        path.with_suffix(".yaml.sig").unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", self.namespace, "-f", self.key, path], check=True,
                       capture_output=True)
        return {"document": text, "signature": path.with_suffix(".yaml.sig").read_text()}

    def test_by_phone(self):
        if not shutil.which("ssh-keygen"):
            self.skipTest("ssh-keygen is not installed")
        m = self.machine()
        self.key, self.namespace = m.root / "key", "grant@sekisho"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        public = " ".join(self.key.with_suffix(".pub").read_text().split()[:2])
        m.enroll("yamada")
        nonce = m.verify("yamada", "？")["nonce"]
        self.assertRegex(nonce, r"^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$")
        self.assertEqual(m.user("yamada")["failures"], 0, "asking is not trying")
        self.assertEqual(m.verify("yamada", "?")["nonce"], nonce)
        self.assertNotEqual(m.verify("suzuki", "?")["nonce"], nonce, "somebody without a token sees one too")

        def grant(**changes):
            v = {"nonce": nonce, "user": "yamada", "host": "0123456789abcdef0123456789abcdef",
                 "expires": "2026-11-23T18:00:00+09:00", **changes}
            return (f"sekisho-grant: 1\nheader: {{fleet: test, id: 6f1c2a, issued: 2026-11-23T11:50:00+09:00, "
                    f"expires: {v['expires']}, target: [host:{v['host']}]}}\nuser: {v['user']}\nnonce: {v['nonce']}\n"
                    "reason: 機器の紛失\napprover: 情報政策課長\n")

        def refused(reason, **message):
            with self.assertRaises(OtpError) as raised:
                m.call("Grant", **message)
            self.assertEqual((raised.exception.name, raised.exception.parameters["reason"]), ("GrantRefused", reason))

        refused("no-trust", **self.sign(grant()))
        m.write("var/lib/sekisho/policy/trust.yaml",
                "sekisho-trust: 1\nheader: {fleet: test, version: 1, issued: 2026-01-01T00:00:00+09:00, expires: never}\n"
                "roles: {trust: {threshold: 1}, policy: {threshold: 1}, permit: {threshold: 1}, audit: {threshold: 1}}\n"
                f"holders:\n  - {{name: 課長, roles: [trust, policy, permit, audit], key: {public}}}\n")
        good = self.sign(grant())
        refused("signature", document=good["document"].replace("紛失", "盗難"), signature=good["signature"])
        refused("signature", document=good["document"], signature="")
        self.namespace = "permit@sekisho"
        refused("signature", **self.sign(grant()))
        self.namespace = "grant@sekisho"
        refused("target", **self.sign(grant(host="f" * 32)))
        refused("expired", **self.sign(grant(expires="2026-11-23T11:55:00+09:00")))
        refused("nonce", **self.sign(grant(nonce="ABCD-EFGH-JKMN")))
        refused("not-enrolled", **self.sign(grant(user="suzuki")))
        self.assertFalse(m.login("yamada", nonce), "not before it is granted")

        m.call("Grant", **good)
        self.assertFalse(m.login("yamada", nonce, decoy=True), "not without the password")
        self.assertFalse(m.login("suzuki", nonce))
        answer = m.verify("yamada", nonce.lower())
        self.assertEqual((answer["accepted"], answer["reenrol"]), (True, True))
        self.assertFalse(m.login("yamada", nonce), "once")
        refused("nonce", **good)
        self.assertNotEqual(m.verify("yamada", "?")["nonce"], nonce)
        codes = [(r["metadata"]["event_code"], r["unmapped"]["sekisho"]["login"]["factor"]) for r in m.records()]
        self.assertIn(("login-accepted", "grant"), codes)

        nonce = m.verify("yamada", "?")["nonce"]
        m.call("Grant", **self.sign(grant()))
        m.clock(MONDAY_NOON + 7 * 3600, 100000)
        self.assertFalse(m.login("yamada", nonce), "past its end")


if __name__ == "__main__":
    unittest.main()
