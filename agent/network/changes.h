/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hears of each change that anybody makes to the rules of this network namespace, and by whom.
 *
 * Owned by agent/network.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>

struct change {
        uint32_t pid;     /* 0: not told */
        char program[32]; /* "" likewise */
};

/* A non-blocking socket. 0 or -errno. */
int changes_open(struct mnl_socket **ret);
/* Calls each for every change that was not our own. 0 or -errno; -ENOBUFS: some were missed. */
int changes_process(struct mnl_socket *s, void (*each)(const struct change *c, void *userdata), void *userdata);
