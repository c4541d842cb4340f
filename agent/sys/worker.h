/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Killable workers: what may hang in the kernel, or parses hostile bytes, happens in them and not in the agent.
 *
 * Owned by agent/sys; guards submit jobs. A worker is a process without capabilities, under seccomp, that holds nothing
 * but its socket and gets each device as a directory descriptor. What it answers is checked, and the caller reads the
 * effect back for itself. One that does not answer in time is killed and replaced; one that cannot be killed (it waits
 * in the kernel) is left behind, and its number is capped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "usb_interfaces.h"

#define WORKERS               4u
#define WORKER_JOB_USEC       UINT64_C(10000000)
#define WORKERS_ABANDONED_MAX 16u

enum job_kind {
        JOB_USB_SHUT, /* authorized = 0 */
        JOB_USB_OPEN, /* second reading of the descriptors, then authorized = 1 unless the readers disagree; of a device
                       * that is opened in part, no interface but the listed ones is ever authorised */
        JOB_USB_LEND, /* authorized = 1 of a device of which no interface is authorised: no driver has it, whoever wants
                       * to talk to it must authorise an interface first */
        JOB_KIND_MAX,
};

/* What a job is about. Everything is borrowed; descriptors are duplicated. */
struct job_device {
        int directory;                    /* O_PATH directory of the device in sysfs */
        int node;                         /* O_PATH of its usbfs node; -1: none */
        int hub;                          /* directory of its root hub; -1: none. Needed for opening in part */
        int bus;                          /* directory sys/bus/usb; -1: none. Likewise */
        const struct device_facts *facts; /* what the first reader saw (JOB_USB_OPEN) */
        struct interface_list listed;     /* n == 0: open it whole */
        bool held;                        /* nothing but the reading, until worker_pool_release() */
};

enum second_reading {
        SECOND_NONE, /* not asked, or there is no node */
        SECOND_AGREES,
        SECOND_DIFFERS, /* the door was not opened */
        SECOND_FAILED,  /* libusb could not tell: the first reading alone decides */
        SECOND_MAX,
};

struct job_result {
        int error; /* 0; -errno of the write; -ETIMEDOUT: worker killed; -EPIPE: worker died; -EAGAIN: no workers left
                    */
        enum second_reading second;
        uint64_t usec; /* from submission to answer */
};

struct worker_limits {
        unsigned workers;
        uint64_t job_usec;
        unsigned abandoned_max;
};
extern const struct worker_limits WORKER_LIMITS; /* the three constants above */

struct worker_pool;

/* Forks the workers. Call early: before threads, locks and anything that a worker should not have seen. 0 or -errno. */
int worker_pool_new(const struct worker_limits *limits, struct worker_pool **ret);

/* Starts to serve. SIGCHLD must be blocked. trouble: untranslated code ("worker-stuck", "worker-died",
 * "workers-exhausted", "workers-restored") and detail. 0 or -errno. */
int worker_pool_attach(struct worker_pool *p, sd_event *event,
                       void (*trouble)(const char *code, const char *detail, void *userdata), void *userdata);

/* done is called exactly once, never from inside this call, unless the pool is freed first. Jobs start in the order of
 * submission. Two jobs on one USB bus of which one opens in part must not run at the same time: that is the caller's
 * business. 0 or -errno. */
int worker_pool_submit(struct worker_pool *p, enum job_kind kind, const struct job_device *device,
                       void (*done)(uint64_t id, const struct job_result *result, void *userdata), uint64_t id,
                       void *userdata);

/* What a job that was submitted held shall do: its own kind, or JOB_USB_SHUT. id and userdata as submitted; anything
 * else is ignored. Its time begins now; until then it has a worker, or a place in the queue. */
void worker_pool_release(struct worker_pool *p, enum job_kind kind, uint64_t id, const void *userdata);

unsigned worker_pool_abandoned(const struct worker_pool *p);
struct worker_pool *worker_pool_free(struct worker_pool *p); /* kills the workers; NULL allowed */
