/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker process and what passes between it and the agent. Private to agent/sys. */
#pragma once

#include <stdint.h>

#include "worker.h"

/* The descriptors that come along as SCM_RIGHTS, in this order, each only if its bit is set in fds. */
enum worker_fd { WORKER_FD_DIRECTORY, WORKER_FD_NODE, WORKER_FD_HUB, WORKER_FD_BUS, WORKER_FDS };

/* One message. */
struct worker_request {
        uint64_t id;
        uint32_t kind; /* what to do after the reading; while it is held, not yet known */
        uint32_t held; /* read, then wait for a release */
        uint32_t fds;
        uint32_t vendor, product, n_interfaces;
        struct interface_triple interfaces[DEVICE_INTERFACES_MAX];
        struct interface_list listed;
};

/* Follows a request that is held. */
struct worker_release {
        uint64_t id;
        uint32_t kind;
};

struct worker_answer {
        uint64_t id;
        int32_t error; /* 0 or -errno */
        uint32_t second;
};

/* Never returns. fd: this worker's end; every other descriptor is closed. parent: pid of the agent. */
_Noreturn void worker_child_run(int fd, int parent);
