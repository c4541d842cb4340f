/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The USB guard's own state, and what its files ask of each other: usb.c notices, usb_wait.c waits for devices that are
 * not complete yet, usb_enforce.c carries verdicts out and reads back. Private to the USB guard. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "guard.h"
#include "sys/uevent.h"
#include "sys/usb_interfaces.h"
#include "sys/worker.h"
#include "usb_boot.h"
#include "usb_device.h"
#include "usb_return.h"

struct usb_subject {
        uint64_t handle;
        struct usb_device device;
        uint64_t noticed;               /* boot clock */
        uint64_t opened;                /* boot clock; 0: not by us */
        bool wanted;                    /* the door should be open */
        struct interface_list listed;   /* and only for these interfaces; n == 0: for all */
        bool conditional;               /* another guard holds conditions on its disks, which requests would go round */
        bool settled;                   /* and the kernel has confirmed it since */
        bool busy;                      /* a worker is at it */
        bool held;                      /* and reads, but waits for what apply() says */
        struct interface_list promised; /* as listed, what that worker would open */
        bool queued;                    /* until nobody else on its bus is */
        bool attempting;                /* what that worker was told */
        bool stale;                     /* the verdict has changed while it was at it */
        bool lent;                      /* the agent is reading it; what is wanted waits until it is taken back */
        bool twice_read;                /* the second reader has been asked */
        unsigned stuck;
        uint64_t not_before;
};

/* A worker's job, which goes on when its subject is gone. */
struct usb_job {
        uint64_t handle;
        uint32_t busnum;
        bool in_part;
};

struct usb_waiting {
        char name[USB_NAME_MAX];
        unsigned tries;
        uint64_t due;
        bool at_boot;
};

struct usb_guard {
        struct guard base;
        struct guard_env env;
        struct usb_subject **subjects; /* by pointer: they are held while callbacks run */
        size_t n_subjects;
        struct usb_waiting *waiting;
        size_t n_waiting;
        struct usb_job *jobs;
        size_t n_jobs;
        uint64_t next_handle;
        struct uevent_monitor *monitor;
        sd_event_source *again;
        struct usb_boot boot;
        struct usb_returns returns;
        bool ports_open; /* as last told */
        bool is_first;   /* agent since the machine started */
};

/* ---- usb.c ---- */

struct usb_subject *usb_find_handle(const struct usb_guard *g, uint64_t handle); /* or NULL */
void usb_notice(struct usb_guard *g, const struct usb_subject *s);
void usb_look(struct usb_guard *g, const char *name, bool at_boot);

/* ---- usb_wait.c ---- */

int usb_wait_start(struct usb_guard *g); /* 0 or -errno */
/* Looks at name again in a while. False when that has been done often enough. */
bool usb_wait_for(struct usb_guard *g, const char *name, bool at_boot);
bool usb_wait_stop(struct usb_guard *g, const char *name); /* whether it was there at boot, as it was told then */

/* ---- usb_enforce.c ---- */

int usb_apply(struct guard *base, const struct verdict *v); /* as guard_ops */
void usb_prepare(struct guard *base, const struct verdict *v);
/* Lets a worker that is held go on; else nothing. */
void usb_release(struct usb_guard *g, struct usb_subject *s, enum job_kind kind);
/* Does what is wanted of s, or says that it is so. */
void usb_enforce(struct usb_guard *g, struct usb_subject *s);
/* The same for what is open already, but without its drivers, which come to what opens: shuts it first. */
void usb_enforce_anew(struct usb_guard *g, struct usb_subject *s);
void usb_note_stuck(struct usb_guard *g, struct usb_subject *s);
/* Jobs that have the default of a bus changed for a moment keep everyone else out of it. */
bool usb_bus_is_taken(const struct usb_guard *g, const struct usb_subject *s, bool in_part);
int usb_job_add(struct usb_guard *g, const struct usb_subject *s, bool in_part); /* 0 or -ENOMEM */
void usb_job_remove(struct usb_guard *g, uint64_t handle);
void usb_serve_queue(struct usb_guard *g);
int usb_open_hub(const struct usb_guard *g, const struct usb_subject *s); /* a descriptor or -errno */
/* ---- usb_lend.c ---- */

int usb_lend(struct guard *base, uint64_t handle); /* as guard_ops */
void usb_take_back(struct guard *base, uint64_t handle);

/* Whether a worker is opening a device in part, or may still be although it was given up. */
bool usb_is_opening_in_part(const struct usb_guard *g);
