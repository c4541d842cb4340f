# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scenario works with: terminals on demand, checks of effects, evidence on failure."""
import concurrent.futures
import glob
import os
import threading

import cache
import image
import product
import sessions
import snapshot
import terminal

class Lab:
    """One scenario's terminals. Whoever makes a Lab calls close()."""

    def __init__(self, deb=None):
        self.deb = deb
        self.terminals = []

    def bare(self):
        """A running terminal without the product."""
        return self._restore("bare", self._image(None), lambda t: None)

    def guarded(self):
        """A running terminal with the product, and the Product in it."""
        t = self._restore("guarded", self._image(self.deb),
                          lambda fresh: product.Product(fresh).warm_up())
        return t, product.Product(t)

    def seated(self):
        """The same with somebody logged in at the screen, and udisks running as on a desktop."""
        def prepare(fresh):
            product.Product(fresh).warm_up()
            sessions.seat(fresh)
        t = self._restore("seated", self._image(self.deb), prepare)
        return t, product.Product(t)

    def boot(self, present, append="", guarded=True, meanwhile=None):
        """Cold boot through Debian's own initramfs, with devices present from power-on.

        meanwhile(terminal) is called again and again until the guest is up.
        """
        booted = self._image(self.deb if guarded else None)
        t = terminal.Terminal("cold", booted, booted.disk, present, append)
        self.terminals.append(t)
        t.wait_booted(meanwhile=meanwhile and (lambda: meanwhile(t)))
        t.wait_settled()
        return t

    def prepare_boot(self):
        """Build what a cold boot needs, for callers who want to say what takes so long."""
        self._image(self.deb)

    def _image(self, deb):
        return _once(("image", deb), lambda: image.guarded(deb) if deb else image.bare())

    def _restore(self, kind, made_from, prepare):
        directory = _once(("snapshot", kind, made_from), lambda: snapshot.snapshot(
            f"snapshot-{kind}", made_from, prepare))
        t = snapshot.restore(kind, made_from, directory)
        self.terminals.append(t)
        return t

    def save_evidence(self, directory, with_disks=False):
        for number, t in enumerate(self.terminals):
            t.save_evidence(f"{directory}/terminal-{number + 1}", with_disks)

    def close(self):
        for t in self.terminals:
            t.stop()


_made = {}
_made_lock = threading.Lock()


def _once(key, make):
    """make() once in this run: a build that failed fails for every scenario that needs it."""
    with _made_lock:
        first = key not in _made
        future = _made.setdefault(key, concurrent.futures.Future())
    if first:
        try:
            future.set_result(make())
        except BaseException as e:
            future.set_exception(e)
    return future.result()


def newest_deb():
    """What packaging/build-deb left in the build folder, if it was run."""
    top = os.path.dirname(os.path.dirname(cache.HERE))
    found = glob.glob(f"{top}/build/deb/sekisho_*.deb")
    return max(found, key=os.path.getmtime) if found else None
