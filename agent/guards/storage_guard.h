/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The storage guard's own state, and what its files ask of each other: storage.c notices, storage_enforce.c carries
 * verdicts out and reads back. Private to the storage guard.
 *
 * The agent has no right to make a disk read-only or to give nodes away. It writes a mark (base/media.h) and has udev
 * look again: its rules run sekisho-media, which holds what the mark says, before anybody hears of the disk. Here it is
 * read back. What is mounted already is taken away first (storage_closer.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "guard.h"
#include "storage_closer.h"
#include "storage_disk.h"
#include "sys/uevent.h"

enum storage_phase {
        STORAGE_IDLE,
        STORAGE_CLOSING,  /* what is mounted is being taken away */
        STORAGE_CHECKING, /* udev is at it: until it is read back, or the time is over */
};

struct storage_subject {
        uint64_t handle;
        uint64_t noticed; /* boot clock */
        struct storage_guard *guard;
        struct storage_disk disk;
        struct media_hold hold; /* as in the mark */
        bool has_hold;
        bool settled; /* and it was found to be so since */
        enum storage_phase phase;
        enum storage_close to_close;
        struct storage_closer *closer;
        int close_error;
        bool triggered; /* in this phase */
        unsigned looks;
        uint64_t due, deadline; /* boot clock */
};

struct storage_guard {
        struct guard base;
        struct guard_env env;
        struct storage_subject **subjects; /* by pointer: they are held while callbacks run */
        size_t n_subjects;
        uint64_t next_handle;
        struct uevent_monitor *monitor;
        sd_event_source *again;
};

/* ---- storage.c ---- */

struct storage_subject *storage_find_handle(const struct storage_guard *g, uint64_t handle); /* or NULL */

/* ---- storage_enforce.c ---- */

int storage_enforce_start(struct storage_guard *g);             /* 0 or -errno */
int storage_apply(struct guard *base, const struct verdict *v); /* as guard_ops.apply */
/* What an earlier agent of this boot left as its mark, if it is this disk's. */
void storage_take_up(struct storage_subject *s);
