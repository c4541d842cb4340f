/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clipboard of an X display: CLIPBOARD, PRIMARY, SECONDARY, XdndSelection and cut buffers. Owned by agent/session.
 *
 * When a program takes a selection, its content is fetched and the selection taken from it in one go, so that whoever
 * pastes asks us. Who asks is what the server says of the asking window's connection (XRes), not what the window says
 * of itself. PRIMARY is what is marked on the screen, and programs take the mark away when they lose it: it is taken
 * when another program has the focus, or is about to get the middle button.
 *
 * Sources: ICCCM 2, "Peer-to-Peer Communication by Means of Selections"; XFIXES 5; X-Resource 1.2; XInput 2.
 */
#pragma once

#include <systemd/sd-event.h>

#include "clip.h"

struct x11;

/* display: NULL: $DISPLAY. 0; -ENXIO: no display; -ENOSYS: the server lacks an extension; -errno. */
int x11_new(sd_event *event, const char *display, struct clip *clip, struct x11 **ret);
struct x11 *x11_free(struct x11 *x); /* NULL allowed; selections that it has are given up */

/* False: the connection is lost. */
bool x11_holds(const struct x11 *x);
