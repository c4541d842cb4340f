/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a socket lies, for both ends. Private to agent/ipc. */
#pragma once

#include <sys/un.h>

#include "base/cleanup.h"
#include "base/file.h"

struct ipc_address {
        int dirfd;        /* O_PATH, owned; un leads through it */
        const char *name; /* borrowed from path */
        struct sockaddr_un un;
};

/* 0, -EINVAL, -ENAMETOOLONG, or what opening the directory gave. */
int ipc_address_at(const struct root *root, const char *path, struct ipc_address *ret);

static inline void ipc_address_clear(struct ipc_address *a) {
        close_p(&a->dirfd);
        a->dirfd = -1;
}
