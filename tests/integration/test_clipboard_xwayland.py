#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The clipboard guard of a session that has Wayland programs and X programs, under a headless sway with XWayland."""
import fakeroot
from fakeroot import eventually
from waylandlab import WaylandTest
from x11lab import SessionTest

import socket
import subprocess
import threading

OURS = "application/x-sekisho"
TEXT, HTML, IMAGE = "text/plain;charset=utf-8", "text/html", "image/png"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
NUMBER = "個人番号 123456789018\n".encode()


class Both(WaylandTest):
    XWAYLAND = "enable"

    def window(self, zone):
        """An X program of the zone that has the focus. The compositor carries content while one has it, and then for all."""
        process = self.program(zone, "window")
        self.assertTrue(self.said(process)["focused"])
        return process

    # ---- copying and pasting, by kind of program ----

    def shown(self, primary):
        done = subprocess.run(["wl-paste", "-l"] + (["-p"] if primary else []), env=self.environment, capture_output=True,
                              text=True, check=False, timeout=30)
        return done.stdout.split() if done.returncode == 0 else []

    def copy_by(self, front, zone, data, kind, primary):
        """Once it is over, the guard has it on both sides."""
        subprocess.run(["wl-copy", "--clear"] + (["-p"] if primary else []), env=self.environment, check=True, timeout=30)
        eventually(lambda: not self.shown(primary), "it is cleared")
        if front == "wayland":
            self.copy(zone, data, kind, primary)
        else:
            process = SessionTest.copy(self, zone, data, None if kind == TEXT else kind, "primary" if primary else "clipboard")
            self.settle(process)
        eventually(lambda: OURS in self.shown(primary), "the guard has it")

    def paste_by(self, front, zone, kind, primary):
        if front == "wayland":
            return self.paste(zone, kind, primary)
        return SessionTest.paste(self, zone, "UTF8_STRING" if kind == TEXT else kind, "primary" if primary else "clipboard")

    ROWS = [
        ("juminhyo", "juminhyo", TEXT, "山田太郎".encode(), True),
        ("juminhyo", "office", TEXT, "山田花子".encode(), True),
        ("office", "juminhyo", TEXT, b"minutes", False),
        ("juminhyo", "outside", TEXT, b"secret", False),
        ("outside", "juminhyo", TEXT, b"from nowhere", False),
        ("juminhyo", "juminhyo", IMAGE, PNG, True),
        ("juminhyo", "office", IMAGE, PNG, False),
        ("juminhyo", "juminhyo", HTML, b"<b>x</b>", True),
        ("juminhyo", "office", HTML, b"<b>x</b>", False),
        ("juminhyo", "office", TEXT, b"x" * 4096, True),
        ("juminhyo", "office", TEXT, b"x" * 4097, False),
        ("juminhyo", "office", TEXT, NUMBER, False),
        ("juminhyo", "juminhyo", TEXT, NUMBER, True),
        ("juminhyo", "juminhyo", TEXT, b"large " * 1_000_000, True),
    ]

    def rows(self, rows, primary):
        for source, to, kind, data, arrives in rows:
            for copies, pastes in (("x", "wayland"), ("wayland", "x"), ("x", "x"), ("wayland", "wayland")):
                with self.subTest(copies=copies, pastes=pastes, source=source, to=to, kind=kind, size=len(data), primary=primary):
                    self.copy_by(copies, source, data, kind, primary)
                    if arrives:  # in the moment in which the compositor has the X selection it is refused
                        eventually(lambda: self.paste_by(pastes, to, kind, primary) == data, "it arrives")
                    else:
                        self.assertFalse(self.paste_by(pastes, to, kind, primary))

    def test_matrix(self):
        self.rows(self.ROWS, False)

    def test_primary(self):
        self.rows(self.ROWS[:7], True)

    def test_matrix_while_an_x_program_has_the_focus(self):
        """The compositor carries everything itself now: to Wayland what X programs copy, and to any X program what is on the
        Wayland clipboard."""
        self.window("juminhyo")
        self.rows(self.ROWS, False)
        self.rows(self.ROWS[:7], True)

    def test_an_x_program_without_the_focus(self):
        """Whose window has the focus does not matter, only who asks."""
        self.window("juminhyo")
        for copies in ("x", "wayland"):
            for zone, expected in (("outside", 0), ("office", 20), ("juminhyo", 20)):
                with self.subTest(copies=copies, zone=zone):
                    self.copy_by(copies, "juminhyo", b"for those who may", TEXT, False)
                    self.assertEqual(self.said(self.program(zone, "poll", 20))["got"], expected)

    def test_what_a_window_says_of_itself(self):
        owner = self.window("juminhyo")
        lie = {"NAME": "juminhyo", "PID": str(owner.pid)}
        self.copy_by("wayland", "juminhyo", b"secret", TEXT, False)
        self.assertIsNone(self.said(self.program("outside", "ask", "UTF8_STRING", "forged", **lie))["got"])
        self.assertEqual(self.said(self.program("juminhyo", "ask", "UTF8_STRING", "forged", **lie))["got"], "secret")
        for zone, arrives in (("outside", None), ("juminhyo", b"secret-" + b"x" * 93)):
            process = self.program(zone, "own", "plain", 100, **lie)
            self.assertTrue(self.said(process)["owned"])
            process.wait(timeout=30)
            if arrives:
                eventually(lambda: self.paste("juminhyo") == arrives, "what a program of the zone copied")
            else:
                eventually(lambda: not self.paste("juminhyo"), "what the other copied in its name")

    def test_one_after_the_other(self):
        """The last copy counts, whoever made it."""
        self.window("office")
        for i in range(12):
            text = b"number %d" % i
            if i % 3 == 0:
                self.copy("office", text)
            else:
                self.settle(SessionTest.copy(self, "office", text))
            eventually(lambda: self.paste("office") == text, f"{text} in Wayland programs")
            eventually(lambda: SessionTest.paste(self, "office") == text, f"{text} in X programs")

    def test_what_the_compositor_does_not_carry(self):
        for zone, arrives in (("office", True), ("outside", False)):
            with self.subTest(zone=zone):
                self.settle(SessionTest.copy(self, "juminhyo", b"by another way", selection="secondary"))
                got = SessionTest.paste(self, zone, "UTF8_STRING", "secondary")
                self.assertEqual(got or None, b"by another way" if arrives else None)
        eventually(lambda: SessionTest.helped(self), "cut buffers are emptied")

    def test_record(self):
        for copies, pastes in (("x", "wayland"), ("wayland", "x"), ("x", "x")):
            with self.subTest(copies=copies, pastes=pastes):
                before = len(self.pastes())
                self.copy_by(copies, "juminhyo", NUMBER, TEXT, False)
                self.assertFalse(self.paste_by(pastes, "office", TEXT, False))
                paste = eventually(lambda: next((p for p in self.pastes()[before:] if p["paste"]["my_number"]), None),
                                   "the record")["paste"]
                self.assertEqual((paste["from"], paste["to"], paste["bytes"]), ("juminhyo", "office", len(NUMBER)))

    def test_emptied(self):
        for copies in ("x", "wayland"):
            with self.subTest(copies=copies):
                self.copy_by(copies, "office", b"text", TEXT, False)
                self.assertEqual(self.paste_by("x", "office", TEXT, False), b"text")
                subprocess.run(["wl-copy", "--clear"], env=self.environment, check=True, timeout=30)
                eventually(lambda: not self.paste_by("x", "office", TEXT, False), "nobody has it any more")
                self.assertIsNone(self.paste("office"))

    def test_killed(self):
        self.copy_by("x", "office", b"text", TEXT, False)
        self.assertEqual(self.paste("office"), b"text")
        self.helper.kill()
        self.helper.wait()
        self.assertFalse(self.paste_by("x", "office", TEXT, False))
        self.assertIsNone(self.paste("office"))


class LeftOver(WaylandTest):
    """$DISPLAY names a display."""

    def start_helper(self):
        """Each test does."""

    def join(self, display):
        self.environment["DISPLAY"] = display
        WaylandTest.start_helper(self)

    def test_that_nobody_has(self):
        self.join(":987654")
        self.copy("office", b"text")
        self.assertEqual(self.paste("office"), b"text")

    def test_that_cannot_be_guarded(self):
        """It may be reached by others."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind("\0/tmp/.X11-unix/X987654")
            listening.listen(8)
            self.environment["DISPLAY"] = ":987654"
            threading.Thread(target=self.hang_up, args=[listening], daemon=True).start()
            WaylandTest.start_helper(self)
            self.assertIn("Cannot guard the X display", self.helper_log())
            self.assertIsNone(self.helper.poll(), "it stays, and tells the agent")

    def hang_up(self, listening):
        while True:
            try:
                listening.accept()[0].close()
            except OSError:
                return


if __name__ == "__main__":
    fakeroot.main()
