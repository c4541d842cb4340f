# SPDX-License-Identifier: GPL-2.0-or-later
"""Sekisho in a terminal: how a test talks to it. Only what a user could do too."""
import itertools
import json

import channel

UNIT = "sekishod.service"
RECORD = "/var/log/sekisho/audit.jsonl"
EXAMPLES = "/usr/share/sekisho/examples/policy"
ACTIVE_POLICY = "/var/lib/sekisho/policy/policy.yaml"
DEVICE_ACTIVITY = 1010  # OCSF class: Peripheral Activity

_serials = itertools.count(1000)  # greater than the shipped policy's, and never the same twice

POLICY = """\
sekisho: 1
header:
  fleet: {fleet}
  serial: {serial}
  issued: 2026-01-05T09:00:00+09:00
  expires: never
  target: [all]
mode: {mode}
contact: 情報政策課 内線 2345
devices:
  default: block
  keyboards: {keyboards}
  rules:{rules}
"""
READER_RULE = """
    - id: card-reader
      note: 個人番号カードのリーダ
      match: {bus: usb, class: [smartcard], vendor: 08e6, product: 4433}
      action: allow"""
STICK_RULE = """
    - id: joho-stick
      match: {bus: usb, class: [storage], vendor: 46f4, product: 0001, serial: 4C530001}
      action: allow"""
# A policy needs rules to be a list; this one matches nothing that a test plugs in.
OTHER_RULE = """
    - id: other
      match: {bus: usb, class: [smartcard], vendor: 1111, product: 2222}
      action: allow"""


class Product:
    """The installed product in one terminal."""

    def __init__(self, terminal):
        self.terminal = terminal

    def wait_ready(self, limit=60):
        channel.wait_until("sekishod to be active", self.is_active, limit, 0.2)

    def warm_up(self):
        """Ready, and what a first use starts or reads is there: no test waits for it."""
        self.wait_ready()
        self.status()
        self.devices()
        self.verify()

    def is_active(self):
        return self.terminal.shell(f"systemctl is-active {UNIT}").text.strip() == "active"

    def pid(self):
        return int(self.terminal.sh(f"systemctl show --value -p MainPID {UNIT}"))

    def install_policy(self, rules=OTHER_RULE, mode="enforce", keyboards="present"):
        fleet = self.status()["policy"]["fleet"]
        text = POLICY.format(fleet=fleet, serial=next(_serials), mode=mode, rules=rules,
                             keyboards=keyboards)
        self.terminal.write("/root/policy.yaml", text)
        self.terminal.sh("sekishoctl policy install /root/policy.yaml")

    def install_example(self, name):
        """A policy as the package brings it, with nothing filled in but its header."""
        header = {"fleet": self.status()["policy"]["fleet"], "serial": next(_serials),
                  "issued": "2026-01-05T09:00:00+09:00", "expires": "never"}
        edits = " ".join(f"-e 's/^  {key}: .*/  {key}: {value}/'" for key, value in header.items())
        self.terminal.sh(f"sed {edits} {EXAMPLES}/{name} >/root/policy.yaml && sekishoctl policy install /root/policy.yaml")

    def status(self):
        """Parsed `status --json`; its exit code is 1 when anything falls short."""
        result = self.terminal.shell("sekishoctl status --json 2>/run/status.err")
        if result.code not in (0, 1):
            raise AssertionError(f"sekishoctl status: exit {result.code}: "
                                 f"{self.terminal.read('/run/status.err')}")
        return json.loads(result.text)

    def devices(self):
        return json.loads(self.terminal.sh("sekishoctl devices --json"))["devices"]

    def device(self, device):
        """What the agent says of a plugged device, None if it does not list it."""
        path = self.terminal.usb(device)
        port = path and path.rpartition("/")[2]
        return next((d for d in self.devices() if d["port"] == port and not d["node"]), None)

    def record_lines(self):
        return (self.terminal.read(RECORD) or "").splitlines()

    def decisions(self, **facts):
        """What the record says of each decision and effect on devices with these facts."""
        events = map(json.loads, self.record_lines())
        own = [e["unmapped"]["sekisho"] for e in events if e["class_uid"] == DEVICE_ACTIVITY]
        return [d for d in own if "action" in d and facts.items() <= {
            k: v for k, v in d["facts"].items() if isinstance(v, str)}.items()]

    def verify(self):
        self.terminal.sh(f"sekishoctl audit verify {RECORD}")
