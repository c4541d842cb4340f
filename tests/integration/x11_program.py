#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that copies or pastes as others do not. Prints one line of JSON.

  x11_program.py own MODE BYTES       takes CLIPBOARD, and answers: "plain" as it should, "piecewise", "lies" (says 10 bytes,
                                      sends BYTES), "silent" (never), "forged" (says of itself that it is pid MODE's...)
  x11_program.py storm COUNT          takes it COUNT times, as fast as it goes
  x11_program.py ask TARGET HOW       asks for TARGET: "whole", "stuck" (takes the first piece and no more), "multiple",
                                      "hostile-list" (MULTIPLE with a list that is none), "forged" (see PID, NAME)
  x11_program.py root COUNT           asks in the name of the root window, COUNT times
  x11_program.py poll COUNT           asks for CLIPBOARD's text over and over, COUNT times, and says what it got
  x11_program.py window               shows a window, says once that it has the focus, and stays
  x11_program.py race COUNT DELAY     COUNT times: waits for another owner, then DELAY seconds, then asks
"""
from Xlib import X, Xatom, display
from Xlib.protocol import event

import ctypes
import json
import os
import sys
import time

D = display.Display()
SCREEN = D.screen()
W = SCREEN.root.create_window(0, 0, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask)
CLIPBOARD, UTF8, INCR, TARGETS = (D.intern_atom(n) for n in ("CLIPBOARD", "UTF8_STRING", "INCR", "TARGETS"))
MULTIPLE, PAIR, PLACE = (D.intern_atom(n) for n in ("MULTIPLE", "ATOM_PAIR", "PLACE"))
PIECE = 200_000


def say(**words):
    print(json.dumps(words), flush=True)


def forge():
    if "NAME" in os.environ:
        W.set_wm_class(os.environ["NAME"], os.environ["NAME"])
        W.change_property(D.intern_atom("_NET_WM_PID"), Xatom.CARDINAL, 32, [int(os.environ["PID"])])
        D.sync()


def own(mode, size):
    forge()
    data = b"secret-" + b"x" * (size - 7) if size < 1 << 26 else None
    W.set_selection_owner(CLIPBOARD, X.CurrentTime)
    D.sync()
    say(owned=True)
    transfers = {}
    lost = False
    while not lost or transfers:
        e = D.next_event()
        if e.type == X.SelectionClear:
            lost = True
        elif e.type == X.SelectionRequest and mode != "silent":
            place = e.property or e.target
            if e.target == TARGETS:
                e.requestor.change_property(place, Xatom.ATOM, 32, [TARGETS, UTF8])
            elif e.target != UTF8:
                place = X.NONE
            elif mode == "plain":
                e.requestor.change_property(place, UTF8, 8, data)
            else:
                e.requestor.change_attributes(event_mask=X.PropertyChangeMask)
                e.requestor.change_property(place, INCR, 32, [10 if mode == "lies" else size & 0x7fffffff])
                transfers[e.requestor.id, place] = [e.requestor, 0]
            e.requestor.send_event(event.SelectionNotify(time=e.time, requestor=e.requestor, selection=e.selection,
                                                         target=e.target, property=place))
            D.flush()
        elif e.type == X.PropertyNotify and e.state == X.PropertyDelete and (e.window.id, e.atom) in transfers:
            transfer = transfers[e.window.id, e.atom]
            n = min(PIECE, size - transfer[1])
            transfer[0].change_property(e.atom, UTF8, 8, data[transfer[1]:transfer[1] + n] if data else b"x" * n)
            D.flush()
            transfer[1] += n
            if n == 0:
                del transfers[e.window.id, e.atom]


def storm(count):
    """By libX11, which is fast enough."""
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(x.XOpenDisplay(None))
    window = x.XCreateSimpleWindow(connection, x.XDefaultRootWindow(connection), 0, 0, 1, 1, 0, 0, 0)
    atom = x.XInternAtom(connection, b"CLIPBOARD", 0)
    start = time.monotonic()
    for _ in range(count):
        x.XSetSelectionOwner(connection, atom, window, 0)
    x.XSync(connection, 0)
    say(seconds=time.monotonic() - start, count=count)


def fetch(target=UTF8, wait=10.0):
    """What comes, or None."""
    W.convert_selection(CLIPBOARD, target, PLACE, X.CurrentTime)
    D.flush()
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if not D.pending_events():
            time.sleep(0.0002)
            continue
        e = D.next_event()
        if e.type == X.SelectionNotify:
            if e.property == X.NONE:
                return None
            found = W.get_full_property(e.property, X.AnyPropertyType)
            if found and found.property_type == INCR:
                return b"INCR"
            W.delete_property(e.property)
            return bytes(found.value) if found else None
    return "late"


def ask(target, how):
    forge()
    if how == "stuck":
        say(got=str(fetch(D.intern_atom(target))))
        W.delete_property(PLACE)
        D.sync()
        time.sleep(60)
    elif how == "hostile-list":
        for format_, value in ((8, b"abc"), (32, [1]), (32, []), (32, [1] * 3000), (16, [1, 2])):
            W.change_property(PLACE, PAIR, format_, value)
            got = fetch(MULTIPLE, 5)
            say(got=None if got is None else "something")
    elif how == "multiple":
        places = [D.intern_atom(f"PLACE{i}") for i in range(3)]
        wanted = [UTF8, D.intern_atom("image/png"), D.intern_atom("TIMESTAMP")]
        W.change_property(PLACE, PAIR, 32, [a for pair in zip(wanted, places) for a in pair])
        W.convert_selection(CLIPBOARD, MULTIPLE, PLACE, X.CurrentTime)
        D.flush()
        while D.next_event().type != X.SelectionNotify:
            pass
        left = list(W.get_full_property(PLACE, X.AnyPropertyType).value)
        got = [W.get_full_property(p, X.AnyPropertyType) for p in places]
        say(given=[p != X.NONE for p in left[1::2]], text=bytes(got[0].value).decode() if got[0] else None)
    else:
        got = fetch(D.intern_atom(target))
        say(got=got if got is None or isinstance(got, str) else got.decode(errors="replace")[:100])


def root(count):
    """Asks in the name of the root window."""
    refused = 0
    SCREEN.root.change_attributes(event_mask=X.PropertyChangeMask)
    for _ in range(count):
        SCREEN.root.convert_selection(CLIPBOARD, UTF8, PLACE, X.CurrentTime)
        D.sync()
        time.sleep(0.3)
        refused += SCREEN.root.get_full_property(PLACE, X.AnyPropertyType) is None
    say(refused=refused)


def poll(count):
    got = 0
    for _ in range(count):
        got += isinstance(fetch(), bytes)
    say(got=got, count=count)


def window():
    shown = SCREEN.root.create_window(0, 0, 100, 100, 0, X.CopyFromParent, background_pixel=SCREEN.white_pixel,
                                      event_mask=X.FocusChangeMask)
    shown.map()
    while D.next_event().type != X.FocusIn:
        pass
    say(focused=True)
    while True:
        D.next_event()


def race(count, delay):
    """Asks DELAY seconds after each time that a new owner shows."""
    got = tried = 0
    last = None
    while tried < count:
        owner = D.get_selection_owner(CLIPBOARD)
        owner = owner.id if owner else None
        if owner is None or owner == last:
            continue
        last = owner
        time.sleep(delay)
        got += isinstance(fetch(), bytes)
        tried += 1
    say(got=got, count=tried)


if __name__ == "__main__":
    if sys.argv[1] == "own":
        own(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "storm":
        storm(int(sys.argv[2]))
    elif sys.argv[1] == "root":
        root(int(sys.argv[2]))
    elif sys.argv[1] == "poll":
        poll(int(sys.argv[2]))
    elif sys.argv[1] == "window":
        window()
    elif sys.argv[1] == "race":
        race(int(sys.argv[2]), float(sys.argv[3]))
    else:
        ask(sys.argv[2], sys.argv[3])
