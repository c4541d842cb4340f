# SPDX-License-Identifier: GPL-2.0-or-later
"""The record's second copies: a real journal and the kernel's audit trail."""
import json

import channel
import checks
import devices
import product
from checks import expect
from scenarios import scenario

USER_DEVICE = 1137  # linux/audit.h


def journal(terminal, *match):
    lines = terminal.sh(f"journalctl --no-pager -o json {' '.join(match)}").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


@scenario()
def record_reaches_journal_and_audit(lab):
    """A refusal stands in the file, in journald with its fields, and in the audit trail."""
    t, sekisho = lab.guarded()
    # journald turns the kernel's audit off when it starts, unless it is told otherwise.
    t.sh("mkdir -p /run/systemd/journald.conf.d && printf '[Journal]\\nAudit=yes\\n' "
         ">/run/systemd/journald.conf.d/audit.conf && systemctl restart systemd-journald")
    stick = devices.stick(devices.medium())
    t.plug(stick)
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_recorded_block(sekisho, stick)

    serial = stick.properties["serial"]
    copies = channel.wait_until("the refusal in the journal", lambda: [
        e for e in journal(t, "SEKISHO_ACTION=block") if serial in json.dumps(e)], 20, 0.5)
    seqs = {str(d["seq"]) for d in sekisho.decisions(serial=serial)}
    expect(copies[0]["MESSAGE_ID"] and copies[0]["SEKISHO_SEQ"] in seqs,
           f"{copies[0]} names no record of {seqs}")
    channel.wait_until("the refusal in the audit trail", lambda: [
        e for e in journal(t, "_TRANSPORT=audit", f"_AUDIT_TYPE={USER_DEVICE}")
        if serial in json.dumps(e)], 20, 0.5)
    failures = sekisho.status()["record"]["sink_failures"]
    expect(failures == 0, f"{failures} copies failed")
