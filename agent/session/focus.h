/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which Wayland program has the keyboard, as sway tells by its IPC. Owned by agent/session.
 *
 * Of an X window sway knows no more than the window says of itself: it counts as nobody's. Nor does sway tell of bars
 * and launchers (layer-shell) that have the keyboard for a moment.
 *
 * Source: sway-ipc(7).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

struct focus;

/* compositor: who is at the other end of the Wayland socket. The IPC socket is the one that sway names after its uid
 * and pid below $XDG_RUNTIME_DIR, and nobody but that process may answer there. changed: another program has the focus,
 * or nobody; never from inside this call. 0; -ENOENT, -ECONNREFUSED: it is no sway; -EPERM: somebody else answers;
 * -errno. */
int focus_new(sd_event *event, const struct ucred *compositor, void (*changed)(void *userdata), void *userdata,
              struct focus **ret);
struct focus *focus_free(struct focus *f); /* NULL allowed */

/* Its path. "": nobody's, or not known, which it is, too, once sway answers no more; f may be NULL. Valid until
 * changed(). */
const char *focus_program(const struct focus *f);

/* ---- for tests: what sway's answers say ---- */

/* The process whose window has the focus in the answer to GET_TREE; 0: nobody's. 0 or -EBADMSG. */
int focus_of_tree(const char *text, size_t size, pid_t *ret);
/* The same of a window's event. 1: it says nothing of it; 2: only the tree says. */
int focus_of_event(const char *text, size_t size, pid_t *ret);
