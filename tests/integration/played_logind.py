# SPDX-License-Identifier: GPL-2.0-or-later
"""A logind that does as it is told: sessions, locks and hints on a bus of the test's own. Run as a program it serves
the bus of DBUS_SYSTEM_BUS_ADDRESS; org.sekisho.Test is how a test plays with it."""
import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, PATH = "org.freedesktop.login1", "/org/freedesktop/login1"
SESSION, PROPERTIES = NAME + ".Session", "org.freedesktop.DBus.Properties"


class Session(dbus.service.Object):
    def __init__(self, bus, manager, id_, uid, type_, seat, tty):
        self.path = f"{PATH}/session/{id_}"
        super().__init__(bus, self.path)
        self.manager = manager
        self.values = {"Id": str(id_), "User": dbus.Struct((dbus.UInt32(uid), dbus.ObjectPath("/u")), signature="uo"),
                       "Class": "user", "Type": str(type_), "TTY": str(tty), "State": "active", "Active": True,
                       "Seat": dbus.Struct((str(seat), dbus.ObjectPath("/s")), signature="so"), "Remote": not seat,
                       "LockedHint": False, "IdleHint": False, "IdleSinceHintMonotonic": dbus.UInt64(0),
                       "Leader": dbus.UInt32(1)}

    @dbus.service.method(PROPERTIES, "s", "a{sv}")
    def GetAll(self, _interface):
        return self.values

    @dbus.service.method(PROPERTIES, "ss", "v")
    def Get(self, _interface, key):
        return self.values[key]

    @dbus.service.signal(PROPERTIES, "sa{sv}as")
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    @dbus.service.signal(SESSION)
    def Lock(self):
        pass

    @dbus.service.signal(SESSION)
    def Unlock(self):
        pass

    def set(self, key, value):
        self.values[key] = value
        self.PropertiesChanged(SESSION, {key: value}, [])

    @dbus.service.method(SESSION, "b")
    def SetLockedHint(self, locked):
        self.manager.requests.append(f"SetLockedHint {self.values['Id']} {bool(locked)}")
        self.set("LockedHint", bool(locked))

    @dbus.service.method(SESSION, "b")
    def SetIdleHint(self, idle):
        self.set("IdleHint", bool(idle))


class Manager(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, PATH)
        self.bus, self.sessions, self.requests, self.obeys = bus, {}, [], False

    @dbus.service.method(NAME + ".Manager", "", "a(susso)")
    def ListSessions(self):
        return [(s.values["Id"], s.values["User"][0], "staff", s.values["Seat"][0], dbus.ObjectPath(s.path))
                for s in self.sessions.values()]

    @dbus.service.method(NAME + ".Manager", "u", "o")
    def GetSessionByPID(self, _pid):
        return dbus.ObjectPath(next(iter(self.sessions.values())).path)

    @dbus.service.method(NAME + ".Manager", "s", "o")
    def GetSession(self, id_):
        return dbus.ObjectPath(self.sessions[id_].path)

    @dbus.service.method(NAME + ".Manager", "ssss", "h")
    def Inhibit(self, _what, _who, _why, _mode):
        return dbus.types.UnixFd(os.open("/dev/null", os.O_RDONLY))

    @dbus.service.method(NAME + ".Manager", "s")
    def LockSession(self, id_):
        self.requests.append(f"LockSession {id_}")
        self.sessions[id_].Lock()
        if self.obeys:
            self.sessions[id_].set("LockedHint", True)

    @dbus.service.method(NAME + ".Manager")
    def LockSessions(self):
        for id_ in self.sessions:
            self.LockSession(id_)

    @dbus.service.method(NAME + ".Manager", "s")
    def TerminateSession(self, id_):
        self.requests.append(f"TerminateSession {id_}")
        self.Remove(id_)

    @dbus.service.signal(NAME + ".Manager", "so")
    def SessionNew(self, id_, path):
        pass

    @dbus.service.signal(NAME + ".Manager", "so")
    def SessionRemoved(self, id_, path):
        pass

    # ---- what the test says ----

    @dbus.service.method("org.sekisho.Test", "suss")
    def Add(self, id_, uid, type_, seat):
        self.sessions[id_] = Session(self.bus, self, id_, uid, type_, seat, "tty2")
        self.SessionNew(id_, dbus.ObjectPath(self.sessions[id_].path))

    @dbus.service.method("org.sekisho.Test", "s")
    def Remove(self, id_):
        session = self.sessions.pop(id_)
        session.remove_from_connection()
        self.SessionRemoved(id_, dbus.ObjectPath(session.path))

    @dbus.service.method("org.sekisho.Test", "ssv")
    def Set(self, id_, key, value):
        self.sessions[id_].set(key, value)

    @dbus.service.method("org.sekisho.Test", "b")
    def Obey(self, obeys):
        self.obeys = bool(obeys)

    @dbus.service.method("org.sekisho.Test", "", "as")
    def Requests(self):
        return dbus.Array(self.requests, signature="s")


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"])
    manager = Manager(bus)
    bus.request_name(NAME)
    print("ready", flush=True)
    GLib.MainLoop().run()
    return manager


if __name__ == "__main__":
    sys.exit(main())
