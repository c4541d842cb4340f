# SPDX-License-Identifier: GPL-2.0-or-later
"""The same rules in both languages. "short" ones name a stick by vendor, product and serial; "whole" ones say what each
product's own command prints for a plugged stick (`sekishoctl devices --rule`, `usbguard generate-policy`)."""
import base64
import hashlib

SIZES = [(10, "short"), (10_000, "short"), (10_000, "whole"), (100_000, "short")]
HEAD = """sekisho: 1
header: {fleet: bench, serial: 1, issued: 2026-01-05T09:00:00+09:00, expires: never, target: [all]}
devices:
  default: block
  rules:
"""
RULE = {
    "short": ("    - {{id: s-{i}, match: {{class: [storage], vendor: {vendor:04x}, product: {product:04x}, "
              "serial: 4C5300{i:010}}}, action: allow}}\n",
              'allow id {vendor:04x}:{product:04x} serial "4C5300{i:010}" with-interface one-of {{ 08:*:* }}\n'),
    "whole": ("    - id: usb-{vendor:04x}-{product:04x}-{i}\n      note: \"SanDisk Ultra\"\n      match:\n"
              "        bus: usb\n        class: [storage]\n        vendor: {vendor:04x}\n        product: {product:04x}\n"
              "        serial: \"4C5300{i:010}\"\n        descriptors: sha256:{hex}\n      action: allow\n",
              'allow id {vendor:04x}:{product:04x} serial "4C5300{i:010}" name "SanDisk Ultra" hash "{base64}" '
              'parent-hash "jEP/6WzviqdJ5VSeTUY8PatCNBKeaREvo2OqdplND/o=" with-interface 08:06:50 '
              'with-connect-type "hotplug"\n'),
}


def write(directory, n, kind):
    """Paths of the same n rules in both languages."""
    paths = f"{directory}/{kind}-{n}.yaml", f"{directory}/{kind}-{n}.conf"
    with open(paths[0], "w", encoding="ascii") as ours, open(paths[1], "w", encoding="ascii") as peers:
        ours.write(HEAD)
        for i in range(n):
            digest = hashlib.sha256(b"%d" % i)
            values = {"i": i, "vendor": 1 + i % 1000, "product": 1 + i // 1000, "hex": digest.hexdigest(),
                      "base64": base64.b64encode(digest.digest()).decode()}
            ours.write(RULE[kind][0].format(**values))
            peers.write(RULE[kind][1].format(**values))
    return paths
