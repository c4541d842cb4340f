#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An older disk image is put back, and the TPM knows: swtpm, the real sekisho-tpm and the real agent."""

import fakeroot
from fakeroot import ALLOW_READER, BUILD, READER, AgentTest, VarlinkError, eventually, policy
import test_trust

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

INDEX = 0x01800730
STORE = "var/lib/sekisho/policy"
TOOLS = ("swtpm", "systemd-socket-activate", "ssh-keygen")


class TpmTest(AgentTest):
    """A fake machine with a TPM, whose agent is told to use it."""

    def setUp(self):
        super().setUp()
        m = self.machine
        self.running = []
        self.addCleanup(lambda: [p.kill() or p.wait() for p in self.running])
        self.state = tempfile.TemporaryDirectory(prefix="sekisho-swtpm-")
        self.addCleanup(self.state.cleanup)
        (m.root / "run/sekisho").mkdir(parents=True, exist_ok=True)
        self.switch_on()
        self.helper = self.spawn("systemd-socket-activate", "--seqpacket", "--accept", "--inetd",
                                 "-l", m.root / "run/sekisho/tpm.sock", BUILD / "agent/tpm/sekisho-tpm", "--root", m.root)
        eventually(lambda: (m.root / "run/sekisho/tpm.sock").exists(), "the helper listens")
        (m.root / "etc/sekisho").mkdir()
        m.write("etc/sekisho/terminal.yaml", f"sekisho-terminal: 1\ntpm-counter: {INDEX:08x}\n")
        m.plug("1-1", 0x04E6, 0x5116, READER)

    def spawn(self, *words):
        process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.running.append(process)
        return process

    def switch_on(self):
        path = self.machine.root / "dev/tpmrm0"
        path.unlink(missing_ok=True)
        self.swtpm = self.spawn("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state.name}", "--server",
                                f"type=unixio,path={path}", "--flags", "not-need-init,startup-clear")
        eventually(path.exists, "swtpm listens")

    def switch_off(self):
        self.swtpm.terminate()
        self.swtpm.wait()
        (self.machine.root / "dev/tpmrm0").unlink(missing_ok=True)

    def image(self):
        """A copy of the disk, as somebody makes it who has the terminal for an hour."""
        copy = tempfile.mkdtemp(prefix="sekisho-image-")
        self.addCleanup(shutil.rmtree, copy)
        shutil.copytree(self.machine.root / "var", pathlib.Path(copy) / "var")
        return pathlib.Path(copy) / "var"

    def put_back(self, image):
        self.machine.stop()
        shutil.rmtree(self.machine.root / "var")
        shutil.copytree(image, self.machine.root / "var")
        self.machine.start()

    def kept(self):
        return json.loads((self.machine.root / STORE / "state.json").read_text()).get("counter")

    def findings(self):
        return {code for code in self.machine.attention() if code.startswith("tpm-") or code == "image-restored"}

    def reader_is(self, is_open, reason):
        m = self.machine
        eventually(lambda: m.open("1-1") == is_open, f"the reader is {'open' if is_open else 'shut'}")
        self.assertEqual(m.settled("1-1")["reason"], reason)

    def started(self, *serials):
        self.machine.start()
        for serial in serials:
            self.machine.install(policy(serial, [ALLOW_READER]))
        self.reader_is(True, "rule")


