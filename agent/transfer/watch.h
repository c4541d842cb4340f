/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listens on every file system that lies on a medium, from its mounting on, and tells the agent what is written there.
 *
 * Owned by agent/transfer; main.c makes one. A program that opens a file on a medium waits for us for the moment that
 * it takes to ask who it is (FAN_OPEN_PERM), and is refused while the agent does not take what is told: what cannot be
 * recorded stays shut. Nobody waits for a hash.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"

struct watch;

/* Needs CAP_SYS_ADMIN (fanotify), CAP_DAC_READ_SEARCH (handles) and CAP_SYS_PTRACE (whose executable it is). root:
 * borrowed; where proc, sys and the agent's socket are. 0 or -errno. */
int watch_new(sd_event *event, const struct root *root, struct watch **ret);
/* Ends event when all is told, or soon. What could not be told is told as lost, if anything can. */
void watch_finish(struct watch *w);
struct watch *watch_free(struct watch *w); /* NULL allowed */
