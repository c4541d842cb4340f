/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listens to what the network rules held back, counts it, and tells the agent. Owned by agent/netlog; main.c makes one.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"

struct watch;

/* Needs CAP_NET_ADMIN here and not later; CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH for other users' programs. The network
 * namespace is the caller's; root: borrowed; where proc and the agent's socket are. 0 or -errno; -EBUSY: another one
 * listens. */
int watch_new(sd_event *event, const struct root *root, struct watch **ret);
/* Ends event when all is told, or soon. */
void watch_finish(struct watch *w);
struct watch *watch_free(struct watch *w); /* NULL allowed */
