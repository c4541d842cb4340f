#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clipboard guard between programs with windows under a headless sway, with keys as people press them: GTK by Wayland, GTK
and Qt by XWayland."""
import fakeroot
from fakeroot import eventually
from editors import GTK, QT
from waylandlab import WaylandTest

import subprocess
import time

KITS = {
    "gtk": (GTK, {"GDK_BACKEND": "wayland"}),
    "gtk-x11": (GTK, {"GDK_BACKEND": "x11"}),
    "qt-x11": (QT, {"QT_QPA_PLATFORM": "xcb"}),
}


class Keys(WaylandTest):
    XWAYLAND = "enable"

    def setUp(self):
        super().setUp()
        self.n = 0
        # A seat without a keyboard has no focus for keys. wtype's own goes with it, so one is there all the time.
        self.keyboard = subprocess.Popen(["wtype", "-s", "100000000"], env=self.environment)
        self.addCleanup(self.stop_process, self.keyboard)
        eventually(lambda: any(i["type"] == "keyboard" for i in self.sway("-t", "get_inputs")), "the keyboard")

    def editor(self, kit, zone, text=""):
        self.n += 1
        title, file = f"{kit}-{zone}-{self.n}", self.machine.root / f"text-{self.n}"
        code, environment = KITS[kit]
        process = subprocess.Popen([self.programs / zone / "python3", "-c", code, title, text, file, "0"],
                                   env={**self.environment, "NO_AT_BRIDGE": "1", "GTK_USE_PORTAL": "0", "PYTHONHOME": "/usr",
                                        "HOME": str(self.machine.root), **environment},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop_process, process)
        eventually(lambda: file.exists() and self.is_focused(title), title, 60)
        return process, title, file

    def keys(self, title, *keys):
        self.sway(f'[title="^{title}$"] focus')
        eventually(lambda: self.is_focused(title), "the focus")
        words = ["-s", "300"]
        for key in keys:
            words += ["-M", "ctrl", key, "-m", "ctrl", "-s", "100"]
        # wtype's keyboard has the keys of its command line only, and GTK 3 does not find the last of a keyboard's for what it
        # has by keys: that is one that nobody needs.
        words += ["-k", "F20"]
        subprocess.run(["wtype", *words], env=self.environment, check=True, timeout=60)

    @staticmethod
    def read(file):
        return file.read_text().split("\0")[0]

    @staticmethod
    def marked(file):
        return file.read_text().split("\0")[1]

    def copied(self, source, text):
        """By keys, or by wl-copy."""
        if source == "wl-copy":
            self.copy("juminhyo", text.encode())
            return
        process, title, _ = self.editor(source, "juminhyo", text)
        eventually(lambda: self.keys(title, "a", "c") or self.paste("juminhyo") == text.encode(), "it is copied")
        self.stop_process(process)

    def pasted(self, target, zone, text, arrives):
        process, title, file = self.editor(target, zone)
        before = len(self.pastes())
        if arrives:
            eventually(lambda: self.keys(title, "a", "v") or self.read(file) == text, "it arrives")
        else:
            eventually(lambda: self.keys(title, "a", "v") or len(self.pastes()) > before, "it is refused and recorded")
            self.assertEqual(self.read(file), "")
        self.stop_process(process)

    def test_copy_and_paste_by_keys(self):
        for source in ("wl-copy", "gtk", "qt-x11"):
            text = f"氏名 {source}"
            self.copied(source, text)
            for target in KITS:
                for zone, arrives in (("office", True), ("outside", False)):
                    with self.subTest(source=source, target=target, zone=zone):
                        self.pasted(target, zone, text, arrives)


    def test_a_mark_stays_while_its_program_has_the_focus(self):
        """And is taken over, before anybody else can have it, when it has not any more."""
        _, title, file = self.editor("gtk", "juminhyo", "印")
        eventually(lambda: self.keys(title, "a") or self.marked(file) == "印", "it is marked")
        before = len(self.pastes())
        time.sleep(1)
        self.assertEqual(self.marked(file), "印", "nobody has taken it")
        other, name, _ = self.editor("gtk", "juminhyo")  # of the same zone: it may have it anyway
        self.assertTrue(self.is_focused(name))
        time.sleep(1)
        self.assertEqual(self.marked(file), "印")
        self.stop_process(other)
        self.sway(f'[title="^{title}$"] focus')
        eventually(lambda: self.is_focused(title), "it has the focus again")
        self.editor("gtk", "outside")
        eventually(lambda: not self.marked(file), "it is taken over")
        self.assertIsNone(self.paste("outside", primary=True))
        eventually(lambda: len(self.pastes()) > before, "the refusal is recorded")
        self.assertEqual(self.paste("office", primary=True), "印".encode())

    def test_a_mark_of_a_program_without_the_focus_is_taken_at_once(self):
        _, title, _ = self.editor("gtk", "outside")
        self.assertTrue(self.is_focused(title))
        self.copy("juminhyo", "印".encode(), primary=True)  # waits until it is taken
        self.assertIsNone(self.paste("outside", primary=True))
        self.assertEqual(self.paste("office", primary=True), "印".encode())


if __name__ == "__main__":
    fakeroot.main()
