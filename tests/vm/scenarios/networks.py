# SPDX-License-Identifier: GPL-2.0-or-later
"""The network guard as installed: from power-on to power-off only what is listed leaves, whoever sets the network up."""
import time

import channel
import devices
import outside
import product
from checks import expect
from scenarios import scenario

LISTED, NOWHERE = 1001, 1003
NETWORK = f"""\
network:
  default: block
  interfaces: {{allow: ["mac:{outside.TERMINAL_MAC}"]}}
  rules:
    - {{id: server, to: [{outside.SERVER}/32], protocol: udp, ports: [{LISTED}], next-hop: ["52:54:00:77:00:fe"]}}
    - {{id: web, to: [{outside.SERVER}/32], protocol: tcp, ports: [443], next-hop: ["52:54:00:77:00:fe"]}}
    - {{id: ping, to: [{outside.SERVER}/32], protocol: icmp}}
"""
# Sends from before any network is set up until the power is off, whether it can or not.
SENDER = f"""\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/bash -c 'while :; do \
for to in {outside.SERVER}/{NOWHERE} {outside.STRANGER}/{LISTED} {outside.SERVER}/{LISTED}; do \
(echo x >/dev/udp/$to) 2>/dev/null; done; sleep 0.2; done'
SendSIGHUP=no
KillMode=none
[Install]
WantedBy=sysinit.target
"""
LINK = f"""\
[Match]
MACAddress={outside.TERMINAL_MAC}
[Network]
Address={outside.TERMINAL}/24
DHCP=yes
LLMNR=yes
MulticastDNS=yes
"""


def only_listed(frames, why):
    strangers = [f for f in frames if not f.is_of_the_link() and not (
        f.destination == outside.SERVER and (f.port in (LISTED, 443) or f.body[9] == 1))]
    expect(not strangers, f"{why}: {len(strangers)} of {len(frames)} frames are listed nowhere: {strangers[:5]}")
    return [f for f in frames if f.port == LISTED]


def install(t, sekisho):
    fleet = sekisho.status()["policy"]["fleet"]
    text = product.POLICY.format(fleet=fleet, serial=next(product._serials), mode="enforce", rules=product.OTHER_RULE,
                                 keyboards="present") + NETWORK
    t.write("/root/policy.yaml", text)
    t.sh("sekishoctl policy install /root/policy.yaml")


def udp(t, to):
    return t.shell(f"echo x >/dev/udp/{to}")


@scenario()
def network_from_power_on(lab):
    """From power-on to power-off, through stops and kills: the capture outside has only what is listed."""
    world = outside.Outside()
    keyboard, nic = devices.keyboard(), world.adapter()
    t = lab.boot([keyboard, nic])
    sekisho = product.Product(t)
    t.write("/etc/systemd/network/10-cable.network", LINK)
    t.write("/etc/systemd/system/sender.service", SENDER)
    t.sh("systemctl daemon-reload && systemctl enable -q systemd-networkd sender && systemctl start systemd-networkd sender")
    # the twin: the policy that comes with the package refuses nothing
    channel.wait_until("the sender to be heard", lambda: {(outside.SERVER, NOWHERE), (outside.STRANGER, LISTED)} <= {
        (f.destination, f.port) for f in world.frames()}, 60)
    install(t, sekisho)
    channel.wait_until("netd to hold it", lambda: guard(sekisho)["holding"], 30)
    works(t)
    refused(t, world)
    t.sh("sync")

    world.frames()
    t.power_cycle([keyboard, nic])
    t.wait_booted()
    t.wait_settled()
    channel.wait_until("the listed sender to be heard", lambda: only_listed(world.frames(), "from power-on"), 60)
    works(t)

    pid = t.sh("systemctl show --value -p MainPID sekisho-netd")
    t.sh(f"kill -9 {pid}")
    time.sleep(2)
    only_listed(world.frames(), "netd killed")
    channel.wait_until("netd to be back", lambda: t.sh("systemctl show --value -p MainPID sekisho-netd") not in ("0", pid), 30)
    t.sh(f"kill -9 {sekisho.pid()}")
    t.sh("systemctl stop sekisho-netd sekishod")
    time.sleep(2)
    expect(only_listed(world.frames(), "all stopped"), "the listed way is shut when the guard is stopped")
    t.sh("systemctl start sekisho-netd sekishod")
    sekisho.wait_ready()
    t.sh("for i in 1 2 3 4 5; do nft flush ruleset; done; systemctl restart systemd-networkd")
    works(t)
    only_listed(world.frames(), "flushed")
    t.shell("systemctl poweroff", 5)
    time.sleep(12)
    only_listed(world.frames(), "to power-off")
    world.close()


def guard(sekisho):
    return next(g for g in sekisho.status()["guards"] if g["name"] == "network")


def works(t):
    """Soon: whoever sets the network up may be at it."""
    channel.wait_until("the listed server to be reached", lambda: not t.shell(
        f"timeout 10 bash -c ': </dev/tcp/{outside.SERVER}/443'").code, 60, 1)


def refused(t, world):
    """At once on the machine itself; and nothing outside."""
    world.frames()
    expect(udp(t, f"{outside.STRANGER}/{LISTED}").code, "a stranger can be sent to")
    expect(t.shell(f"timeout 3 bash -c ': </dev/tcp/{outside.STRANGER}/443'").code, "a stranger can be called")
    only_listed(world.frames(), "refused")
