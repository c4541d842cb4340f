# SPDX-License-Identifier: GPL-2.0-or-later
"""A session under a headless sway, as x11lab has one under an X server. With XWAYLAND, X programs run there, too."""
from fakeroot import eventually
from x11lab import SessionTest

import json
import os
import subprocess

NOBODY = "65534"
# Only the user of the compositor may connect to its XWayland: he lets the tests' in.
LET_IN = ("from Xlib import X, display\nd = display.Display()\n"
          "d.change_hosts(X.HostInsert, 5, list(b'localuser\\0root'))\nd.sync()\n")


class WaylandTest(SessionTest):
    XWAYLAND = "disable"  # of sway's configuration

    def start_display(self):
        """sway refuses to be root's."""
        runtime = self.runtime = self.machine.root / "runtime"
        runtime.mkdir(mode=0o700)
        os.chown(runtime, int(NOBODY), int(NOBODY))
        self.machine.root.chmod(0o755)
        config = runtime / "config"
        config.write_text(f"xwayland {self.XWAYLAND}\nexec sh -c 'echo \"$DISPLAY\" > {runtime}/display'\n")
        environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(runtime), "WLR_BACKENDS": "headless",
                       "WLR_LIBINPUT_NO_DEVICES": "1", "WLR_RENDERER": "pixman", "HOME": str(runtime)}
        self.log = open(self.machine.root / "sway.log", "wb")
        self.addCleanup(self.log.close)
        self.server = subprocess.Popen(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "sway", "-c", config],
                                       env=environment, stdout=self.log, stderr=self.log)
        self.addCleanup(self.stop_process, self.server)
        name = eventually(lambda: next((p.name for p in runtime.glob("wayland-*") if p.suffix != ".lock"), None), "sway", 60)
        self.environment = {**os.environ, "WAYLAND_DISPLAY": name, "XDG_RUNTIME_DIR": str(runtime), "LC_ALL": "C.UTF-8"}
        self.environment.pop("DISPLAY", None)
        if self.XWAYLAND != "disable":
            shown = runtime / "display"
            self.environment["DISPLAY"] = eventually(lambda: shown.exists() and shown.read_text().strip(), "XWayland", 60)
            subprocess.run(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "/usr/bin/python3", "-c", LET_IN],
                           env={**environment, "DISPLAY": self.environment["DISPLAY"]}, check=True, timeout=60)

    def sway(self, *words):
        done = subprocess.run(["swaymsg", "-r", "-s", str(next(self.runtime.glob("sway-ipc.*"))), *words], env=self.environment,
                              capture_output=True, text=True, check=False, timeout=30)
        return json.loads(done.stdout)

    def views(self, node=None):
        node = node or self.sway("-t", "get_tree")
        for child in node["nodes"] + node["floating_nodes"]:
            yield child
            yield from self.views(child)

    def is_focused(self, title):
        return any(v["focused"] and v["name"] == title for v in self.views())

    def helped(self):
        if self.helper.poll() is not None:
            raise AssertionError("the helper ended: " + self.helper_log())
        self.copy("office", b"probe")
        return self.paste("office") == b"probe"

    def of(self, zone):
        """wl-copy and wl-paste have `cat` do the reading and writing: one of the zone."""
        return {**self.environment, "PATH": f"{self.programs / zone}:{os.environ['PATH']}"}

    def copy(self, zone, data, kind="text/plain;charset=utf-8", primary=False):
        process = subprocess.Popen([self.programs / zone / "wl-copy", "-f", "-t", kind] + (["-p"] if primary else []),
                                   stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.of(zone))
        process.stdin.write(data)
        process.stdin.close()
        self.addCleanup(self.stop_process, process)
        process.wait(timeout=30)  # the guard has taken it over
        return process

    def paste(self, zone, kind="text/plain;charset=utf-8", primary=False):
        done = subprocess.run([self.programs / zone / "wl-paste", "-n", "-t", kind] + (["-p"] if primary else []),
                              env=self.of(zone), capture_output=True, check=False, timeout=30)
        return done.stdout if done.returncode == 0 and done.stdout else None
