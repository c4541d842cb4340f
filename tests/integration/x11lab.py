# SPDX-License-Identifier: GPL-2.0-or-later
"""A session to copy and paste in: an X server of its own, the real sekisho-session, the real agent on a fake machine, and
programs whose zones are their paths."""
import fakeroot
from fakeroot import BUILD, AgentTest, eventually, policy

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

SESSION = BUILD / "agent/session/sekisho-session"
PROGRAM = pathlib.Path(__file__).with_name("x11_program.py")
ID = "c7"

# Each zone has a copy of xclip and of a Python of its own, so that nothing but the path tells them apart.
ZONES = ("juminhyo", "office", "outside")


def clipboard(flows, mode="enforce", clear="never", default="block", zones=ZONES[:2], where="/x", more=None):
    """more: zone -> paths of programs beside those that have copies."""
    lines = ["clipboard:", f"  mode: {mode}", f"  default: {default}", "  zones:"]
    for zone in zones:
        lines.append(f"    - {{id: {zone}, programs: [{where}/{zone}/xclip, {where}/{zone}/python3, {where}/{zone}/wl-copy, "
                     f"{where}/{zone}/wl-paste, {where}/{zone}/cat{''.join(', ' + p for p in (more or {}).get(zone, ()))}]}}")
    if flows:
        lines.append("  flows:")
        lines += [f"    - {{{flow}}}" for flow in flows]
    lines += [f"  clear-after: {clear}", "  without-helper: record", ""]
    return "\n".join(lines)


class SessionTest(AgentTest):
    FLOWS = ("from: juminhyo, to: juminhyo, allow: [text, html, image, files]",
             "from: office, to: office, allow: [text]",
             "from: juminhyo, to: office, allow: [text], max-bytes: 4096, my-number: block")
    MODE = "enforce"
    CLEAR = "never"
    MORE = ""  # of the policy
    INSTALLED = None  # zone -> programs where they are
    PREFIX = ()  # before the server and the helper

    def setUp(self):
        super().setUp()
        self.programs = self.machine.root / "programs"
        for zone in ZONES:
            (self.programs / zone).mkdir(parents=True)
            for program in ("/usr/bin/xclip", sys.executable, "/usr/bin/wl-copy", "/usr/bin/wl-paste",
                            "/usr/bin/cat"):
                if os.path.exists(program):
                    name = "python3" if "python" in program else os.path.basename(program)
                    shutil.copy(os.path.realpath(program), self.programs / zone / name)
        self.machine.ship(policy() + clipboard(self.FLOWS, self.MODE, self.CLEAR, where=self.programs,
                                                  more=self.INSTALLED) + self.MORE)
        self.start_display()
        self.machine.start()
        self.helper = None
        self.start_helper()

    def start_display(self):
        read, write = os.pipe()
        with open(self.machine.root / "xvfb.log", "wb") as log:
            self.server = subprocess.Popen([*self.PREFIX, "Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24",
                                            "-nolisten", "tcp"], pass_fds=[write], stdout=log, stderr=log)
        os.close(write)
        with os.fdopen(read) as number:
            self.display = f":{number.readline().strip()}"
        self.environment = {**os.environ, "DISPLAY": self.display, "LC_ALL": "C.UTF-8",
                            "XDG_RUNTIME_DIR": str(self.machine.root)}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.addCleanup(self.stop_process, self.server)

    def program(self, zone, *arguments, **environment):
        """x11_program.py, as one of the zone."""
        process = subprocess.Popen([self.programs / zone / "python3", PROGRAM, *map(str, arguments)],
                                   env={**self.environment, "PYTHONHOME": "/usr", **environment}, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(self.stop_process, process)
        return process

    def said(self, process):
        return json.loads(process.stdout.readline())

    def stop_process(self, process):
        if process and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        if process:
            process.wait()

    def start_helper(self):
        log = open(self.machine.root / "session.log", "ab")
        self.helper = subprocess.Popen([*self.PREFIX, SESSION, "--root", self.machine.root, "--session", ID], env=self.environment,
                                       stdout=log, stderr=log)
        log.close()
        self.addCleanup(self.stop_process, self.helper)
        eventually(lambda: self.machine.status() and self.helped(), "the helper has the policy")

    def helped(self):
        """The guard has the policy once it empties cut buffers; without one it leaves them alone."""
        if self.helper.poll() is not None:
            raise AssertionError("the helper ended: " + self.helper_log())
        code = ("from Xlib import display, Xatom, X\n"
                "import time\nd = display.Display()\nr = d.screen().root\n"
                "r.change_property(Xatom.CUT_BUFFER0, Xatom.STRING, 8, b'probe')\nd.sync()\ntime.sleep(0.05)\n"
                "raise SystemExit(0 if r.get_full_property(Xatom.CUT_BUFFER0, X.AnyPropertyType) is None else 1)\n")
        return subprocess.run([sys.executable, "-c", code], env=self.environment, check=False).returncode == 0

    def helper_log(self):
        return (self.machine.root / "session.log").read_text(errors="replace")

    def tearDown(self):
        if self.helper and self.helper.poll() is None:
            self.helper.send_signal(signal.SIGCONT)
            self.helper.terminate()
            self.helper.wait(timeout=30)
        for sign in ("AddressSanitizer", "runtime error:", "LeakSanitizer"):
            if (self.machine.root / "session.log").exists():
                self.assertNotIn(sign, self.helper_log())
        super().tearDown()

    # ---- programs ----

    def copy(self, zone, data, target=None, selection="clipboard", name="xclip"):
        """A program of the zone takes the selection, and stays. xclip that goes to the background is not found any more."""
        command = [self.programs / zone / name, "-i", "-quiet", "-selection", selection]
        if target:
            command += ["-t", target]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=self.environment)
        process.stdin.write(data)
        process.stdin.close()
        self.addCleanup(self.stop_process, process)
        return process

    def paste(self, zone, target=None, selection="clipboard", timeout=20):
        command = [self.programs / zone / "xclip", "-o", "-selection", selection]
        if target:
            command += ["-t", target]
        done = subprocess.run(command, env=self.environment, capture_output=True, check=False, timeout=timeout)
        return done.stdout if done.returncode == 0 else None

    def targets(self, zone):
        listed = self.paste(zone, "TARGETS")
        return set(listed.decode().split()) if listed else set()

    def settle(self, process=None):
        """Until the guard has what was copied: the one who copied has lost the selection, and is over."""
        if process:
            process.wait(timeout=30)

    # ---- the record ----

    def pastes(self, code="paste-refused"):
        return [r["unmapped"]["sekisho"] for r in self.machine.record() if r["metadata"]["event_code"] == code]
