# SPDX-License-Identifier: GPL-2.0-or-later
"""Proofs of the harness: without the product, everything that it is to refuse works.

Each refusal in the other files is worth something only because the same plug, in the same
kind of terminal, is seen here by the same witness.
"""
import checks
import devices
from scenarios import scenario


@scenario(product=False)
def bare_boot_sees_all(lab):
    """Without Sekisho: a stick and a keyboard present from power-on both work."""
    keyboard, stick = devices.keyboard(), devices.stick(devices.medium())
    t = lab.boot([keyboard, stick], "sekishotest.prompt", guarded=False,
                 meanwhile=lambda booting: booting.press("a"))
    checks.expect(t.read("/run/prompt.log") == "key", "no key reached the initramfs")
    checks.assert_disk_reads(t)
    checks.assert_types(t, keyboard)


@scenario(product=False)
def bare_hot_plug_sees_all(lab):
    """Without Sekisho: a hot-plugged stick, reader and keyboard work, and the witness says so."""
    t = lab.bare()
    stick, reader = devices.stick(devices.medium()), devices.reader()
    t.plug(stick)
    checks.assert_disk_reads(t)
    t.plug(reader)
    checks.assert_reader_answers(t, reader)
    checks.assert_new_keyboard_types(t, devices.keyboard(), devices.keyboard("second", port=2))


@scenario(product=False)
def bare_fast_stick_opens(lab):
    """Without Sekisho: a hot-plugged UAS stick becomes a disk."""
    t = lab.bare()
    t.plug(devices.uas_stick(devices.medium()))
    checks.assert_disk_reads(t)


@scenario(product=False)
def bare_late_controller_opens(lab):
    """Without Sekisho: a stick behind a hot-added controller becomes a disk."""
    t = lab.bare()
    late = devices.controller()
    t.plug(late)
    t.plug(devices.stick(devices.medium(), bus=f"{late.name}.0"))
    checks.assert_disk_reads(t)
