# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices: what the real agent refuses on a fake machine comes to a real notification daemon, and to a terminal. With
SEKISHO_PICTURES=DIR what the screen shows is kept there."""
from logindlab import LogindTest, eventually, fakeroot, start_bus
from permit_fixture import SERIAL, STICK, PermitMixin

import json
import os
import pathlib
import pty
import shutil
import socket
import subprocess
import termios
import time

NOTICES = fakeroot.BUILD / "agent/notices/sekisho-notices"
NOTE = "個人番号を扱う端末では、登録された媒体だけが使えます"
RULES = (fakeroot.ALLOW_READER, f"    - {{id: media, match: {{class: [storage]}}, action: block, note: {NOTE}}}")
DUNSTRC = """[global]
font = Noto Sans CJK JP 11
width = 420
height = 300
notification_limit = 20
frame_width = 1
markup = full
format = "<b>%s</b>\\n%b"
history_length = 100
"""


def policy(serial=1):
    return fakeroot.policy(serial=serial, rules=RULES).replace("contact: tester", "contact: 情報政策課 内線 2345")


class Notices(LogindTest):
    """self.shown() is what the daemon has, newest first."""
    LANGUAGE = "ja"

    def setUp(self):
        super().setUp()
        self.machine.ship(policy())
        self.add()
        self.machine.start()
        # Whom a device concerns is known once the agent has heard of the session.
        eventually(self.has_session, "the agent sees the session")

    def has_session(self):
        try:
            self.machine.call("ReportIdle", session="c7", idle=0, locked=False)
            return True
        except fakeroot.VarlinkError:
            return False

    def environment(self, **more):
        return {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": self.LANGUAGE, "XDG_RUNTIME_DIR": str(self.machine.root), **more}

    def run_notices(self, *arguments, **environment):
        log = (self.machine.root / "notices.log").open("ab")
        self.notices = subprocess.Popen([NOTICES, "--root", self.machine.root, *arguments], stdout=log, stderr=log,
                                        env=self.environment(**environment))
        log.close()
        self.addCleanup(self.end_notices, self.notices)

    def end_notices(self, process):
        if process.poll() is None:
            process.terminate()
        self.assertEqual(process.wait(timeout=30), 0, (self.machine.root / "notices.log").read_text(errors="replace"))

    def plug(self, name, label="SanDisk Ultra", interface=fakeroot.STORAGE):
        self.machine.plug(name, 0x0781, 0x5591, interface, label=label)
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)  # look again


class Desktop(Notices):
    def setUp(self):
        super().setUp()
        read, write = os.pipe()
        with open(self.machine.root / "xvfb.log", "wb") as log:
            server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "900x420x24", "-nolisten", "tcp"],
                                      pass_fds=[write], stdout=log, stderr=log)
        os.close(write)
        self.addCleanup(self.end, server)
        with os.fdopen(read) as number:
            self.display = f":{number.readline().strip()}"
        daemon, self.session_bus = start_bus(self.machine.root / "session-bus")
        self.addCleanup(self.end, daemon)
        self.dunst = None
        self.start_dunst()
        self.run_notices("--session", "c7", DISPLAY=self.display, DBUS_SESSION_BUS_ADDRESS=self.session_bus)
        # The stream is there once a first refusal has come through.
        number = iter(range(1, 100))

        def refuse():
            self.plug(f"1-9.{next(number)}", label="first")
            time.sleep(0.5)
            return self.shown()
        eventually(refuse, "the first notice")

    def start_dunst(self):
        config = self.machine.root / "dunstrc"
        config.write_text(DUNSTRC)
        with open(self.machine.root / "dunst.log", "ab") as log:
            self.dunst = subprocess.Popen(["dunst", "-config", config], stdout=log, stderr=log, env=self.desktop())
        self.addCleanup(self.end, self.dunst)

    def desktop(self):
        return self.environment(DISPLAY=self.display, DBUS_SESSION_BUS_ADDRESS=self.session_bus)

    def dunstctl(self, *arguments):
        return subprocess.run(["dunstctl", *arguments], env=self.desktop(), capture_output=True, text=True, timeout=30,
                              check=False).stdout

    def shown(self):
        """Those on the screen are put into the history, which is all that can be read; newest first."""
        self.dunstctl("close-all")
        history = self.dunstctl("history")
        if not history:
            return []
        return [{k: n[k]["data"] for k in ("summary", "body", "id")} for n in json.loads(history)["data"][0]]

    def wait_for(self, words, seconds=20):
        return eventually(lambda: [n for n in self.shown() if words in n["summary"] + n["body"]], words, seconds)[0]

    def picture(self, name):
        directory = os.environ.get("SEKISHO_PICTURES")
        if directory:
            time.sleep(2)
            pathlib.Path(directory).mkdir(exist_ok=True)
            subprocess.run(["import", "-window", "root", f"{directory}/{name}.png"], env=self.desktop(), check=True)


class OnADesktop(Desktop):
    def test_refused_device(self):
        self.plug("1-2")
        notice = self.wait_for("SanDisk Ultra")
        self.assertEqual(notice["summary"], "この記憶媒体(USBメモリなど)は使えません")
        self.assertEqual(notice["body"], f"SanDisk Ultra\n{NOTE}\n問い合わせ先: 情報政策課 内線 2345")
        # What is let in is not told.
        self.machine.plug("1-3", 0x04E6, 0x5116, fakeroot.READER, label="Reader")
        self.plug("1-4", label="after")
        self.wait_for("after")
        self.assertFalse([n for n in self.shown() if "Reader" in n["body"]])

    def test_hostile_name(self):
        self.plug("1-2", label="<b>x</b>&amp;\x1b[31m")
        notice = self.wait_for("x")
        self.assertIn("&lt;b&gt;x&lt;/b&gt;&amp;amp;", notice["body"])
        self.assertNotIn("\x1b", notice["body"])

    def test_my_number_for_a_name(self):
        self.plug("1-2", label="disk 123456789018")
        self.assertIn("disk ************", self.wait_for("disk")["body"])

    def test_flood_is_a_handful(self):
        before = len(self.shown())
        for i in range(60):
            self.machine.plug(f"1-2.{i}" if i else "1-2", 0x0781, 0x5000 + i, fakeroot.STORAGE, label=f"thing {i}")
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)
        time.sleep(8)
        self.wait_for("ほかにも")
        self.assertLessEqual(len({n["id"] for n in self.shown()}) - before, 6)
        self.assertGreaterEqual(sum(d["action"] == "block" for d in self.machine.devices().values()), 60)  # each was decided

    def test_daemon_comes_back(self):
        self.dunst.kill()
        self.dunst.wait()
        self.plug("1-2", label="while away")
        time.sleep(1)
        self.start_dunst()
        self.wait_for("while away")

    def test_daemon_dies_over_it(self):
        """It was asked to show a refusal, and ended before it did: the next one shows it."""
        self.dunst.send_signal(fakeroot.signal.SIGSTOP)
        self.plug("1-2", label="before it died")
        time.sleep(3)
        self.dunst.kill()
        self.dunst.wait()
        self.start_dunst()
        self.wait_for("before it died")

    def test_agent_comes_back(self):
        self.machine.kill()
        self.machine.start()
        eventually(self.has_session, "the agent sees the session")
        time.sleep(3)
        self.plug("1-2", label="after it")
        self.wait_for("after it")

    def test_pictures(self):
        """What it looks like; looked at by a person."""
        self.dunstctl("close-all")
        self.plug("1-2")
        self.machine.plug("1-3", 0x18D1, 0x4EE1, (6, 1, 1), label="Pixel 7")
        self.plug("1-4", label="HD-PCFS1.0U3-BBA")
        self.picture("devices")
        self.wait_for("Pixel 7")


class Countdown(PermitMixin, Desktop):
    """The end of a permit that is in use, from the agent's clock to the screen."""

    def setUp(self):
        super().setUp()
        self.make_keys()
        self.trust()
        self.machine.plug("1-2", *STICK, serial=SERIAL, label="Ultra")
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)
        self.machine.settled("1-2")
        self.dunstctl("close-all")
        self.dunstctl("history-clear")

    def test_the_last_minute_is_told(self):
        self.install(users="[root]", duration="63s")
        began = time.monotonic()
        eventually(lambda: self.machine.open("1-2"), "the stick is open")
        time.sleep(1)
        self.assertFalse([n for n in self.shown() if "使えなくなります" in n["summary"]], "told too early")
        notice = self.wait_for("使えなくなります")
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(notice["summary"], "許可された媒体はあと1分で使えなくなります")
        self.assertIn("様式第1号の2 令和8年度-p1", notice["body"].splitlines())
        self.assertTrue(notice["body"].endswith("問い合わせ先: 情報政策課 内線 2345"), notice)
        self.assertTrue(self.machine.open("1-2"), "it is not over yet")

    def test_one_for_others_is_not_told(self):
        """Who is at the screen may not use it, and so need not hear of it; an administrator who watches does."""
        watch = self.machine.client()
        self.addCleanup(watch.close)
        watch.send("Watch", more=True)
        self.install(users="[nobody]", duration="61s")
        while (watch.receive().get("permit") or {}).get("left", 61) > 60:
            pass
        time.sleep(3)
        self.assertFalse([n for n in self.shown() if "使えなくなります" in n["summary"]])


