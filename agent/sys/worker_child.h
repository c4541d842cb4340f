/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker process and what passes between it and the agent. Private to agent/sys. */
#pragma once

#include <stdint.h>

#include <sekisho/device.h>

#include "worker.h"

/* With the descriptors as SCM_RIGHTS: the device's directory, and its node when has_node. One message. */
struct worker_request {
        uint64_t id;
        uint32_t kind;
        uint32_t has_node;
        uint32_t vendor, product, n_interfaces;
        struct interface_triple interfaces[DEVICE_INTERFACES_MAX];
};

struct worker_answer {
        uint64_t id;
        int32_t error; /* 0 or -errno */
        uint32_t second;
};

#define WORKER_FDS 2

/* Never returns. fd: this worker's end; every other descriptor is closed. parent: pid of the agent. */
_Noreturn void worker_child_run(int fd, int parent);
