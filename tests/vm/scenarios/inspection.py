# SPDX-License-Identifier: GPL-2.0-or-later
"""The self-inspection on an installed terminal: what it says is what is so there."""
import json

import channel
import product
from checks import expect
from scenarios import documents, scenario

DOOR = "/sys/module/usbcore/parameters/authorized_default"


def inspect(t):
    """{item: (result, evidence)}; exit status 1 says that something is unfit or cannot be told."""
    done = t.shell("sekishoctl inspect --json 2>/run/inspect.err", limit=300)
    expect(done.code in (0, 1), f"inspect: exit {done.code}: {t.read('/run/inspect.err')}")
    return {i["id"]: (i["result"], " / ".join(i["evidence"])) for i in json.loads(done.text)["items"]}


def check(found, item, result, evidence=""):
    expect(found[item][0] == result and evidence in found[item][1], f"{item} is not {result} ({evidence}): {found[item]}")


@scenario()
def inspection(lab):
    """inspect: fit where it is so; then one thing after the other is spoilt, and each is found."""
    t, sekisho = lab.seated()
    office = documents.Office(t, sekisho)
    office.trust()
    for name, content in office.policy().items():
        t.write(f"/root/{name}", content)
    t.sh("sekishoctl policy install /root/policy.yaml")
    channel.wait_until("an anchor, a minute after something was recorded", lambda: any(
        "record-anchor" in line for line in sekisho.record_lines()), 150, 2)
    # Somebody sits at the screen, and nothing guards his clipboard. The agent gives a helper half a minute to come, and the
    # inspection a minute.
    began = max(map(int, t.sh("sed -n 's/^REALTIME=//p' /run/systemd/sessions/*[0-9]").split())) // 1000000
    channel.wait_until("the session to be old enough", lambda: int(t.sh("date +%s")) > began + 65, 120, 1)
    channel.wait_until("the agent to miss its helper", lambda: not all(
        guard["holding"] for guard in sekisho.status()["guards"]), 120, 1)
    seated = inspect(t)
    check(seated, "clipboard", "no", "no helper guards its clipboard")
    check(seated, "guard-active", "no", "Guard session does NOT hold")
    t.sh("systemctl stop test-session")
    channel.wait_until("the session to be over", lambda: "seat0" not in t.sh("loginctl --no-legend list-sessions") and all(
        guard["holding"] for guard in sekisho.status()["guards"]), 60, 1)

    found = inspect(t)
    for item in ("guard-active", "kernel-agrees", "doors-at-boot", "standing-rules", "exceptions", "policy"):
        check(found, item, "yes")
    # Nobody has logged in yet, so that the verifier has signed nothing.
    expect(found["chain"][0] in ("yes", "unknown") and "agent:" not in found["chain"][1], f"chain: {found['chain']}")
    check(found, "policy", "yes", "signed by kacho")
    # Not there in this terminal, and said to be so.
    check(found, "second-factor", "no", "not switched on")
    check(found, "copy-elsewhere", "unknown")

    t.sh(f"echo '# more' >>{product.ACTIVE_POLICY}")
    t.sh(f"sed -i '2s/sekisho/SEKISHO/' {product.RECORD}")

    def opened():
        """The agent shuts it again at its next look, which may come in between."""
        t.sh(f"echo 1 >{DOOR}")
        seen = inspect(t)
        return seen if seen["doors-at-boot"][0] == "no" else None

    spoilt = channel.wait_until("the open door to be seen", opened, 120, 0.1)
    check(spoilt, "doors-at-boot", "no", "authorized_default")
    check(spoilt, "policy", "no", "not what is in force")
    check(spoilt, "chain", "no", "line ")
    check(spoilt, "guard-active", "yes")

    t.sh(f"systemctl mask --runtime {product.UNIT} && systemctl stop {product.UNIT}")
    channel.wait_until("the agent to be stopped", lambda: not sekisho.is_active(), 60, 0.2)
    stopped = inspect(t)
    check(stopped, "guard-active", "no", "does not answer")
    for item in ("kernel-agrees", "exceptions", "copies-permitted", "paths"):
        check(stopped, item, "unknown")
