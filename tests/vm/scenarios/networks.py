# SPDX-License-Identifier: GPL-2.0-or-later
"""The network guard as installed: from power-on to power-off only what is listed leaves, whoever sets the network up."""
import collections
import json
import os
import time

import cache
import channel
import devices
import outside
import permits
import product
from checks import expect
from scenarios import scenario

LISTED, ALSO, NOWHERE = 1001, 1002, 1003
CHANGES = int(os.environ.get("SEKISHO_RELOADS", "100"))
NETWORK = f"""\
network:
  default: block
  interfaces: {{allow: ["mac:{outside.TERMINAL_MAC}"]}}
  rules:
    - {{id: server, to: [{outside.SERVER}/32], protocol: udp, ports: [{LISTED}], next-hop: ["52:54:00:77:00:fe"]}}
    - {{id: web, to: [{outside.SERVER}/32], protocol: tcp, ports: [443], next-hop: ["52:54:00:77:00:fe"]}}
    - {{id: ping, to: [{outside.SERVER}/32], protocol: icmp}}
"""
# As devices they are let in: what is tried here is what the network guard makes of them.
CARDS = """
    - {id: cards, match: {class: [network]}, action: allow}"""
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


def policy(fleet, network):
    return product.POLICY.format(fleet=fleet, serial=next(product._serials), mode="enforce", rules=CARDS,
                                 keyboards="present") + network


def install(t, sekisho, network=NETWORK):
    t.write("/root/policy.yaml", policy(sekisho.status()["policy"]["fleet"], network))
    t.sh("sekishoctl policy install /root/policy.yaml")


UDP = "bash -c 'echo x >/dev/udp/{to}/{port}' 2>/dev/null"


def udp(t, to):
    return t.shell(f"bash -c 'echo x >/dev/udp/{to}'")


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


def is_up(t, name):
    return "UP" in t.sh(f"ip -o link show {name}").split("<")[1].split(">")[0].split(",")


def adapter(t, mac):
    """Its name, once udev has given it one."""
    return channel.wait_until("the adapter to be there", lambda: t.shell(
        f"udevadm settle; grep -slx {mac} /sys/class/net/*/address").text.split("/")[4:5], 60)[0]


@scenario()
def network_adapter_plugged_in(lab):
    """An adapter (USB) that is plugged in is put down and no frame leaves it; radios are off; a listed adapter carries."""
    t, sekisho = lab.guarded()
    world, strange = outside.Outside(), "52:54:00:77:00:99"
    t.sh("modprobe mac80211_hwsim radios=1 && modprobe wireguard && modprobe -r wireguard")
    expect("0" in t.sh("cat /sys/class/rfkill/*/soft"), "no radio to turn off")
    install(t, sekisho)

    def radios_off():
        return "0" not in t.sh("cat /sys/class/rfkill/*/soft")

    channel.wait_until("radios to be off", radios_off, 30)
    t.sh("for r in /sys/class/rfkill/*/soft; do echo 0 > $r; done")
    channel.wait_until("radios to be off again", radios_off, 30)
    expect(t.shell("modprobe wireguard").code, "a module of another network was let in")

    other = world.adapter("other", "usb-net", strange, bus="xhci.0", port="6")
    t.plug(other)
    name = adapter(t, strange)
    for _ in range(2):
        t.sh(f"ip addr replace 10.77.0.1/24 dev {name}; ip link set {name} up")
        t.shell(f"ping -c1 -W1 {outside.SERVER}; {UDP.format(to=outside.SERVER, port=LISTED)}")
        channel.wait_until("it to be down", lambda: not is_up(t, name), 30)
    channel.wait_until("it to be recorded", lambda: any(
        "interface-refused" in line and name in line for line in sekisho.record_lines()), 30)
    expect(not world.frames(), "frames left an adapter that is not listed")
    t.unplug(other)
    world.close()

    world = outside.Outside()  # the twin: the same kind, listed by its MAC
    t.plug(world.adapter("listed", "usb-net", outside.TERMINAL_MAC, bus="xhci.0", port="6"))
    name = adapter(t, outside.TERMINAL_MAC)
    t.sh(f"ip addr replace {outside.TERMINAL}/24 dev {name}; ip link set {name} up")
    works(t)
    refused(t, world)
    world.close()


