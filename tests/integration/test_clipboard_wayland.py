#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clipboard guard on Wayland, under a headless sway: what arrives where, and who it is taken for."""
import fakeroot
from fakeroot import eventually
from waylandlab import WaylandTest
from x11lab import SESSION, SessionTest, clipboard

import os
import pathlib
import shutil
import subprocess
import sys
import time

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
NUMBER = "個人番号 123456789018\n".encode()


class Wayland(WaylandTest):
    def test_matrix(self):
        rows = [
            ("juminhyo", "juminhyo", "text/plain;charset=utf-8", "山田太郎".encode(), True),
            ("juminhyo", "office", "text/plain;charset=utf-8", "山田太郎".encode(), True),
            ("office", "juminhyo", "text/plain;charset=utf-8", b"minutes", False),
            ("juminhyo", "outside", "text/plain;charset=utf-8", b"secret", False),
            ("outside", "juminhyo", "text/plain;charset=utf-8", b"from nowhere", False),
            ("juminhyo", "juminhyo", "image/png", PNG, True),
            ("juminhyo", "office", "image/png", PNG, False),
            ("juminhyo", "juminhyo", "text/html", b"<b>x</b>", True),
            ("juminhyo", "office", "text/html", b"<b>x</b>", False),
            ("juminhyo", "office", "text/plain;charset=utf-8", b"x" * 4096, True),
            ("juminhyo", "office", "text/plain;charset=utf-8", b"x" * 4097, False),
            ("juminhyo", "office", "text/plain;charset=utf-8", NUMBER, False),
            ("juminhyo", "juminhyo", "text/plain;charset=utf-8", NUMBER, True),
            ("juminhyo", "juminhyo", "image/png", os.urandom(20_000_003), True),
        ]
        for primary in (False, True):
            for source, to, kind, data, arrives in rows:
                with self.subTest(source=source, to=to, kind=kind, size=len(data), primary=primary):
                    self.copy(source, data, kind, primary)
                    got = self.paste(to, kind, primary)
                    if arrives:
                        self.assertEqual(got, data)
                    else:
                        self.assertIsNone(got)

    def test_record(self):
        self.copy("juminhyo", NUMBER)
        self.assertIsNone(self.paste("office"))
        paste = eventually(lambda: next((p for p in self.pastes() if p["paste"]["my_number"]), None), "the record")["paste"]
        self.assertEqual((paste["from"], paste["to"], paste["bytes"]), ("juminhyo", "office", len(NUMBER)))
        self.assertNotIn(b"123456789018", self.machine.record_file.read_bytes())

    def memory(self):
        status = pathlib.Path(f"/proc/{self.helper.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def test_emptied(self):
        """What nobody has on the clipboard any more the helper does not keep either."""
        before = self.memory()
        self.copy("juminhyo", os.urandom(100_000_000), "image/png")
        self.assertEqual(len(self.paste("juminhyo", "image/png")), 100_000_000)
        self.assertGreater(self.memory() - before, 90_000, "it is held")
        subprocess.run(["wl-copy", "--clear"], env=self.environment, check=True, timeout=30)
        eventually(lambda: self.memory() - before < 50_000, "it is wiped")
        self.assertIsNone(self.paste("juminhyo", "image/png"))

    def test_a_new_policy_clears_what_is_held(self):
        self.copy("office", b"old")
        time.sleep(2)
        self.assertEqual(self.paste("office"), b"old")
        self.machine.install(fakeroot.policy(serial=2) + clipboard(self.FLOWS, clear="3s", where=self.programs))
        eventually(lambda: not self.paste("office"), "it is cleared", 15)
        self.copy("office", b"new")
        self.assertEqual(self.paste("office"), b"new")

    def test_killed(self):
        self.copy("office", b"text")
        self.assertEqual(self.paste("office"), b"text")
        self.helper.kill()
        self.helper.wait()
        self.assertIsNone(self.paste("office"))


class Renamed(Wayland):
    """ext-data-control: sway of Debian 12 has the one by wlroots only. Between it and the helper stands a relay that gives the
    first the names of the second; requests and events are the same."""
    def start_display(self):
        super().start_display()
        runtime = self.environment["XDG_RUNTIME_DIR"]
        relay = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("wayland_relay.py"),
                                  f"{runtime}/{self.environment['WAYLAND_DISPLAY']}", f"{runtime}/relay"], stdout=subprocess.PIPE,
                                 text=True)
        self.addCleanup(relay.stdout.close)
        self.addCleanup(self.stop_process, relay)
        self.assertEqual(relay.stdout.readline(), "ready\n")
        self.relay = relay

    def start_helper(self):
        programs = self.environment
        self.environment = {**programs, "WAYLAND_DISPLAY": "relay"}
        with open(self.machine.root / "session.log", "ab") as log:
            self.helper = subprocess.Popen([SESSION, "--root", self.machine.root, "--session", "c7"], env=self.environment,
                                           stdout=log, stderr=log)
        self.environment = programs
        self.addCleanup(self.stop_process, self.helper)
        self.assertEqual(self.relay.stdout.readline(), "bound ext_data_control_manager_v1\n")
        eventually(self.helped, "the helper has the policy")


class WithoutDataControl(SessionTest):
    """As under GNOME: the helper lives, and says that it cannot guard."""
    def start_helper(self):
        pass

    def test_it_says_so(self):
        if not shutil.which("weston"):
            self.skipTest("no weston")
        runtime = self.machine.root / "runtime"
        runtime.mkdir(mode=0o700)
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
        server = subprocess.Popen(["weston", "--backend=headless-backend.so", "--socket=wayland-9"], env=environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop_process, server)
        eventually((runtime / "wayland-9").exists, "weston", 60)
        self.environment = {**environment, "WAYLAND_DISPLAY": "wayland-9", "LC_ALL": "C.UTF-8"}
        with open(self.machine.root / "session.log", "ab") as log:
            self.helper = subprocess.Popen([SESSION, "--root", self.machine.root, "--session", "c7"], env=self.environment,
                                           stdout=log, stderr=log)
        self.addCleanup(self.stop_process, self.helper)
        eventually(lambda: "Wayland" in self.helper_log(), "it says so")
        self.assertIsNone(self.helper.poll(), "it stays, and tells the agent")


if __name__ == "__main__":
    fakeroot.main()
