# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside the terminal: changes sekisho-netd's policy again and again between two that list one port each, as the agent asks
for it, while senders that never rest try what either policy forbids.

    netreload.py TIMES MAC SERVER STRANGER

Each change is followed by one packet to the port that is listed no longer, and one to the port that is. Prints one line of
JSON: how many changes there were, and how long each took."""
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import time

MESSAGE = struct.Struct("=IiQ72s16sII48s200s")  # struct network_message
RELOAD, LOADED = 0, 2
PORTS, NOWHERE = (1001, 1002), 1003
POLICY = """sekisho: 1
header: {{fleet: t, serial: 2, issued: 2026-01-01T00:00:00+09:00, expires: never, target: [all]}}
mode: enforce
network:
  interfaces: {{allow: ["mac:{mac}"]}}
  rules:
    - {{id: server, to: [{server}/32], protocol: udp, ports: [{port}], next-hop: ["52:54:00:77:00:fe"]}}
    - {{id: also, to: [10.88.0.0/24], protocol: tcp, ports: [{also}]}}
"""
FILE, SOCKET = "/run/netreload.yaml", "/run/sekisho/network.sock"


def write(port, mac, server):
    with open(FILE + ".next", "w", encoding="ascii") as f:
        f.write(POLICY.format(port=port, also=port + 80, mac=mac, server=server))
    os.rename(FILE + ".next", FILE)


def hammer(targets, pause):
    """A child that sends for ever; what the kernel says to that does not matter."""
    pid = os.fork()
    if pid:
        return pid
    os.nice(10)  # else there is no time to change anything, on an emulated processor
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        for target in targets:
            send(s, b"usual", target)
        time.sleep(pause)


def send(s, data, target):
    try:
        s.sendto(data, target)
    except OSError:
        pass


def reload(caller):
    caller.send(MESSAGE.pack(RELOAD, 0, 0, b"", b"", 0, 0, b"", b""))
    while True:
        kind, error, *_ = MESSAGE.unpack(caller.recv(4096))
        if kind == LOADED:
            return error


def call():
    for _ in range(600):
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            caller.connect(SOCKET)
            return caller
        except OSError:
            time.sleep(0.1)
    raise SystemExit("sekisho-netd does not answer")


def main(times, mac, server, stranger):
    write(PORTS[0], mac, server)
    netd = subprocess.Popen(["/usr/sbin/sekisho-netd", "--policy", FILE])
    caller, probe, took = call(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), []
    reload(caller)
    children = [hammer([(server, NOWHERE), (stranger, PORTS[0])], 0), hammer([(server, p) for p in PORTS], 0.05)]
    try:
        for i in range(1, times + 1):
            write(PORTS[i % 2], mac, server)
            since = time.monotonic()
            error = reload(caller)
            took.append(time.monotonic() - since)
            if error:
                raise SystemExit(f"change {i}: {os.strerror(-error)}")
            send(probe, b"stale", (server, PORTS[(i + 1) % 2]))
            send(probe, b"fresh", (server, PORTS[i % 2]))
    finally:
        for pid in children:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    print(json.dumps({"changes": len(took), "median": statistics.median(took), "max": max(took)}))
    netd.kill()
    netd.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
