# SPDX-License-Identifier: GPL-2.0-or-later
"""The verifier as the package installs it: by its socket, as its own user, in its sandbox."""
import base64
import hashlib
import hmac
import json
import struct

import channel
import product
from checks import expect
from scenarios import scenario

LOGIN = """login:
  second-factor:
    default: required
    rules:
      - {id: timers, services: [cron, systemd-user, login], action: exempt}
"""
RECORD = "/var/log/sekisho/otp/audit.jsonl"
USER_AUTH = 1100  # linux/audit.h

# As little of a Varlink client as perl-base has: one call, the reply on stdout.
CLIENT = r"""
use Socket; my ($method, $parameters) = @ARGV;
socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die; connect($s, sockaddr_un("/run/sekisho/otp.sock")) or die "connect: $!";
syswrite($s, qq({"method":"org.sekisho.Otp.$method","parameters":$parameters}\0)); local $/ = "\0"; my $r = <$s>;
chop $r; print $r;
"""


def call(terminal, method, as_user=None, **parameters):
    terminal.write("/run/otp.pl", CLIENT)
    run = f"perl /run/otp.pl {method} '{json.dumps(parameters)}'"
    return json.loads(terminal.sh(f"setpriv --reuid={as_user} --regid={as_user} --clear-groups {run}" if as_user else run))


def code(terminal, enrolled, ahead=0):
    step = int(terminal.sh("date +%s")) // enrolled["period"] + ahead
    digest = hmac.new(base64.b32decode(enrolled["secret"]), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10 ** 6:06}"


@scenario()
def second_factor_in_its_sandbox(lab):
    """The installed verifier: own user, accepted policy, one code once, with the agent dead too, recorded twice."""
    t, sekisho = lab.guarded()
    t.sh("mkdir -p /run/systemd/journald.conf.d && printf '[Journal]\\nAudit=yes\\n' "
         ">/run/systemd/journald.conf.d/audit.conf && systemctl restart systemd-journald")
    fleet = sekisho.status()["policy"]["fleet"]
    t.write("/root/policy.yaml", product.POLICY.format(fleet=fleet, serial=2000, mode="enforce", keyboards="present",
                                                       rules=product.OTHER_RULE) + LOGIN)
    t.sh("sekishoctl policy install /root/policy.yaml")
    t.sh("useradd --uid 3001 yamada")

    status = call(t, "Status")["parameters"]
    expect((status["policy"], status["serial"], status["key"]) == ("file", 2000, "file"), f"status: {status}")
    pid = t.sh("systemctl show --value -p MainPID sekisho-otpd.service").strip()
    expect(t.sh(f"ps -o user= -p {pid}").strip().startswith("sekisho"), "the verifier is not its own user")
    expect(t.sh(f"grep NoNewPrivs /proc/{pid}/status").split()[1] == "1", "new privileges")

    enrolled = call(t, "Enroll", user="yamada", confirmed=True)["parameters"]
    right = code(t, enrolled)
    request = {"user": "yamada", "service": "xscreensaver"}
    expect("PermissionDenied" in call(t, "Verify", as_user=3002, **request, code=right)["error"], "another user may ask")
    expect(call(t, "Verify", as_user=3001, **request, code=right)["parameters"]["accepted"], "the right code is refused")
    expect(not call(t, "Verify", **request, code=right)["parameters"]["accepted"], "a code is accepted twice")

    kinds = [json.loads(line)["metadata"]["event_code"] for line in t.read(RECORD).splitlines()]
    expect({"factor-enrolled", "login-accepted"} <= set(kinds), f"the record holds only {kinds}")
    expect(right not in t.read(RECORD), "a code is in the record")
    channel.wait_until("the login in the audit trail", lambda: [
        e for e in t.sh(f"journalctl --no-pager -o json _TRANSPORT=audit _AUDIT_TYPE={USER_AUTH}").splitlines()
        if "login-accepted" in e], 20, 0.5)

    t.sh("systemctl stop sekishod.service && systemctl kill -s KILL sekisho-otpd.service")
    channel.wait_until("the verifier to be started again by its socket", lambda: call(
        t, "Verify", **request, code=code(t, enrolled, 1))["parameters"]["accepted"], 60, 1)
    expect(call(t, "Status")["parameters"]["policy"] == "file", "the policy depends on the agent")
