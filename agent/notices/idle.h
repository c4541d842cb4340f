/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For how long nobody touched keyboard or mouse of a session, told to the agent when the policy's time has come: logind
 * knows it only where a desktop says so. Private to agent/notices. What is told is as true as the user is, who could as
 * well keep the mouse moving.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"

struct idle;

/* session: borrowed, as logind names it. 0 or -errno. Without a way to measure nothing is told. */
int idle_new(sd_event *event, const struct root *root, const char *session, struct idle **ret);
struct idle *idle_free(struct idle *i); /* NULL allowed */

/* seconds: of the policy, 0: no screen has to lock. i: NULL allowed. */
void idle_set_limit(struct idle *i, uint64_t seconds);

/* ---- idle_x11.c, idle_bus.c: ways to measure, and lockers that do not tell logind ---- */

struct idle_x11;
int idle_x11_new(struct idle_x11 **ret); /* 0; -ENOSYS: no display, or none that counts; -ENOMEM */
struct idle_x11 *idle_x11_free(struct idle_x11 *x);
/* Milliseconds since the last input. 0; -errno: the display is gone. *ret_locked: xscreensaver says so. */
int idle_x11_read(struct idle_x11 *x, uint64_t *ret_msec, bool *ret_locked);

/* GNOME's compositor, where there is no X server that sees all input. 0 or -errno. */
int idle_bus_read(uint64_t *ret_msec);
/* One of the screen savers that have no word for logind covers the screen. */
bool idle_bus_locked(void);
