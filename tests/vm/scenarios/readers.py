# SPDX-License-Identifier: GPL-2.0-or-later
"""The card reader for 個人番号カード: the one device that has to work."""
import checks
import devices
import product
from checks import expect
from scenarios import scenario


@scenario()
def listed_reader_works(lab):
    """A listed reader is authorised and answers a command; plugged again it works again."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.READER_RULE)
    reader = devices.reader()
    for _ in range(2):
        t.plug(reader)
        checks.assert_reader_answers(t, reader)
        checks.assert_agent_says(t, sekisho, reader, "allow")
        t.unplug(reader)
    # What opened it was read twice, by libusb inside the worker's sandbox too.
    expect(t.shell(f"grep second-reader-failed {product.RECORD}").code, "libusb could not read the reader")
    sekisho.verify()


@scenario()
def unlisted_reader_refused(lab):
    """The same reader under a policy that does not list it is refused."""
    t, sekisho = lab.guarded()
    sekisho.install_policy(product.OTHER_RULE)
    reader = devices.reader()
    t.plug(reader)
    checks.assert_agent_says(t, sekisho, reader, "block")
    checks.assert_shut(t, reader)


@scenario()
def reader_follows_policy(lab):
    """A plugged reader opens when a policy lists it and shuts when the next one does not."""
    t, sekisho = lab.guarded()
    reader = devices.reader()
    sekisho.install_policy(product.OTHER_RULE)
    t.plug(reader)
    checks.assert_agent_says(t, sekisho, reader, "block")
    sekisho.install_policy(product.READER_RULE)
    checks.assert_reader_answers(t, reader)
    sekisho.install_policy(product.OTHER_RULE)
    checks.assert_agent_says(t, sekisho, reader, "block")
    path = t.usb(reader)
    expect(t.read(f"{path}/authorized") == "0", "the reader stayed open")