class EveryKind(Desktop):
    """The other kinds, from an agent that is played: what they look like in Japanese."""
    EVENTS = (
        {"kind": "network", "subject": "/usr/lib/firefox-esr/firefox-esr", "peer": "203.0.113.7", "port": 443,
         "direction": "out", "reason": "default"},
        {"kind": "clipboard", "from": "juminhyo", "to": "office", "reason": "my-number"},
        {"kind": "permit", "subject": "6f1c", "ticket": "様式第1号の2 令和8年度-0123", "detail": "ending", "left": 600},
        {"kind": "screen", "subject": "c7"},
    )

    def setUp(self):
        super().setUp()
        self.machine.kill()
        path = self.machine.root / "run/sekisho/agent.sock"
        path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(path))
        server.listen(4)
        server.settimeout(30)
        self.addCleanup(server.close)
        self.connection, _ = server.accept()
        self.addCleanup(self.connection.close)
        self.assertIn(b"WatchOwn", self.connection.recv(4096))

    def test_what_they_say(self):
        self.dunstctl("history-clear")
        for event in self.EVENTS:
            reply = {"parameters": {"contact": "情報政策課 内線 2345", "screen_lock": 0, **event}, "continues": True}
            self.connection.sendall(json.dumps(reply).encode() + b"\0")
        self.picture("kinds")
        self.wait_for("自動で")
        told = {n["summary"]: n["body"].splitlines() for n in self.shown()}
        contact = "問い合わせ先: 情報政策課 内線 2345"
        self.assertEqual(told["許可されていない通信を止めました"][0], "firefox-esr: 203.0.113.7、ポート 443")
        self.assertEqual(told["ここには貼り付けできません"][0], "juminhyo → office")
        self.assertEqual(told["許可された媒体はあと10分で使えなくなります"][1], "様式第1号の2 令和8年度-0123")
        self.assertEqual(told["画面が自動でロックされませんでした"][-1], contact)
        self.assertTrue(all(body[-1] == contact for body in told.values()), told)


