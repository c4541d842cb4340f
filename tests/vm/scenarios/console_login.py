# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped profile on the real console: who gets in at tty1 after power-on."""
import json

import devices
import product
from checks import expect
from console import Console, Token, enable_getty
from scenarios import scenario
from scenarios.second_factor import RECORD, call

DROP_IN = "/etc/ssh/sshd_config.d/00-sekisho.conf"
PASSWORD = "sesame"
POLICY = """login:
  second-factor:
    default: required
    rules:
      - {id: timers, services: [cron, systemd-user], action: exempt}
  guard-required: {except: ["group:joho"]}
"""
# The keyboard types into the pseudo-terminal before the question: nobody waits for it there.
ENABLE = "printf '%s\\n' {code} | script -qec 'sekishoctl login enable --admin kanri' /dev/null"


def prepare(terminal, sekisho):
    """Policy, a member of staff and an admin with passwords and tokens. {name: Token}"""
    fleet = sekisho.status()["policy"]["fleet"]
    terminal.write("/root/policy.yaml", product.POLICY.format(fleet=fleet, serial=2000, mode="enforce", keyboards="present",
                                                              rules=product.OTHER_RULE) + POLICY)
    terminal.sh("sekishoctl policy install /root/policy.yaml")
    terminal.sh("mkdir -p /etc/ssh/sshd_config.d && groupadd joho && useradd -m -s /bin/bash yamada && useradd -m -s /bin/bash -G joho kanri")
    terminal.sh(f"printf 'yamada:{PASSWORD}\\nkanri:{PASSWORD}\\n' | chpasswd")
    return {user: Token(terminal, call(terminal, "Enroll", user=user, confirmed=True)["parameters"])
            for user in ("yamada", "kanri")}


def is_on(terminal):
    return "pam_sekisho.so" in terminal.read("/etc/pam.d/common-auth") and terminal.read(DROP_IN) is not None


@scenario()
def console_login_from_power_on(lab):
    """tty1 after power-on, profile switched on by an enrolled admin: both factors, once; admins when the agent is dead."""
    t, sekisho = lab.guarded()
    tokens = prepare(t, sekisho)
    expect(not is_on(t), "the package switched it on by itself")
    refused = t.shell(ENABLE.format(code=tokens["kanri"].wrong()))
    expect(refused.code and not is_on(t), f"switched on without a right code: {refused.text}")
    done = t.shell(ENABLE.format(code=tokens["kanri"].next()), 120)
    expect(not done.code and is_on(t), f"not switched on: {done.text}")
    expect("root" in done.text, f"who has none is not named: {done.text}")
    enable_getty(t)
    t.sh("sync")

    t.power_cycle([devices.keyboard()])
    t.wait_booted()
    t.wait_settled()
    sekisho.wait_ready()
    console = Console(t)
    console.refused("yamada", PASSWORD, tokens["yamada"].wrong())
    code = tokens["yamada"].next(ahead=1)
    console.refused("yamada", "wrong", code)  # the same question, the same answer
    console.log_in("yamada", PASSWORD, code)
    console.log_out()
    console.refused("yamada", PASSWORD, code)

    t.sh("systemctl kill -s KILL sekishod.service; systemctl stop sekishod.service")
    console.refused("yamada", PASSWORD, tokens["yamada"].next(), "nobody may log in")
    console.log_in("kanri", PASSWORD, tokens["kanri"].next())
    console.log_out()
    t.sh("systemctl start sekishod.service")
    sekisho.wait_ready()
    console.log_in("yamada", PASSWORD, tokens["yamada"].next())

    logins = [r for r in map(json.loads, t.read(RECORD).splitlines()) if "login" in r["unmapped"]["sekisho"]]
    accepted = [r for r in logins if r["metadata"]["event_code"] == "login-accepted" and r["service"]["name"] == "login"]
    own = accepted[-1]["unmapped"]["sekisho"]
    expect((own["login"]["tty"], own["login"]["factor"]) in (("tty1", "totp"), ("/dev/tty1", "totp")), f"recorded: {own}")
    details = {r["unmapped"]["sekisho"]["detail"] for r in logins}
    expect({"wrong-code", "wrong-password", "replayed", "guard-required"} <= details, f"recorded only {details}")
    expect(code not in t.read(RECORD), "a code is in the record")
    status = sekisho.status()
    expect((status["login"]["switched_on"], status["login"]["enrolled"]) == (True, 2), f"status: {status['login']}")

    # A stack that names a module which is gone would let nobody in.
    t.sh("echo 'update_initramfs=no' >/etc/initramfs-tools/update-initramfs.conf")  # minutes, and not the point here
    t.sh("dpkg --remove sekisho", 240)
    expect("pam_sekisho" not in t.sh("cat /etc/pam.d/common-*") and t.read(DROP_IN) is None, "the removed package left it on")
    modules = t.list("/lib/x86_64-linux-gnu/security")
    expect("pam_unix.so" in modules and "pam_sekisho.so" not in modules, f"modules: {modules}")
