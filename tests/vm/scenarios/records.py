# SPDX-License-Identifier: GPL-2.0-or-later
"""The record's second copy in a real journal."""
import json

import channel
import checks
import devices
import product
from checks import expect
from scenarios import scenario


def journal(terminal, *match):
    lines = terminal.sh(f"journalctl --no-pager -o json {' '.join(match)}").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


@scenario()
def record_reaches_journal(lab):
    """A refusal stands in the file and in journald with its fields; no copy failed, audit=1 too."""
    stick = devices.stick(devices.medium())
    t = lab.boot([devices.keyboard(), stick], append="audit=1")
    sekisho = product.Product(t)
    sekisho.wait_ready()
    checks.assert_agent_says(t, sekisho, stick, "block")
    checks.assert_recorded_block(sekisho, stick)

    serial = stick.properties["serial"]
    copies = channel.wait_until("the refusal in the journal", lambda: [
        e for e in journal(t, "SEKISHO_ACTION=block") if serial in json.dumps(e)], 20, 0.5)
    seqs = {str(d["seq"]) for d in sekisho.decisions(serial=serial)}
    expect(copies[0]["MESSAGE_ID"] and copies[0]["SEKISHO_SEQ"] in seqs, f"{copies[0]} names no record of {seqs}")
    failures = sekisho.status()["record"]["sink_failures"]
    expect(failures == 0, f"{failures} copies failed")
