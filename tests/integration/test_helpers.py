#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a graphical session whose helper is gone, stopped or cannot guard, by `without-helper`; and who may say
what about which session."""
import fakeroot
from fakeroot import BUILD, SOURCE, AgentTest, VarlinkError, eventually, policy

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

SESSION = BUILD / "agent/session/sekisho-session"
CLIPBOARD = """clipboard:
  default: block
  zones: [{{id: a, programs: [/usr/bin/true]}}]
  flows: [{{from: a, to: a, allow: [text]}}]
  without-helper: {deed}
"""
BUS = """<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"""


class Helpers(AgentTest):
    deed = "lock"

    def setUp(self):
        super().setUp()
        root = self.machine.root
        (root / "run/dbus").mkdir(parents=True)
        (root / "bus.conf").write_text(BUS.format(root / "run/dbus/system_bus_socket"))
        self.spawn(["dbus-daemon", "--config-file", root / "bus.conf", "--nofork"])
        eventually((root / "run/dbus/system_bus_socket").exists, "the bus")
        self.calls = root / "logind.log"
        self.calls.write_text("")
        self.sessions = root / "sessions.json"

    def spawn(self, command, **options):
        process = subprocess.Popen(command, stdout=options.pop("stdout", subprocess.DEVNULL), **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.send_signal, signal.SIGCONT)
        return process

    def begin(self, deed, *sessions):
        self.machine.ship(policy() + CLIPBOARD.format(deed=deed))
        self.sessions.write_text(json.dumps(sessions or [{"id": "3", "uid": os.getuid()}]))
        self.logind = self.spawn([sys.executable, pathlib.Path(__file__).with_name("fake_logind.py"),
                                  f"unix:path={self.machine.root}/run/dbus/system_bus_socket", self.sessions, self.calls],
                                 stdout=subprocess.PIPE)
        self.addCleanup(self.logind.stdout.close)
        self.assertEqual(self.logind.stdout.readline(), b"ready\n")
        self.machine.start()
        eventually(lambda: self.guard()["subjects"] == len(sessions or [0]), "the agent sees the session")

    def guard(self):
        return self.machine.guard("session")

    def helper(self, session="3", parameters=True):
        stream = self.machine.client()
        self.addCleanup(stream.close)
        stream.send("JoinSession", {"session": session}, more=True)
        return stream

    def alive(self, holding=True, detail="", session="3"):
        self.machine.call("SessionAlive", session=session, holding=holding, detail=detail)

    def done(self, what):
        return [line for line in self.calls.read_text().splitlines() if line == what]

    def within(self, what, seconds=5.0):
        start = time.monotonic()
        eventually(lambda: self.done(what), what)
        took = time.monotonic() - start
        self.assertLess(took, seconds)
        return took

    def test_gone(self):
        self.begin("lock")
        stream = self.helper()
        self.assertEqual(stream.receive()["clipboard"]["zones"][0]["id"], "a")
        eventually(lambda: self.guard()["open"] == 0, "guarded")
        self.alive()
        time.sleep(1.5)
        self.assertFalse(self.calls.read_text())
        stream.close()
        print(f"gone: locked after {self.within('lock 3'):.1f} s")
        self.assertIn("session 3", self.machine.attention()["session-unguarded"]["detail"])
        # The person unlocks it, and there still is none.
        self.logind_call("UnlockSession")
        eventually(lambda: len(self.done("lock 3")) == 2, "locked again")
        stream = self.helper()
        stream.receive()
        eventually(lambda: "session-unguarded" not in self.machine.attention(), "guarded again")

    def logind_call(self, method):
        subprocess.run(["dbus-send", f"--bus=unix:path={self.machine.root}/run/dbus/system_bus_socket", "--print-reply",
                        "--dest=org.freedesktop.login1", "/org/freedesktop/login1",
                        f"org.freedesktop.login1.Manager.{method}", "string:3"], check=True, capture_output=True)

    def test_back_in_time(self):
        self.begin("lock")
        stream = self.helper()
        stream.receive()
        stream.close()
        time.sleep(1)
        stream = self.helper()
        stream.receive()
        for _ in range(4):
            self.alive()
            time.sleep(1)
        self.assertFalse(self.calls.read_text(), "one that started again at once")

    def test_silent(self):
        self.begin("end-session")
        stream = self.helper()
        stream.receive()
        self.alive()
        print(f"silent: ended after {self.within('end 3'):.1f} s")
        eventually(lambda: self.guard()["subjects"] == 0, "the session is over")

    def test_cannot_guard(self):
        self.begin("lock")
        stream = self.helper()
        stream.receive()
        self.alive(holding=False, detail="no data-control")
        self.within("lock 3")
        self.assertIn("no data-control", self.machine.attention()["session-unguarded"]["detail"])

    def test_record_only(self):
        self.begin("record")
        stream = self.helper()
        stream.receive()
        stream.close()
        eventually(lambda: "session-unguarded" in self.machine.attention(), "a finding")
        self.assertFalse(self.calls.read_text())
        self.assertTrue(any(r["unmapped"]["sekisho"].get("agent", {}).get("code") == "session-unguarded"
                            for r in self.machine.record()))

    def test_observe_asks_for_nothing(self):
        self.begin("lock")
        self.machine.install(policy(serial=2) + CLIPBOARD.format(deed="lock") + "  mode: observe\n")
        stream = self.helper()
        self.assertEqual(stream.receive()["clipboard"]["mode"], "observe")
        stream.close()
        time.sleep(5)
        self.assertFalse(self.calls.read_text())

    def test_policy_changes_are_told(self):
        self.begin("record")
        stream = self.helper()
        self.assertEqual(stream.receive()["clipboard"]["serial"], 1)
        self.machine.install(policy(serial=2) + CLIPBOARD.format(deed="record") + "  clear-after: 5s\n")
        changed = stream.receive()["clipboard"]
        self.assertEqual((changed["serial"], changed["clear_after"]), (2, 5))

    def test_the_session_of_another(self):
        self.begin("record", {"id": "3", "uid": os.getuid() + 1}, {"id": "4", "uid": os.getuid()})
        with self.assertRaises(VarlinkError):
            self.helper("3").receive()
        self.assertTrue(self.helper("4").receive())
        with self.assertRaises(VarlinkError):
            self.alive(session="3")
        self.alive(session="4")

    def test_names_of_ones_own_making(self):
        """A user does not take the places of others' sessions; one whose session logind names gets in all the same."""
        self.begin("record", {"id": "3", "uid": os.getuid()})
        for n in range(4):
            self.assertTrue(self.helper(f"made-up-{n}").receive())
        with self.assertRaises(VarlinkError):
            self.helper("made-up-4").receive()
        self.assertTrue(self.helper("3").receive())
        self.assertTrue(self.helper("made-up-0").receive(), "the same again takes no other place")

    def test_text_sessions_and_greeters_need_none(self):
        self.begin("lock", {"id": "3", "uid": os.getuid()})
        stream = self.helper()
        stream.receive()
        self.sessions.write_text(json.dumps([{"id": "3", "uid": os.getuid()}, {"id": "5", "uid": 1, "type": "tty"},
                                             {"id": "6", "uid": 2, "class": "greeter"}]))
        self.logind.send_signal(signal.SIGHUP)
        for _ in range(5):
            self.alive()
            time.sleep(1)
        self.assertEqual(self.guard()["subjects"], 1)
        self.assertFalse(self.calls.read_text())

    def test_reports(self):
        self.begin("record")
        self.helper().receive()
        report = {"session": "3", "selection": "clipboard", "from": "a", "from_program": "/usr/bin/true", "to_program": "/bin/x",
                  "types": ["text"], "bytes": 12, "my_number": False, "focused": True, "count": 1, "storm": False}
        for key, value in (("types", ["video"]), ("selection", "x"), ("count", 0), ("bytes", -1), ("session", "9"),
                           ("from_program", "x" * 5000)):
            with self.assertRaises(VarlinkError, msg=key):
                self.machine.call("ReportPaste", **{**report, key: value})
        for _ in range(200):
            self.machine.call("ReportPaste", **report)
        self.alive()

        def counted():
            own = [r["unmapped"]["sekisho"]["paste"]["count"] for r in self.machine.record()
                   if r["metadata"]["event_code"] in ("paste-refused", "paste-storm")]
            return sum(own) == 200 and len(own)
        records = eventually(counted, "every one is counted")
        self.assertLess(records, 120, "a flood is summed up")

    def test_reports_of_one_that_joins_again(self):
        """Joining again, with the first helper there or gone, gives no fresh bucket, and forgets none that was counted."""
        self.begin("record")
        report = {"session": "3", "selection": "clipboard", "from": "a", "from_program": "/usr/bin/true", "to_program": "/bin/x",
                  "types": ["text"], "bytes": 12, "my_number": False, "focused": True, "count": 1, "storm": False}
        start = time.monotonic()
        for leave in (False, True, False, True, False):
            stream = self.helper()
            stream.receive()
            for _ in range(60):
                self.machine.call("ReportPaste", **report)
            if leave:
                stream.close()
                eventually(lambda: self.guard()["open"] == 1, "it is gone")
        took = time.monotonic() - start
        self.alive()

        def told(code):
            return [r["unmapped"]["sekisho"]["paste"]["count"] for r in self.machine.record()
                    if r["metadata"]["event_code"] == code]
        eventually(lambda: sum(told("paste-refused")) + sum(told("paste-storm")) == 300, "every one is counted")
        self.assertLessEqual(len(told("paste-refused")), 40 + 10 * (took + 1), f"one bucket in {took:.1f} s")

    def test_the_real_one_is_stopped(self):
        if not shutil.which("Xvfb"):
            self.skipTest("no Xvfb")
        self.begin("lock")
        read, write = os.pipe()
        self.spawn(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as number:
            display = f":{number.readline().strip()}"
        helper = self.spawn([SESSION, "--root", self.machine.root, "--session", "3"],
                            env={**os.environ, "DISPLAY": display, "XDG_RUNTIME_DIR": str(self.machine.root)})
        eventually(lambda: self.guard()["open"] == 0, "guarded")
        time.sleep(5)
        self.assertFalse(self.calls.read_text(), "it lives, and is left alone")
        helper.send_signal(signal.SIGSTOP)
        print(f"stopped: locked after {self.within('lock 3'):.1f} s")


if __name__ == "__main__":
    fakeroot.main()
