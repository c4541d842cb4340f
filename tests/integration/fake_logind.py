#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A logind with the sessions that a file names, on the bus of a fake machine.

  fake_logind.py BUS FILE LOG

FILE holds a JSON list of sessions: {"id", "uid", "type", "seat", "locks": whether LockSession makes it locked}. It is read
again on SIGHUP, which also emits the signals of what came and went. LOG has a line for each call."""
import dbus
import dbus.service
import dbus.mainloop.glib
from gi.repository import GLib

import json
import signal
import sys

MANAGER, SESSION, PROPERTIES = "org.freedesktop.login1.Manager", "org.freedesktop.login1.Session", dbus.PROPERTIES_IFACE


class Session(dbus.service.Object):
    def __init__(self, bus, facts):
        self.facts, self.path = facts, f"/org/freedesktop/login1/session/{facts['id']}"
        self.locked = False
        super().__init__(bus, self.path)

    def all(self):
        f = self.facts
        return {"Id": f["id"], "User": dbus.Struct((dbus.UInt32(f["uid"]), dbus.ObjectPath("/u")), signature="uo"),
                "Class": f.get("class", "user"), "Type": f.get("type", "x11"), "TTY": "", "Remote": False,
                "Seat": dbus.Struct((f.get("seat", "seat0"), dbus.ObjectPath("/s")), signature="so"),
                "State": "active", "Active": True, "LockedHint": self.locked, "IdleHint": False,
                "IdleSinceHintMonotonic": dbus.UInt64(0), "Leader": dbus.UInt32(1)}

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return dbus.Dictionary(self.all(), signature="sv")

    @dbus.service.signal(PROPERTIES, signature="sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    def lock(self, on):
        self.locked = on
        self.PropertiesChanged(SESSION, dbus.Dictionary({"LockedHint": on}, signature="sv"), dbus.Array([], signature="s"))


class Manager(dbus.service.Object):
    def __init__(self, bus, file, log):
        super().__init__(bus, "/org/freedesktop/login1")
        self.bus, self.file, self.log, self.sessions = bus, file, log, {}
        self.reload()

    def note(self, *words):
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(" ".join(words) + "\n")

    def reload(self):
        wanted = {f["id"]: f for f in json.load(open(self.file, encoding="utf-8"))}
        for name in set(self.sessions) - set(wanted):
            self.end(name)
        for name in set(wanted) - set(self.sessions):
            self.sessions[name] = Session(self.bus, wanted[name])
            self.SessionNew(name, dbus.ObjectPath(self.sessions[name].path))
        return True

    def end(self, name):
        session = self.sessions.pop(name)
        session.remove_from_connection()
        self.SessionRemoved(name, dbus.ObjectPath(session.path))

    @dbus.service.signal(MANAGER, signature="so")
    def SessionNew(self, name, path):
        pass

    @dbus.service.signal(MANAGER, signature="so")
    def SessionRemoved(self, name, path):
        pass

    @dbus.service.method(MANAGER, out_signature="a(susso)")
    def ListSessions(self):
        return dbus.Array([dbus.Struct((s.facts["id"], dbus.UInt32(s.facts["uid"]), "staff", s.facts.get("seat", "seat0"),
                                        dbus.ObjectPath(s.path)), signature="susso") for s in self.sessions.values()],
                          signature="(susso)")

    @dbus.service.method(MANAGER, in_signature="s")
    def LockSession(self, name):
        self.note("lock", name)
        if self.sessions[name].facts.get("locks", True):
            self.sessions[name].lock(True)

    @dbus.service.method(MANAGER, in_signature="s")
    def UnlockSession(self, name):
        self.sessions[name].lock(False)

    @dbus.service.method(MANAGER, in_signature="s")
    def TerminateSession(self, name):
        self.note("end", name)
        self.end(name)


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(sys.argv[1])
    manager = Manager(bus, sys.argv[2], sys.argv[3])
    name = dbus.service.BusName("org.freedesktop.login1", bus)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGHUP, manager.reload)
    print("ready", flush=True)
    GLib.MainLoop().run()
    return name


if __name__ == "__main__":
    main()
