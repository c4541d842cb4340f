# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at the terminal's screen, as a display manager would log one in, and a screen locker."""
import channel

USER = "alice"
UID = 1000  # the first user of the terminal
SESSION = f"""[Service]
User={USER}
PAMName=login
TTYPath=/dev/tty7
StandardInput=tty
UtmpIdentifier=tty7
Environment=XDG_SESSION_TYPE=x11 XDG_SESSION_CLASS=user XDG_SEAT=seat0 XDG_VTNR=7
ExecStart=/bin/sleep infinity
"""
# What a locker says of every session: hint true, hint false.
HINT = """#!/bin/sh
for id in $(loginctl --no-legend list-sessions | awk '{print $1}'); do
        path=$(busctl call org.freedesktop.login1 /org/freedesktop/login1 \\
                org.freedesktop.login1.Manager GetSession s "$id" | cut -d'"' -f2)
        busctl call org.freedesktop.login1 "$path" org.freedesktop.login1.Session SetLockedHint b "$1" || exit
done
"""
# A locker takes a moment, and says when it has locked; the time is noted.
LOCKED_AT = "/run/locked"
LOCKER = rf"""#!/bin/sh
dbus-monitor --system "type='signal',interface='org.freedesktop.login1.Session',member='Lock'" |
while read -r line; do
        case $line in *member=Lock*) ;; *) continue ;; esac
        sleep 1
        cut -d' ' -f1 /proc/uptime >>{LOCKED_AT}
        /root/hint true
done
"""
# A command of that person's own session: its cgroup, by which polkit knows who sits at the screen, and its login uid.
IN_SESSION = f"""#!/bin/sh
set -e
session=$(loginctl --no-legend list-sessions | awk '/seat0/ {{print $1}}')
scope=$(loginctl show-session --value -p Scope "$session")
echo $$ >/sys/fs/cgroup/user.slice/user-{UID}.slice/$scope/cgroup.procs
echo {UID} >/proc/self/loginuid
cd /home/{USER}
HOME=$PWD exec setpriv --reuid {USER} --regid {USER} --init-groups -- "$@"
"""


def log_in(terminal):
    """The session is the seat's active one."""
    terminal.write("/run/systemd/system/test-session.service", SESSION)
    terminal.sh("systemctl daemon-reload && systemctl start test-session")
    session = channel.wait_until("a session at the seat", lambda: [
        line.split()[0] for line in terminal.sh("loginctl --no-legend list-sessions").splitlines()
        if "seat0" in line], 30, 0.3)[0]
    terminal.sh(f"loginctl activate {session}")


def start_locker(terminal):
    terminal.write("/root/hint", HINT, 0o755)
    terminal.write("/root/locker", LOCKER, 0o755)
    terminal.sh("systemd-run --collect --unit test-locker /root/locker")
    channel.wait_until("the locker to listen", lambda: "dbus-monitor" in terminal.sh("ps -eo comm"), 20, 0.3)


def unlock(terminal):
    """As the person does who comes back; the locker runs."""
    terminal.sh("/root/hint false")


def locked_at(terminal):
    """The kernel's times at which the locker locked."""
    return [float(line) for line in (terminal.read(LOCKED_AT) or "").split()]


def as_user(terminal, line, user=USER):
    """Result of a command line of that person, or of another who sits nowhere."""
    return terminal.shell(f"setpriv --reuid {user} --regid {user} --init-groups {line}")


def seat(terminal):
    """Somebody at the screen, and what a desktop has running."""
    log_in(terminal)
    terminal.write("/root/in-session", IN_SESSION, 0o755)
    terminal.sh("systemctl start polkit udisks2", 120)  # a first call waits 25 s for them at most


def in_session(terminal, line, limit=60):
    """Result of a command line of the person at the screen, as typed there."""
    return terminal.shell(f"/root/in-session sh -c '{line}'", limit)


def by_user(terminal, line, limit=60):
    """Its output; it has to succeed."""
    result = in_session(terminal, line, limit)
    if result.code:
        raise AssertionError(f"`{line}` by the user: exit {result.code}: {result.text.strip()}")
    return result.text.strip()


def mount(terminal, node):
    """Where udisks mounts a node for the person at the screen."""
    said = by_user(terminal, f"udisksctl mount --no-user-interaction -b /dev/{node}")
    return said.rpartition(" at ")[2].rstrip(".")
