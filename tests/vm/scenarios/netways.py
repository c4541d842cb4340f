# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way to send that tests/integration/netrows.py knows, from the terminal's own card, on Debian's kernel: what arrived
outside counts. Each row is sent twice: without rules, where it must arrive or it proves nothing, and under the guard."""
import json
import os
import sys

import cache
import channel
import outside
from checks import expect
from scenarios import networks, scenario

INTEGRATION = os.path.join(os.path.dirname(cache.HERE), "integration")
sys.path.append(INTEGRATION)

import netlab  # noqa: E402  pylint: disable=wrong-import-position
import netrows  # noqa: E402  pylint: disable=wrong-import-position
import netsend  # noqa: E402  pylint: disable=wrong-import-position

PLACE = "/opt/netways"  # a row of an ordinary user has to read it, too
MARK = bytes.fromhex("0800") + b"MK"  # an echo request with the driver's identifier, without its checksum
# Nothing of the machine's own on the wire, and addresses that work at once.
QUIET = "; ".join(f"sysctl -qw net.ipv6.conf.{who}.{what}=0" for who in ("all", "default")
                  for what in ("accept_dad", "accept_ra", "router_solicitations"))


class Far(outside.Outside):
    """Answers marks alone: any other answer would make the terminal answer back."""

    def _answer(self, frame):
        return super()._answer(frame) if mark_of(frame) is not None else None

    def cargo(self):
        """What came since the last call, as netrows.py looks at it: {number of the mark that followed: frames}."""
        found, since = {}, []
        for frame in self.frames():
            number = mark_of(frame)
            if number is None:
                since.append(netlab.Frame(frame.data))
            else:
                found.setdefault(number, []).extend(since)
                since = []
        return found, since


def mark_of(frame):
    if len(frame.body) < 32 or frame.destination != netlab.SERVER4 or frame.body[9] != 1:
        return None
    icmp = frame.body[20:]
    return int.from_bytes(icmp[8:12], "big") if icmp[:2] + icmp[4:6] == MARK else None


def carry(t, *names):
    t.sh(f"mkdir -p {PLACE}")
    for name in names:
        directory = f"{cache.HERE}/guest" if name == "netways.py" else INTEGRATION
        with open(f"{directory}/{name}", "rb") as f:
            t.write(f"{PLACE}/{name}", f.read())


def connect(t, world, name, mac, slot):
    """A card with a name of its own choice."""
    t.plug(world.adapter(name, mac=mac, bus=slot))
    found = networks.adapter(t, mac)
    t.sh(f"ip link set {found} down && ip link set {found} name {name}")


def addresses():
    return " && ".join([
        "ip link set eno1 up", f"ip addr replace {netlab.TERMINAL4}/24 dev eno1",
        f"ip addr replace {netlab.TERMINAL6}/64 dev eno1 nodad", "(ip link set eno2 up; ip addr replace 10.99.0.1/24 dev eno2)",
        f"ip route replace default via {netlab.ROUTER4}", f"ip route replace default via {netlab.ROUTER6}"])


def send_all(t, worlds):
    """[(row, what its sender said, cargo that arrived)], and what arrived behind the second card beyond the link's own."""
    for world in worlds:
        world.frames()
    said = t.shell(f"python3 {PLACE}/netways.py 2>&1", 240)
    expect(not said.code, f"the sender ended: {said.text[-500:]}")
    said = [json.loads(line) for line in said.text.splitlines() if line.startswith("{")]
    first, rest = worlds[0].cargo()
    second = [f for f in (netlab.Frame(f.data) for f in worlds[1].frames()) if not f.is_link_noise()]
    expect(not [f for f in rest if not f.is_link_noise()], f"after the last mark: {rest}")
    rows = [row for _, row in netrows.every()]
    expect([s["row"] for s in said] == [r.name for r in rows], f"only {len(said)} of {len(rows)} rows were sent")
    return [(row, s["said"], [f for f in first.get(number, []) if row.is_cargo(f)])
            for number, (row, s) in enumerate(zip(rows, said), 1)], second


def network_section():
    text = netrows.policy()
    return text[text.index("network:"):]


@scenario()
def network_every_way_out(lab):
    """Some 180 ways to send, from sockets to AF_XDP: without rules each arrives outside, with rules only what is listed."""
    t, sekisho = lab.guarded()
    worlds = Far(), Far()
    carry(t, "netlab.py", "netsend.py", "netrows.py", "netways.py")
    t.sh(QUIET)
    for world, name, mac, slot in zip(worlds, ("eno1", "eno2"), ("terminal", "second"), ("slot1", "slot2")):
        connect(t, world, name, netlab.MACS[mac], slot)
    t.sh(addresses())

    sent, second = send_all(t, worlds)
    silent = [(row.name, said) for row, said, found in sent if row.bare and not row.second and not found]
    expect(not silent, f"nothing arrived without rules, so these prove nothing: {silent}")
    expect(second, "nothing arrived behind the second card")

    networks.install(t, sekisho, network_section())
    channel.wait_until("netd to hold it", lambda: networks.guard(sekisho)["holding"], 60)
    channel.wait_until("the second card to be down", lambda: not networks.is_up(t, "eno2"), 30)
    t.sh(addresses())
    channel.wait_until("the second card to be down again", lambda: not networks.is_up(t, "eno2"), 30)
    sent, second = send_all(t, worlds)
    shut = [(row.name, said) for row, said, found in sent if row.allowed and not found]
    open_ = [(row.name, len(found), found[:2]) for row, _, found in sent if not row.allowed
             and len(found) > (0 if row.send is netsend.af_xdp else row.limit)]  # this kernel can refuse it
    expect(not shut, f"listed, and did not arrive: {shut}")
    expect(not open_, f"listed nowhere, and arrived: {open_}")
    expect(not second, f"frames left a card that is not listed: {second[:5]}")
    for world in worlds:
        world.close()