@scenario()
def network_upgrade_and_tightening(lab):
    """Nothing leaks while the package is upgraded or conntrack is full; tightening cuts what is open; a purge opens all."""
    t, sekisho = lab.guarded()
    world = outside.Outside()
    with open(lab.deb, "rb") as f:
        t.write("/root/sekisho.deb", f.read())
    # an initramfs takes minutes in an emulated guest, and is no part of this
    t.sh("echo 'update_initramfs=no' > /etc/initramfs-tools/update-initramfs.conf")
    t.plug(world.adapter(bus="slot1"))
    name = adapter(t, outside.TERMINAL_MAC)
    t.sh(f"ip addr replace {outside.TERMINAL}/24 dev {name}; ip link set {name} up")
    install(t, sekisho)
    works(t)
    t.write("/etc/systemd/system/sender.service", SENDER)
    t.sh("systemctl daemon-reload && systemctl start sender")

    before = t.sh("sysctl -n net.netfilter.nf_conntrack_max")
    world.frames()
    t.sh("sysctl -qw net.netfilter.nf_conntrack_max=1")  # full is no way out either
    t.sh(f"for i in $(seq 20); do {UDP.format(to=outside.SERVER, port=LISTED)}; "
         f"{UDP.format(to=outside.SERVER, port=NOWHERE)}; done; true")
    expect("table full" in t.sh("dmesg"), "conntrack was not full")
    only_listed(world.frames(), "conntrack is full")
    t.sh(f"sysctl -qw net.netfilter.nf_conntrack_max={before}")

    t.sh("DEBIAN_FRONTEND=noninteractive dpkg -i /root/sekisho.deb", 300)
    sekisho.wait_ready()
    channel.wait_until("the guard to hold again", lambda: guard(sekisho)["holding"], 60)
    works(t)
    expect(only_listed(world.frames(), "upgraded"), "the listed way was shut while it was upgraded")

    # never acknowledged, so that its sender never rests
    t.sh(f"bash -c 'exec 3<>/dev/tcp/{outside.SERVER}/443; while echo x >&3; do sleep 0.1; done' >/dev/null 2>&1 &")
    channel.wait_until("the open connection to be heard", lambda: [
        f for f in world.frames() if f.port == 443 and len(f.data) > 66], 30)
    install(t, sekisho, NETWORK.replace("ports: [443]", "ports: [444]"))
    channel.wait_until("netd to hold it", lambda: guard(sekisho)["holding"], 30)
    world.frames()
    t.sh("sleep 3; pgrep -f /dev/tcp/")
    expect(not [f for f in world.frames() if f.port == 443], "an open connection outlives the rule that opened it")

    t.sh("DEBIAN_FRONTEND=noninteractive dpkg -P sekisho", 300)
    expect("sekisho" not in t.sh("nft list tables"), "rules stay behind")
    expect(t.shell("test -e /run/modprobe.d/sekisho-network.conf").code, "modules are still kept out")
    expect("sekisho" not in t.sh("ls /sys/fs/bpf"), "the program that refuses sockets stays behind")
    channel.wait_until("what was forbidden to get out", lambda: [
        f for f in world.frames() if (f.destination, f.port) == (outside.STRANGER, LISTED)], 60, 0.5)
    world.close()