class Tpm(TpmTest):
    def test_an_older_image(self):
        m = self.machine
        m.start()
        self.assertEqual(self.findings(), {"tpm-counter-unset"})
        m.install(policy(2, [ALLOW_READER]))
        self.assertEqual(self.findings(), set())
        first = self.kept()
        old = self.image()
        m.install(policy(3, [ALLOW_READER]))
        self.assertEqual(self.kept(), first + 1)
        m.kill()
        m.start()
        self.assertEqual(self.findings(), set())  # the twin: the disk as it was
        self.reader_is(True, "rule")

        self.put_back(old)
        self.assertEqual(self.findings(), {"image-restored"})
        self.reader_is(False, "image-restored")
        m.plug("1-2", 0x04E6, 0x5116, READER)
        self.assertEqual(m.settled("1-2")["reason"], "image-restored")
        self.assertFalse(m.open("1-2"))
        codes = [r["unmapped"]["sekisho"].get("agent", {}).get("code") for r in m.record()]
        self.assertIn("image-restored", codes)
        m.kill()
        m.start()  # it stays so
        self.reader_is(False, "image-restored")
        with self.assertRaises(VarlinkError):
            m.install(policy(2, [ALLOW_READER]))
        self.reader_is(False, "image-restored")
        m.install(policy(4, [ALLOW_READER]))  # the way back
        self.assertEqual(self.findings(), set())
        self.reader_is(True, "rule")
        m.kill()
        m.start()
        self.assertEqual(self.findings(), set())
        self.reader_is(True, "rule")

    def test_keyboards_and_the_floor_stay(self):
        m = self.machine
        m.plug("1-3", 0x046D, 0xC31C, fakeroot.KEYBOARD)
        self.started(2)
        old = self.image()
        m.install(policy(3, [ALLOW_READER]))
        self.put_back(old)
        self.reader_is(False, "image-restored")
        self.assertTrue(m.open("1-3"))

    def test_the_state_is_deleted(self):
        """As if nothing had ever been accepted: the shipped policy would do, but for the counter."""
        self.started(2)
        self.machine.stop()
        shutil.rmtree(self.machine.root / STORE)
        self.machine.start()
        self.assertEqual(self.findings(), {"image-restored"})

    def test_a_trial_and_its_end_count_once(self):
        m = self.machine
        self.started(2)
        first = self.kept()
        m.call("InstallPolicy", text=policy(3, [ALLOW_READER]), trial=60)
        self.assertEqual(self.kept(), first + 1)
        m.kill()
        m.write("proc/sys/kernel/random/boot_id", "99999999-2222-3333-4444-555555555555\n")
        m.start()
        self.assertEqual(m.status()["policy"]["serial"], 2)
        self.assertEqual((self.kept(), self.findings()), (first + 1, set()))

    def test_the_power_goes_between_the_disk_and_the_tpm(self):
        self.started(2)
        self.machine.stop()
        path = self.machine.root / STORE / "state.json"
        state = json.loads(path.read_text())
        state["counter"] += 1
        path.write_text(json.dumps(state))
        old = self.image()
        self.machine.start()
        self.assertEqual(self.findings(), set())
        self.machine.install(policy(3, [ALLOW_READER]))
        self.put_back(old)
        self.assertEqual(self.findings(), {"image-restored"})

    def test_a_tpm_that_is_gone_or_another_locks_nobody_out(self):
        m = self.machine
        self.started(2, 3)
        m.stop()
        self.switch_off()
        m.start()
        self.assertEqual(self.findings(), {"tpm-counter-unreadable"})
        self.reader_is(True, "rule")
        m.install(policy(4, [ALLOW_READER]))
        m.stop()
        shutil.rmtree(self.state.name)
        pathlib.Path(self.state.name).mkdir()
        self.switch_on()  # a new one
        m.start()
        self.assertEqual(self.findings(), {"tpm-counter-lost"})
        self.reader_is(True, "rule")
        m.install(policy(5, [ALLOW_READER]))
        self.assertEqual(self.findings(), set())
        old = self.image()
        m.install(policy(6, [ALLOW_READER]))
        self.put_back(old)
        self.assertEqual(self.findings(), {"image-restored"})

    def test_not_asked_for(self):
        (self.machine.root / "etc/sekisho/terminal.yaml").unlink()
        self.started(2)
        self.assertEqual((self.kept(), self.findings()), (None, set()))


class Trust(TpmTest):
    """A trust document counts, and is a way back."""

    ctl, document, sign = test_trust.TrustTest.ctl, test_trust.TrustTest.document, test_trust.TrustTest.sign

    def setUp(self):
        super().setUp()
        self.keys = {}
        for name in ("kacho", "kakaricho"):
            self.keys[name] = self.machine.root / f"key-{name}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.keys[name]], check=True)

    def test_an_older_image(self):
        self.started(2)
        self.ctl("trust", "init", self.sign(self.document(1), "kacho", "kakaricho"))
        first = self.kept()
        old = self.image()
        self.ctl("trust", "rotate", self.sign(self.document(2), "kacho", "kakaricho"))
        self.assertEqual(self.kept(), first + 1)
        self.put_back(old)
        self.reader_is(False, "image-restored")
        self.ctl("trust", "rotate", self.sign(self.document(2), "kacho", "kakaricho"))
        self.reader_is(True, "rule")
        self.assertEqual(self.findings(), set())


if __name__ == "__main__":
    for tool in TOOLS:
        if not shutil.which(tool):
            print(f"{tool} is not installed")
            sys.exit(77)
    fakeroot.main()
