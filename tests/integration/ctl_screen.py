# SPDX-License-Identifier: GPL-2.0-or-later
"""sekishoctl in front of a person: with a terminal of its own, of 24 lines, on which the test reads and types."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time

from ctl_fixture import CTL

SQUARES = {" ": (0, 0), "▄": (0, 1), "▀": (1, 0), "█": (1, 1)}
COVER, UNCOVER, WIPE = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H\x1b[2J"


class Person:
    """A sekishoctl process; stdout may be a pipe, so that what goes to the terminal alone can be told apart."""

    def __init__(self, *words, piped=True, env=None, uid=None, rows=24, columns=80):
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if uid is not None:
            os.fchown(terminal, uid, -1)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            if uid is not None:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)

        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm", "TZ": "Asia/Tokyo", **(env or {})}
        self.process = subprocess.Popen([CTL, *map(str, words)], stdin=terminal, env=environment, preexec_fn=take_terminal,
                                        stdout=subprocess.PIPE if piped else terminal, stderr=subprocess.STDOUT)
        os.close(terminal)
        self.controller = controller
        self.shown = ""
        self.pending = b""

    def _read(self, seconds):
        if not select.select([self.controller], [], [], seconds)[0]:
            return False
        try:
            chunk = os.read(self.controller, 65536)
        except OSError:  # the end of a terminal is an error
            return False
        self.pending += chunk
        try:
            self.shown += self.pending.decode()
            self.pending = b""
        except UnicodeDecodeError:
            pass
        return bool(chunk)

    def wait_for(self, text):
        """Until the terminal has shown text; all that came since the last wait."""
        end = time.monotonic() + 30
        while text not in self.shown:
            if time.monotonic() > end or (not self._read(0.5) and self.process.poll() is not None and not self._read(0)):
                said = self.process.communicate()[0] if self.process.stdout else b""
                raise AssertionError(f"{text!r} does not come; {self.shown!r} {said!r}")
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def type(self, text):
        os.write(self.controller, text.encode())

    def end(self, number=None):
        """(exit status, stdout and stderr, the rest of what the terminal showed)"""
        if number:
            self.process.send_signal(number)
        said = b""
        while self.process.poll() is None or select.select([self.controller], [], [], 0.1)[0]:
            if not self._read(0.1) and self.process.poll() is not None:
                break
        if self.process.stdout:
            said = self.process.stdout.read()
            self.process.stdout.close()
        self.process.wait(30)
        os.close(self.controller)
        return self.process.returncode, said.decode(), self.shown


def read_picture(shown):
    """What a camera reads off the QR code on the screen; None if there is none."""
    rows = []
    for line in re.findall(r"\x1b\[0;30;47m([ ▄▀█]+)\x1b\[0m", shown):
        rows += [[SQUARES[c][half] for c in line] for half in (0, 1)]
    if not rows:
        return None
    scale, width = 4, len(rows[0])
    white = [[0] * (width + 8)] * 4  # a screen is lighter than its room
    rows = white + [[0] * 4 + row + [0] * 4 for row in rows] + white
    pixels = b"".join(bytes(0 if dark else 255 for dark in row for _ in range(scale)) * scale for row in rows)
    with tempfile.NamedTemporaryFile(suffix=".pgm") as f:
        f.write(f"P5 {len(rows[0]) * scale} {len(rows) * scale} 255\n".encode() + pixels)
        f.flush()
        done = subprocess.run(["zbarimg", "--quiet", "--raw", "--oneshot", f.name], capture_output=True, text=True,
                              check=False, timeout=60)
    return done.stdout.strip() or None
