# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at the keyboard and the screen of the text console: keys go through a USB keyboard, what is read is what tty1
shows. And the codes of tokens, each later than the one before."""
import base64
import hashlib
import hmac
import struct
import time

import channel

KEYS = {"\n": ["ret"], " ": ["spc"], "-": ["minus"], "/": ["slash"], ".": ["dot"], "?": ["shift", "slash"], "\x04": ["ctrl", "d"]}
WIDTH = 80
GETTY = "getty@tty1.service"


def enable_getty(terminal):
    """The image has it masked, for it costs time."""
    terminal.sh(f"rm -f /etc/systemd/system/{GETTY} && systemctl daemon-reload && systemctl enable {GETTY}")


class Console:
    def __init__(self, terminal):
        self.terminal = terminal

    def type(self, text):
        for c in text:
            keys = KEYS.get(c, [c])
            self.terminal.qmp.command("send-key", **{
                "keys": [{"type": "qcode", "data": key} for key in keys], "hold-time": 20})
            time.sleep(0.1)  # QEMU's keyboard keeps eight strokes; what a busy guest is late for is lost

    def screen(self):
        """Lines of tty1 that are not empty."""
        text = self.terminal.sh("tr '\\000-\\037\\200-\\377' ? </dev/vcs1")
        lines = [text[i:i + WIDTH].rstrip() for i in range(0, len(text), WIDTH)]
        return [line for line in lines if line]

    def wait_for(self, text, limit=60):
        """Until the last line that is not empty has text in it."""
        try:
            return channel.wait_until(f"{text!r} on the console", lambda: text in (self.screen() or [""])[-1], limit, 0.3)
        except channel.Timeout as e:
            raise AssertionError(f"{e}; it shows {self.screen()}") from None

    def begin(self, user, password):
        """To the question for the code."""
        self.wait_for("login:")
        self.type(user + "\n")
        self.wait_for("Password:")
        self.type(password + "\n")

    def log_in(self, user, password, code):
        """Into a shell, which says who it is."""
        self.begin(user, password)
        self.wait_for("One-time code:")
        self.type(code + "\n")
        channel.wait_until(f"a session of {user}", lambda: any(
            line.split()[2:3] == [user] for line in self.terminal.sh("loginctl --no-legend list-sessions").splitlines()),
            60, 0.5)
        self.type("id -un\n")
        channel.wait_until("the shell to answer", lambda: user in self.screen(), 60, 0.3)

    def log_out(self):
        self.type("\x04")
        self.wait_for("login:")

    def refused(self, user, password, code, saying="Login refused"):
        """What the screen said before it asked for the next one. Fails if it let him in."""
        self.begin(user, password)
        self.wait_for("One-time code:")
        self.type(code + "\n")
        seen = []

        def asked_again():
            lines = self.screen()
            seen.append("".join(lines))
            return lines and lines[-1].endswith("login:")
        channel.wait_until("the next login prompt", asked_again, 60, 0.2)
        said = "\n".join(seen)
        if saying not in said:
            raise AssertionError(f"not {saying!r}: {self.screen()}")
        return said


class Token:
    """Of a reply of Enroll."""

    def __init__(self, terminal, enrolled):
        self.terminal, self.enrolled, self.last = terminal, enrolled, 0

    def at(self, step):
        key = base64.b32decode(self.enrolled["secret"])
        digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
        offset = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10 ** 6:06}"

    def step(self):
        return int(self.terminal.sh("date +%s")) // self.enrolled["period"]

    def next(self, ahead=0):
        """A code that was not used yet; at most one step ahead of the clock, which the policy's skew allows. ahead=1: it
        is still one that could be right half a minute longer."""
        channel.wait_until("the next code", lambda: self.step() + 1 > self.last, 60, 0.5)
        self.last = max(self.step() + ahead, self.last + 1)
        return self.at(self.last)

    def wrong(self):
        now = self.step()
        good = {self.at(step) for step in range(now - 5, now + 6)}
        return next(code for code in ("000000", "000001", "000002") + tuple(f"{n:06}" for n in range(3, 20)) if code not in good)
