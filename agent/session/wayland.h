/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clipboard and the primary selection of a Wayland compositor that has data-control (sway, and others made with
 * wlroots; KDE). Owned by agent/session.
 *
 * The protocol does not say who copies or pastes. The content goes through pipes, though, and whose ends these are the
 * kernel knows: the pipe that a source is to write to is kept full until it is seen in whose hands its other end is,
 * and the pipe that comes with a paste is open at whoever reads it. A program that cannot be found so is in no zone:
 * those that come by way of XWayland among them, whose content the compositor carries.
 *
 * The selection is taken from a program when its content has come, because some have nothing to give any more when they
 * have lost it (GTK 3). What is marked, which those would unmark, is left with the program that has the keyboard where
 * the compositor tells of that (focus.h), until one of another zone has it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "clip.h"

struct wayland;

/* 0; -ENXIO: no compositor at $WAYLAND_DISPLAY; -ENOSYS: it has no data-control, or no seat; -errno. */
int wayland_new(sd_event *event, struct clip *clip, struct wayland **ret);
struct wayland *wayland_free(struct wayland *w); /* NULL allowed */
bool wayland_holds(const struct wayland *w);     /* false: the connection is lost */
