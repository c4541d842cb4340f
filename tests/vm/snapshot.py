# SPDX-License-Identifier: GPL-2.0-or-later
"""A booted, quiet terminal saved as RAM and disk: tests restore it in half a second."""
import cache
import channel
import devices
import terminal

# Loaded beforehand: the race between a driver and the guard is then at its hardest, and no
# test waits for an emulated modprobe.
MODULES = """
    usb_storage uas sd_mod sr_mod sg usbhid hid_generic evdev cdc_ether rndis_host cdc_acm
    ftdi_sio usblp vfat nls_cp437 nls_ascii nvme e1000e ahci snd_usb_audio
"""


def present():
    """What is plugged in from power-on; the same list must be given when restoring."""
    return [devices.keyboard()]


def snapshot(kind, image, prepare, *more):
    """Directory with disk.qcow2 and ram; prepare(terminal) brings the state to be saved, and depends on more (texts)."""
    def boot(directory):
        with terminal.Terminal(kind, image, image.disk, present()) as t:
            try:
                t.wait_booted()
                t.wait_settled()
                t.shell(f"modprobe -a {' '.join(MODULES.split())}; udevadm settle")
                prepare(t)
                t.save(f"{directory}/ram", f"{directory}/disk.qcow2")
            except (channel.Timeout, AssertionError) as e:
                report = f"{cache.DIRECTORY}/reports/{kind}"
                t.save_evidence(report)
                raise AssertionError(f"{kind} did not come up: {e} ({report})") from e

    def make(directory):
        try:
            boot(directory)
        except AssertionError as e:
            # Once in a hundred boots beside each other an emulated processor gets no timer any more (RCU stalls).
            print(f"    {e}; once more", flush=True)
            boot(directory)

    code = cache.source("snapshot.py", "terminal.py", "devices.py", "lab.py", "sessions.py", "product.py")
    return cache.artifact(kind, [image.directory, code, *more], make)


def restore(name, image, directory):
    t = terminal.Terminal(name, image, f"{directory}/disk.qcow2", present(), ram=f"{directory}/ram")
    try:
        t.resume()
    except BaseException:
        t.stop()
        raise
    return t
