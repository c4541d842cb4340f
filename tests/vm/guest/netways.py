# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside the terminal: sends the rows of tests/integration/netrows.py from its own network card.

    netways.py        every row, each followed by a mark; prints a line of JSON for each row: what its sender said

A mark is an echo request to the listed server with the row's number in it. It is sent until it is answered: then all that was
sent before it has arrived outside. It goes a listed way, so that it arrives with rules and without."""
import json
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import netlab  # noqa: E402  pylint: disable=wrong-import-position
import netrows  # noqa: E402  pylint: disable=wrong-import-position
import netsend  # noqa: E402  pylint: disable=wrong-import-position

MARK = 0x4D4B  # ICMP's identifier
HOSTS = {"server": (netlab.SERVER4, netlab.SERVER6), "stranger": (netlab.STRANGER4, netlab.STRANGER6),
         "router": (netlab.ROUTER4, netlab.ROUTER6)}


def warm():
    """Neighbours are known, so that a row is not about asking for them."""
    for host, addresses in HOSTS.items():
        for address in addresses:
            os.system(f"ip neigh replace {address} lladdr {netlab.MACS[host]} nud permanent dev eno1")


def send(row):
    """What the sender said; it is a child, since some leave things behind."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            row.send(*row.arguments)
        except BaseException as e:  # pylint: disable=broad-except
            os.write(write, f"{type(e).__name__}: {e}".encode()[:1000])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        said = f.read().decode(errors="replace")
    os.waitpid(pid, 0)
    return said


def mark(number, patience=20):
    body = struct.pack("!BBHHHI", 8, 0, 0, MARK, 0, number)
    body = body[:2] + struct.pack("!H", netsend.checksum(body)) + body[4:]
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    s.settimeout(0.5)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            s.sendto(body, (netlab.SERVER4, 0))
            while True:
                answer = s.recv(2048)
                answer = answer[(answer[0] & 15) * 4:]
                if answer[0] == 0 and answer[4:6] == body[4:6] and answer[8:12] == body[8:12]:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"mark {number} was not answered")


def main():
    warm()
    mark(0)
    for number, (group, row) in enumerate(netrows.every(), 1):
        if group == "interfaces":
            warm()
        for line in row.setup:
            os.system(f"{line} 2>/dev/null")
        said = send(row)
        for line in row.undo:
            os.system(f"{line} 2>/dev/null")
        if row.undo:
            warm()
        mark(number)
        print(json.dumps({"row": row.name, "said": said}), flush=True)


if __name__ == "__main__":
    main()
