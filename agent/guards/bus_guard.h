/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus guard's own state, and what its files ask of each other: bus_first.c shuts the buses and tells the machine's
 * own devices, bus.c notices, bus_enforce.c carries verdicts out and reads back. Private to the bus guard.
 *
 * Binding a driver can hang, and the agent has no right to take one away. It writes a mark (base/door.h) and has udev
 * look: its rules run sekisho-door, which holds what the mark says. Here it is read back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "bus_device.h"
#include "guard.h"

struct bus_subject {
        uint64_t handle;
        uint64_t noticed; /* boot clock */
        struct bus_device device;
        bool decided;
        bool wanted;  /* open */
        bool settled; /* and it was found to be so since */
        bool checking;
        bool triggered; /* since it is being checked */
        unsigned looks;
        uint64_t due, deadline; /* boot clock */
};

#define BUS_MONITORS_MAX 8

struct bus_guard {
        struct guard base;
        struct guard_env env;
        struct bus_subject **subjects; /* by pointer: they are held while callbacks run */
        size_t n_subjects;
        uint64_t next_handle;
        struct uevent_monitor *monitors[BUS_MONITORS_MAX];
        struct listener {
                struct bus_guard *guard;
                const struct bus_kind *kind;
        } listeners[BUS_MONITORS_MAX];
        sd_event_source *again;
        sd_event_source *boot; /* runs until the first look is over */
        uint64_t boot_deadline;
        bool open_by_default; /* a bus did not let itself be shut */
};

/* ---- bus.c ---- */

struct bus_subject *bus_find_handle(const struct bus_guard *g, uint64_t handle); /* or NULL */

/* ---- bus_first.c ---- */

int bus_shut_early(const struct root *root); /* as guard_ops.shut_early */
/* Gives everything that is there now its mark, unless it has one. 0 or -errno. */
int bus_first_look(const struct root *root);
/* udevd is through with what it found at boot. */
bool bus_boot_is_over(const struct root *root);

/* ---- bus_enforce.c ---- */

int bus_enforce_start(struct bus_guard *g);                 /* 0 or -errno */
int bus_apply(struct guard *base, const struct verdict *v); /* as guard_ops.apply */
