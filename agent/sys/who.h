/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who did it: what the kernel says about a process, asked while it is there, and remembered for what it does later,
 * when it may be gone. Owned by agent/sys; used by the watchers (agent/transfer, agent/netlog). */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/file.h"

struct who {
        unsigned references;
        int64_t pid;
        uint64_t start;                  /* clock ticks since boot; with pid it names one process */
        int64_t uid, login_uid, session; /* -1: not known, or none */
        char command[32];
        char *program; /* "" if not known */
};

struct who_cache;

int who_cache_new(const struct root *root, struct who_cache **ret); /* 0 or -errno */
struct who_cache *who_cache_free(struct who_cache *c);              /* NULL allowed */

/* New reference (who_unref()). A process that is gone and was never seen is known by its pid alone. NULL: no memory. */
struct who *who_of(struct who_cache *c, pid_t pid);
struct who *who_ref(struct who *w);
struct who *who_unref(struct who *w); /* NULL allowed */
DEFINE_FREEP(struct who, who_unref)
