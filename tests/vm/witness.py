# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to the witness's log (guest/witness.c): what did the kernel ever show?"""
import collections

Event = collections.namedtuple("Event", "time kind action what path node")
LOG = "/run/witness.log"
OWN_DISK = "vda"  # the only disk that is in every terminal and behind no port
VIRTUAL = "/devices/virtual/"
DISK_NODES = ("sd", "sr", "nvme", "mmcblk", "fd")


class Witness:
    """The log from `mark` on; a new terminal is looked at from power-on."""

    def __init__(self, agent):
        self._agent = agent
        self._from = 0

    def mark(self):
        """Look only at what comes from now on (after a restore, or between two steps)."""
        self._from = len(self._lines())

    def text(self):
        return self._agent.read(LOG) or ""

    def block_nodes(self):
        """Every block device that appeared, from both sources: uevents and /dev itself.

        Raises if the witness cannot vouch for its log: not running, or events lost.
        """
        self.assert_alive()
        seen = set()
        for e in self.events("uevent"):
            if e.what == "block" and e.action in ("add", "change", "bind"):
                if not e.node.startswith(OWN_DISK) and not e.path.startswith(VIRTUAL):
                    seen.add(e.node)
        for e in self.events("node"):
            if e.action == "create" and e.node.startswith(DISK_NODES):
                seen.add(e.node)
        return sorted(seen)

    def added(self, subsystem, path_part=""):
        """Events that announced a new device of a subsystem."""
        return [e for e in self.events("uevent")
                if e.action == "add" and e.what == subsystem and path_part in e.path]

    def event_nodes(self, port=""):
        """{event node: sysfs path} of the input devices there are (in a USB port)."""
        there = {}
        for e in map(_parse, self._lines()):
            if e.kind == "uevent" and e.node.startswith("input/event"):
                node = e.node[len("input/"):]
                if e.action == "remove":
                    there.pop(node, None)
                elif not port or f"-{port}/" in e.path:
                    there[node] = e.path
        return there

    def keys(self, port=""):
        """[(time, key code)] of each press, of the keyboard in a USB port if one is given."""
        nodes = self.event_nodes(port)
        return [(e.time, int(e.what)) for e in self.events("key")
                if e.action == "press" and e.node in nodes]

    def assert_alive(self):
        first = (self._lines() or [""])[0].split()
        if len(first) != 3 or first[1] != "start":
            raise AssertionError("the witness did not run from the start")
        if any(line.endswith(" lost") for line in self._lines()):
            raise AssertionError("the witness lost events: nothing can be concluded")
        if self._agent.read(f"/proc/{first[2]}/comm") != "witness":
            raise AssertionError("the witness is not running any more")

    def events(self, kind):
        return [e for e in map(_parse, self._lines()[self._from:]) if e.kind == kind]

    def _lines(self):
        return self.text().splitlines()


def _parse(line):
    words = line.split(" ")
    time, kind, rest = float(words[0]), words[1], words[2:]
    if kind == "uevent":
        action, subsystem, path, node = rest
        return Event(time, kind, action, subsystem, path, node)
    if kind == "node":
        return Event(time, kind, rest[0], "", "", rest[1])
    if kind == "key":
        return Event(time, kind, rest[0], rest[2], "", rest[1])
    return Event(time, kind, "", "", "", "")