class NobodyElse(Notices):
    """What concerns others is not told."""

    def setUp(self):
        super().setUp()
        self.watcher = self.machine.client(timeout=4)
        self.addCleanup(self.watcher.close)
        self.watcher.send("WatchOwn", more=True)
        self.assertEqual(self.watcher.receive()["kind"], "settings")

    def heard(self):
        try:
            return self.watcher.receive()
        except TimeoutError:
            return None

    def test_at_the_seat(self):
        self.plug("1-2")
        told = self.heard()
        self.assertEqual((told["kind"], told["subject"], told["reason"], told["note"]),
                         ("device", "SanDisk Ultra", "rule", NOTE))
        self.assertFalse({"serial", "vendor", "handle", "port"} & set(told))

    def test_not_at_the_seat(self):
        self.play("Remove", "c7", signature="s")
        self.add(id_="c8", seat="", type_="tty")
        self.add(id_="c9", uid=os.getuid() + 1)
        time.sleep(1)
        self.plug("1-2")
        self.assertIsNone(self.heard())
        self.assertTrue(self.machine.call("GetStatus"), "the agent that kept silent is there")

    def test_only_so_many(self):
        """A user cannot take all the places."""
        more = [self.machine.client(timeout=10) for _ in range(9)]
        for client in more:
            self.addCleanup(client.close)
            client.send("WatchOwn", more=True)
        answers = []
        for client in more:
            try:
                answers.append(client.receive()["kind"])
            except (EOFError, OSError, fakeroot.VarlinkError):
                answers.append(None)
        self.assertEqual(answers.count("settings"), 7, answers)


class OnATerminal(Notices):
    def setUp(self):
        super().setUp()
        self.master, slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, slave)
        self.tty = os.ttyname(slave)
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        os.chmod(self.tty, 0o620)
        os.set_blocking(self.master, False)
        self.text = ""

    def read(self):
        try:
            self.text += os.read(self.master, 65536).decode(errors="replace")
        except BlockingIOError:
            pass
        return self.text

    def begin(self):
        self.run_notices("--tty", self.tty)
        time.sleep(2)

    def test_a_line(self):
        self.begin()
        self.plug("1-2", label="SanDisk\x1b[2J\x07")
        eventually(lambda: "内線 2345" in self.read(), "the line")
        self.assertIn("\n[Sekisho] この記憶媒体(USBメモリなど)は使えません / SanDisk\ufffd[2J\ufffd / ", self.text)
        self.assertNotIn("\x1b", self.text)
        self.assertNotIn("\x07", self.text)

    def test_flood(self):
        self.begin()
        for i in range(40):
            self.machine.plug(f"1-2.{i}" if i else "1-2", 0x0781, 0x5000 + i, fakeroot.STORAGE, label=f"thing {i}")
        self.machine.agent.send_signal(fakeroot.signal.SIGHUP)
        eventually(lambda: "ほかにも" in self.read(), "the rest")
        time.sleep(3)
        self.assertLessEqual(self.read().count("[Sekisho]"), 5)

    def test_mesg_n(self):
        os.chmod(self.tty, 0o600)
        self.begin()
        self.plug("1-2")
        time.sleep(3)
        self.assertEqual(self.read(), "")
        os.chmod(self.tty, 0o620)
        self.plug("1-3", label="other")
        eventually(lambda: "other" in self.read(), "the twin")


if __name__ == "__main__":
    if not shutil.which("dunst"):
        print("skipped: dunst is not installed")
        raise SystemExit(77)
    fakeroot.main()
