#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clipboard guard beside a browser and beside clipboard managers, as Debian ships them."""
import fakeroot
from fakeroot import eventually
from test_clipboard_programs import Desktop

import pathlib
import shutil
import subprocess
import time
import unittest

CHROMIUM = pathlib.Path("/usr/lib/chromium/chromium")
PAGE = """<!doctype html><meta charset="utf-8"><title>wait</title>
<textarea id="t" autofocus style="width:90%;height:90%">{text}</textarea>
<script>setInterval(() => {{ document.title = "is " + document.getElementById("t").value }}, 50)</script>
"""


@unittest.skipUnless(CHROMIUM.exists(), "no chromium")
class Browser(Desktop):
    INSTALLED = {"juminhyo": [CHROMIUM.as_posix()]}

    def browser(self, text):
        page = self.machine.root / "page.html"
        page.write_text(PAGE.format(text=text))
        self.run_program([CHROMIUM, "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                          "--disable-component-update", "--disable-sync", "--no-default-browser-check", "--ozone-platform=x11",
                          f"--user-data-dir={self.machine.root / 'profile'}", "--window-size=350,300", f"--app=file://{page}"])
        window = eventually(lambda: self.xdotool("search", "--name", f"^is {text}").split(), "chromium", 90)[-1]
        self.xdotool("windowmove", window, "10", "250")
        return window

    def shows(self, window, text):
        try:
            return eventually(lambda: self.xdotool("getwindowname", window).strip() == f"is {text}".strip(), text, 5)
        except AssertionError:
            return False

    def test_browser(self):
        window = self.browser("氏名 山田")
        # From it.
        self.keys(window, "ctrl+a", "ctrl+c")
        self.assertEqual(self.paste("juminhyo"), "氏名 山田".encode())
        for zone, arrives in (("office", True), ("outside", False)):
            other, file = self.editor("gtk", zone, x=400)
            self.keys(other, "ctrl+v")
            self.assertEqual(self.pasted(file, "氏名 山田"), arrives, zone)
            self.xdotool("windowkill", other)
        # Into it, and within it.
        for zone, text, arrives in (("juminhyo", "same zone", True), ("office", "another zone", False),
                                    ("outside", "no zone", False)):
            other, _ = self.editor("qt", zone, text, x=400)
            self.keys(other, "ctrl+a", "ctrl+c")
            self.keys(window, "ctrl+a", "Delete", "ctrl+v")
            self.assertEqual(self.shows(window, text), arrives, zone)
            self.assertTrue(arrives or self.shows(window, ""), zone)
            self.xdotool("windowkill", other)
        self.keys(window, "ctrl+a")
        self.xdotool("type", "--window", window, "twice")
        self.keys(window, "ctrl+a", "ctrl+c", "End", "ctrl+v")
        self.assertTrue(self.shows(window, "twicetwice"))


class Managers(Desktop):
    """They are listed, so that they have what is copied; when the time of it is over, they bring it back."""
    INSTALLED = {"juminhyo": ["/usr/bin/parcellite", "/usr/bin/copyq"]}
    FLOWS = ("from: juminhyo, to: juminhyo, allow: [text]",)
    CLEAR = "4s"

    def used(self):
        """CPU time of the helper, in seconds."""
        words = pathlib.Path(f"/proc/{self.helper.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / 100

    def cleared(self, has):
        """has(text): the manager has taken it in."""
        for n in range(10):  # it may take a while to begin
            text = f"short-lived {n}".encode()
            self.settle(self.copy("juminhyo", text))
            self.assertEqual(self.paste("juminhyo"), text)
            end = time.monotonic() + 3
            while not has(text) and time.monotonic() < end:
                time.sleep(0.1)
            if has(text):
                break
        self.assertTrue(has(text), "the manager knows it")
        eventually(lambda: not self.paste("juminhyo"), "it is cleared", 30)
        used, end = self.used(), time.monotonic() + 5
        while time.monotonic() < end:
            self.assertFalse(self.paste("juminhyo"), "what was cleared stays cleared")
            time.sleep(0.1)
        self.assertLess(self.used() - used, 1.5, "they do not fight over it")

        def works():  # the manager may bring back, just then, what it had
            self.settle(self.copy("juminhyo", b"something else"))
            return self.paste("juminhyo") == b"something else"
        eventually(works, "another copy")

    def brings_back(self):
        """The twin: left alone, it does."""
        self.settle(self.copy("juminhyo", b"brought back"))
        self.assertEqual(self.paste("juminhyo"), b"brought back")
        time.sleep(1.5)
        self.helper.kill()
        self.helper.wait()
        return eventually(lambda: self.paste("juminhyo") == b"brought back", "the manager brings it back", 15)

    def test_parcellite(self):
        if not shutil.which("parcellite"):
            self.skipTest("no parcellite")
        self.run_program(["dbus-run-session", "parcellite", "--no-icon"])
        history = self.machine.root / ".local/share/parcellite/history"
        time.sleep(2)
        self.cleared(lambda text: history.exists() and text in history.read_bytes())
        self.brings_back()

    def test_copyq(self):
        if not shutil.which("copyq"):
            self.skipTest("no copyq")
        home = {**self.environment, "HOME": str(self.machine.root)}
        self.run_program(["copyq"])

        def ask(*words):
            return subprocess.run(["copyq", *words], env=home, capture_output=True, check=False).stdout
        eventually(lambda: b"copyq" in ask("eval", "'copyq'"), "copyq", 60)
        self.cleared(lambda text: ask("read", "0") == text)


if __name__ == "__main__":
    fakeroot.main()