@scenario()
def network_changed_under_load(lab):
    """A hundred changes of policy under load (SEKISHO_RELOADS: more): what either policy forbids never leaves."""
    t, _ = lab.guarded()
    world = outside.Outside()
    with open(f"{cache.HERE}/guest/netreload.py", "rb") as f:
        t.write("/root/netreload.py", f.read())
    t.plug(world.adapter(bus="slot1"))
    name = adapter(t, outside.TERMINAL_MAC)
    t.sh(f"ip addr replace {outside.TERMINAL}/24 dev {name}; ip link set {name} up")
    for to in (f"{outside.SERVER}/{NOWHERE}", f"{outside.STRANGER}/{LISTED}"):  # the twin: nothing is enforced yet
        udp(t, to)
    channel.wait_until("what will be forbidden to get out", lambda: [f for f in world.frames() if f.port == NOWHERE], 20)
    t.sh("systemctl stop sekisho-netd sekishod")
    said = t.shell(f"python3 /root/netreload.py {CHANGES} {outside.TERMINAL_MAC} {outside.SERVER} {outside.STRANGER} 2>&1",
                   30 + 3 * CHANGES)
    expect(not said.code, f"it ended: {said.text[-500:]}")
    told = json.loads(said.text.splitlines()[-1])
    changes = told["changes"]
    print(f"     network-changed-under-load: {changes} changes, median {told['median']:.2f} s, most {told['max']:.2f} s")
    frames = [f for f in world.frames() if not f.is_of_the_link()]
    only_listed([f for f in frames if (f.destination, f.port) != (outside.SERVER, ALSO)], "while the policy changed")
    sent = collections.Counter(bytes(f.body[28:33]) for f in frames if f.destination == outside.SERVER)
    expect(sent[b"fresh"] == changes == CHANGES, f"{changes} changes, but {sent} arrived of what was listed")
    expect(not sent[b"stale"], f"{sent[b'stale']} packets left after the change that forbade them")
    expect(sent[b"usual"] > changes // 10, f"the listed sender was not heard: {sent}")
    world.close()


def radios(t, kind):
    """1 for each that is off."""
    return t.shell(f"grep -lx {kind} /sys/class/rfkill/*/type | while read f; do cat ${{f%type}}soft; done").text.split()


OTHERS = (31, 40, 44)  # AF_BLUETOOTH, AF_VSOCK, AF_XDP
ASK = """
import errno, socket
for family in {}:
    for kind in (socket.SOCK_STREAM, socket.SOCK_RAW):
        try:
            socket.socket(family, kind, 0).close()
            print(family, "made")
        except OSError as e:
            print(family, errno.errorcode[e.errno])
"""


# Makes an adapter of a serial line, as btattach does: N_HCI with H4.
ATTACH = """
import fcntl, os, struct, time, tty
ours, line = os.openpty()
tty.setraw(line)
fcntl.ioctl(line, 0x5423, struct.pack("i", 15))
fcntl.ioctl(line, 0x400455C8, 0)
print("attached", flush=True)
time.sleep(10000)
"""


def made(t):
    """The families of which a socket can be made."""
    t.write("/root/ask.py", ASK.format(OTHERS).encode())
    said = t.sh("python3 /root/ask.py")
    return {int(line.split()[0]) for line in said.splitlines() if line.endswith("made")}


@scenario()
def network_radios(lab):
    """Wi-Fi and Bluetooth are off, their modules kept out and their sockets refused, until listed; what an admin had off stays off."""
    t, sekisho = lab.guarded()
    t.sh("modprobe mac80211_hwsim radios=1 && modprobe -a hci_vhci hci_uart")
    t.sh("(exec 3<>/dev/vhci; printf '\\377\\000' >&3; exec sleep 10000) >/dev/null 2>&1 &")
    channel.wait_until("Wi-Fi and Bluetooth to be on", lambda: radios(t, "wlan") + radios(t, "bluetooth") == ["0", "0"], 30)
    expect({31, 44} <= made(t), f"only {made(t)} can be made without a policy")
    t.write("/home/alice/attach.py", ATTACH.encode())
    refused = t.shell("setpriv --reuid alice --regid alice --init-groups python3 /home/alice/attach.py 2>&1").text
    expect("PermissionError" in refused, f"a user makes an adapter of a serial line: {refused}")
    t.sh("for f in $(grep -lx bluetooth /sys/class/rfkill/*/type); do echo 1 > ${f%type}soft; done")  # by the admin

    install(t, sekisho)
    channel.wait_until("Wi-Fi to be off", lambda: radios(t, "wlan") == ["1"], 30)
    t.sh("for f in /sys/class/rfkill/*/soft; do echo 0 > $f; done")
    channel.wait_until("all to be off again", lambda: radios(t, "wlan") + radios(t, "bluetooth") == ["1", "1"], 30)
    expect(not made(t), f"sockets of {made(t)} can be made")
    t.sh("setsid python3 /home/alice/attach.py >/run/attached 2>&1 &")
    channel.wait_until("one on a serial line to be there, and off", lambda: radios(t, "bluetooth") == ["1", "1"], 30)
    expect(t.read("/run/attached") == "attached", f"not by the serial line: {t.read('/run/attached')}")
    t.sh("pkill -f 'alice/attach[.]py'")
    channel.wait_until("it to be gone", lambda: radios(t, "bluetooth") == ["1"], 30)
    t.sh("modprobe -r mac80211_hwsim mac80211 cfg80211")
    expect(t.shell("modprobe mac80211_hwsim radios=2").code, "Wi-Fi's modules were let in")

    listed = NETWORK.replace("interfaces: {allow: [", "interfaces: {allow: [wlan0, ")
    install(t, sekisho, listed)
    t.sh("modprobe mac80211_hwsim radios=2")
    channel.wait_until("Wi-Fi to be on where it is listed", lambda: radios(t, "wlan") == ["0", "0"], 30)
    t.sh("ip link set wlan0 up; ip link set wlan1 up")
    channel.wait_until("the other one to be down", lambda: not is_up(t, "wlan1"), 30)
    expect(is_up(t, "wlan0"), "the listed Wi-Fi adapter is down")
    expect(radios(t, "bluetooth") == ["1"], "Bluetooth is on, which nobody listed")

    install(t, sekisho)
    channel.wait_until("Wi-Fi to be off once more", lambda: radios(t, "wlan") == ["1", "1"], 30)
    install(t, sekisho, "network: {mode: observe}\n")
    channel.wait_until("Wi-Fi to be given back", lambda: radios(t, "wlan") == ["0", "0"], 30)
    expect(radios(t, "bluetooth") == ["1"], "Bluetooth, which the admin had turned off, is on")
    expect({31, 44} <= made(t), "sockets are refused though nothing is enforced")


def held_back(sekisho, code="network-blocked"):
    """What the record says of connections: [{peer, port, uid, program, ...}]."""
    events = map(json.loads, sekisho.record_lines())
    return [e["unmapped"]["sekisho"]["network"] for e in events if e["metadata"]["event_code"] == code]


@scenario()
def network_learned_list(lab):
    """From the package's own policy, which observes, to a signed list: what was used works, all else is held back and told."""
    t, sekisho = lab.guarded()
    world, fleet = outside.Outside(), permits.Fleet(t, sekisho, signed_policies=True)
    t.plug(world.adapter(bus="slot1"))
    name = adapter(t, outside.TERMINAL_MAC)
    t.sh(f"ip addr replace {outside.TERMINAL}/24 dev {name}; ip link set {name} up")
    works(t)
    udp(t, f"{outside.SERVER}/{LISTED}")
    channel.wait_until("what is used to be in the record", lambda: {443, LISTED} <= {
        n["port"] for n in held_back(sekisho, "network-observed") if n["peer"] == outside.SERVER}, 60, 0.5)

    proposal = t.sh("sekishoctl network learn") + "\n"
    expect("  mode: observe\n" in proposal, f"it would not observe: {proposal}")
    learned = policy(fleet.name, proposal[proposal.index("network:"):].replace("  mode: observe\n", "  mode: enforce\n"))
    t.write("/root/learned.yaml", learned)
    expect(t.shell("sekishoctl policy install /root/learned.yaml").code, "a list that nobody signed was installed")
    fleet.put_policy("/root/learned.yaml", learned)
    t.sh("sekishoctl policy install /root/learned.yaml")
    channel.wait_until("netd to hold it", lambda: guard(sekisho)["holding"], 60)

    works(t)
    udp(t, f"{outside.SERVER}/{LISTED}")
    t.sh("(timeout 300 sekishoctl watch >/root/watched 2>&1 &)")
    world.frames()
    line = f"timeout 3 bash -c ': </dev/tcp/{outside.STRANGER}/443'"
    expect(t.shell(f"setpriv --reuid 65534 --clear-groups {line}").code, "a stranger can be called")
    udp(t, f"{outside.SERVER}/{NOWHERE}")
    only_listed(world.frames(), "learned")
    channel.wait_until("who was held back to be in the record", lambda: [n for n in held_back(sekisho) if (
        n["peer"], n["port"], n["uid"], n["program"]) == (outside.STRANGER, 443, 65534, "/usr/bin/bash")], 60, 0.5)
    channel.wait_until("root to be, too", lambda: [n for n in held_back(sekisho) if (
        n["peer"], n["port"], n["uid"]) == (outside.SERVER, NOWHERE, 0)], 60, 0.5)
    expect("packets held back" in t.shell("sekishoctl status").text, "the status says nothing of it")
    channel.wait_until("it to be watched", lambda: outside.STRANGER in (t.read("/root/watched") or ""), 30, 0.5)
    world.close()
