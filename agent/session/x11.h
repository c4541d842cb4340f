/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clipboard of an X display: CLIPBOARD, PRIMARY, SECONDARY, XdndSelection and cut buffers. Owned by agent/session.
 *
 * When a program takes a selection, its content is fetched and the selection taken from it in one go, so that whoever
 * pastes asks us. Who asks is what the server says of the asking window's connection (XRes), not what the window says
 * of itself. PRIMARY is what is marked on the screen, and programs take the mark away when they lose it: it is taken
 * when another program has the focus, or is about to get the middle button.
 *
 * On XWayland the compositor's window manager reads what X programs copy, and owns the selections in their place when a
 * Wayland program has copied; any X program reads it from there while some X window has the focus. So it gets nothing
 * from here, and what it has is owned here, too: X programs are given what the clip has, each by its own connection.
 *
 * Sources: ICCCM 2, "Peer-to-Peer Communication by Means of Selections"; XFIXES 5; X-Resource 1.2; XInput 2.
 */
#pragma once

#include <systemd/sd-event.h>

#include "clip.h"

struct x11;

/* display: NULL: $DISPLAY. is_xwayland: the compositor is its window manager, and passes CLIPBOARD and PRIMARY on
 * between it and the Wayland clipboard, which another front of clip has. 0; -ENXIO: no display; -ECONNREFUSED: nobody
 * has it; -ENOSYS: the server lacks an extension; -errno. */
int x11_new(sd_event *event, const char *display, bool is_xwayland, struct clip *clip, struct x11 **ret);
struct x11 *x11_free(struct x11 *x); /* NULL allowed; selections that it has are given up */

/* False: the connection is lost. */
bool x11_holds(const struct x11 *x);
