#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clipboard guard between programs that people use, with keys and clicks as they make them, under a window manager."""
import fakeroot
from fakeroot import eventually
from editors import GTK, QT
from x11lab import SessionTest

import os
import pathlib
import shutil
import subprocess
import time

class Desktop(SessionTest):
    def setUp(self):
        super().setUp()
        self.wm = self.run_program(["openbox"])
        self.n = 0

    def run_program(self, command, **environment):
        process = subprocess.Popen(command, env={**self.environment, "NO_AT_BRIDGE": "1", "GTK_USE_PORTAL": "0", "HOME":
                                                 str(self.machine.root), **environment},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop_process, process)
        return process

    def editor(self, kit, zone, text="", x=10):
        self.n += 1
        title, file = f"{kit}-{zone}-{self.n}", self.machine.root / f"text-{self.n}"
        self.run_program([self.programs / zone / "python3", "-c", {"gtk": GTK, "qt": QT}[kit], title, text, file, str(x)],
                         PYTHONHOME="/usr")
        eventually(file.exists, title, 60)
        window = eventually(lambda: self.xdotool("search", "--name", f"^{title}$").split(), title)[-1]
        return window, file

    def xdotool(self, *words):
        return subprocess.run(["xdotool", *words], env=self.environment, capture_output=True, text=True, check=False).stdout

    def focus(self, window):
        self.xdotool("windowactivate", "--sync", window)
        eventually(lambda: self.xdotool("getactivewindow").strip() == window, "the focus")
        time.sleep(0.2)

    def keys(self, window, *keys):
        self.focus(window)
        for key in keys:
            self.xdotool("key", key)
            time.sleep(0.1)

    def text(self, file):
        return file.read_text().split("\0")[0]

    def marked(self, file):
        return file.read_text().split("\0")[1]

    def pasted(self, file, text):
        try:
            return eventually(lambda: self.text(file) == text, text, 5)
        except AssertionError:
            return False


class Programs(Desktop):
    FLOWS = SessionTest.FLOWS + ("from: office, to: juminhyo, allow: [image]",)

    def test_copy_and_paste_by_keys(self):
        for source in ("gtk", "qt"):
            for target in ("gtk", "qt"):
                for zone, arrives in (("juminhyo", True), ("office", True), ("outside", False)):
                    with self.subTest(source=source, target=target, zone=zone):
                        name = f"氏名 {source} {target} {zone}"
                        window, _ = self.editor(source, "juminhyo", name)
                        self.keys(window, "ctrl+a", "ctrl+c")
                        other, file = self.editor(target, zone, x=400)
                        self.keys(other, "ctrl+v")
                        self.assertEqual(self.pasted(file, name), arrives)
                        self.xdotool("windowkill", window, "windowkill", other)

    def test_what_is_marked_stays_marked(self):
        for kit in ("gtk", "qt"):
            with self.subTest(kit=kit):
                window, file = self.editor(kit, "juminhyo", f"marked {kit}")
                self.xdotool("mousemove", "700", "500")  # the pointer is elsewhere: no matter
                self.keys(window, "ctrl+a")
                time.sleep(1)
                self.assertEqual(self.marked(file), f"marked {kit}")
                self.keys(window, "ctrl+c")
                self.assertEqual(self.paste("juminhyo"), f"marked {kit}".encode())
                self.xdotool("windowkill", window)

    def click(self, window, button):
        self.xdotool("mousemove", "--window", window, "60", "60")
        time.sleep(0.05)
        self.xdotool("click", button)

    def test_the_middle_button(self):
        for kit, zone, arrives in (("gtk", "juminhyo", True), ("gtk", "outside", False), ("qt", "office", True),
                                   ("qt", "outside", False)):
            with self.subTest(kit=kit, zone=zone):
                window, _ = self.editor("gtk", "juminhyo", f"to {kit} {zone}")
                other, file = self.editor(kit, zone, x=400)
                self.keys(window, "ctrl+a")
                self.click(other, "2")
                self.assertEqual(self.pasted(file, f"to {kit} {zone}"), arrives)
                # The pointer is not held: it works on.
                self.click(window, "1")
                eventually(lambda w=window: self.xdotool("getactivewindow").strip() == w, "a click has its effect")
                self.xdotool("windowkill", window, "windowkill", other)

    def drag(self, window, other):
        """From the middle of what is marked into another window, in the steps of a hand."""
        self.keys(window, "ctrl+a")
        self.xdotool("mousemove", "--window", window, "30", "12")
        time.sleep(0.2)
        self.xdotool("mousedown", "1")
        for x in (40, 60, 90, 120):
            time.sleep(0.05)
            self.xdotool("mousemove", "--window", window, str(x), "40")
        for x in (60, 70, 80):
            time.sleep(0.1)
            self.xdotool("mousemove", "--window", other, str(x), "60")
        time.sleep(0.5)
        self.xdotool("mouseup", "1")

    def test_drag_and_drop(self):
        for source, target, zone, arrives in (("gtk", "gtk", "juminhyo", True), ("gtk", "gtk", "outside", False),
                                              ("gtk", "qt", "office", True), ("qt", "gtk", "office", True),
                                              ("qt", "qt", "office", True), ("qt", "qt", "outside", False),
                                              ("qt", "gtk", "outside", False), ("gtk", "qt", "outside", False)):
            with self.subTest(source=source, target=target, zone=zone):
                name = f"dragged {source} {target} {zone}"
                window, own = self.editor(source, "juminhyo", name)
                other, file = self.editor(target, zone, x=400)
                self.drag(window, other)
                self.assertEqual(self.pasted(file, name), arrives)
                if not arrives and (source, target) != ("qt", "gtk"):  # GTK says that it had it; Qt believes it, and can undo
                    self.assertEqual(self.text(own), name, "what did not arrive is still there")
                # The next one works: nothing hangs.
                self.keys(window, "End")
                self.xdotool("windowkill", window, "windowkill", other)

    def test_within_one_program(self):
        window, file = self.editor("gtk", "juminhyo", "one ")
        self.keys(window, "ctrl+a", "ctrl+c", "End", "ctrl+v")
        self.assertTrue(self.pasted(file, "one one "))

    def test_a_clipboard_manager_has_nothing(self):
        if not shutil.which("parcellite"):
            self.skipTest("no parcellite")
        self.run_program(["dbus-run-session", "parcellite", "--no-icon"])
        time.sleep(2)
        window, _ = self.editor("gtk", "juminhyo", "not for managers")
        self.keys(window, "ctrl+a", "ctrl+c")
        time.sleep(2)
        history = b"".join(p.read_bytes() for p in pathlib.Path(self.machine.root).rglob("*") if p.is_file() and
                           "parcellite" in str(p))
        self.assertNotIn(b"not for managers", history)
        self.assertEqual(self.paste("juminhyo"), b"not for managers")


if __name__ == "__main__":
    fakeroot.main()
