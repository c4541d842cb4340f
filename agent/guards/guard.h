/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guard is. Owned by agent/guards; agent.c alone drives guards.
 *
 * A guard notices (facts), enforces (apply) and reads back (effect). It never decides, never logs, never records, and
 * knows no other guard. Adding one is one file and one line in table.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include <sekisho/decision.h>

#include "base/blocked.h"
#include "base/file.h"
#include "base/timesource.h"
#include "base/transfer.h"

#define GUARD_INSTANCE_MAX 128

struct guard_ops;
struct worker_pool; /* sys/worker.h */

/* The first member of every guard's own structure. */
struct guard {
        const struct guard_ops *ops;
};

enum effect_result {
        EFFECT_AS_DECIDED, /* read back and found so */
        EFFECT_DIFFERS,    /* written, but the kernel says otherwise */
        EFFECT_FAILED,     /* could not be written; error holds why */
        EFFECT_TIMED_OUT,  /* the kernel did not answer; the worker was killed */
        EFFECT_GONE,       /* the subject disappeared meanwhile */
        EFFECT_MAX,
};

/* Conditions of a rule that were found to hold, as bits. */
enum held {
        HELD_READ_ONLY = 1u << 0,
        HELD_USERS = 1u << 1,
        HELD_LUKS = 1u << 2,
};

struct effect {
        enum effect_result result;
        int error;     /* errno, positive, 0 if none */
        bool open;     /* what the kernel says now: the door is open */
        unsigned held; /* enum held */
        uint64_t usec; /* from noticed to read back */
};

/* Calls back into agent.c. handle is chosen by the guard, unique for the life of the agent, never reused. */
struct guard_env {
        sd_event *event;
        const struct root *root;
        const struct time_source *time;
        struct worker_pool *workers;
        void *userdata;
        /* facts are copied. The agent answers with ops->apply(), now or later. */
        void (*noticed)(struct guard *g, uint64_t handle, const struct facts *facts, void *userdata);
        /* Came true, did not, and what is so now. */
        void (*effect)(struct guard *g, uint64_t handle, const struct effect *effect, void *userdata);
        void (*gone)(struct guard *g, uint64_t handle, void *userdata);
        /* Something was written to a medium; t is borrowed. 0: it is in the record; -errno: it is not, tell again. */
        int (*transferred)(struct guard *g, const struct transfer *t, void *userdata);
        /* The network rules held something back; b is borrowed. The same answers. */
        int (*blocked)(struct guard *g, const struct blocked *b, void *userdata);
        /* What lend() asked for: the device answers whoever opens its node (O_PATH), and no driver has it; authorized
         * (for writing) opens its mass storage interface. Both are borrowed; -1: it did not come about, or the device
         * went, and there is nothing to take back. */
        void (*lent)(struct guard *g, uint64_t handle, int node, int authorized, void *userdata);
        /* Something the operator should know (events lost, a worker killed): untranslated code and detail. */
        void (*trouble)(struct guard *g, const char *code, const char *detail, void *userdata);
};

/* What a guard without subjects in the registry holds, for the status. */
struct guard_summary {
        bool holding;
        int64_t subjects, open, blocked;
};

struct guard_ops {
        const char *name; /* "usb" */
        /* It holds the conditions of a verdict (read-only, users, encrypted) on what other guards let in; its subjects
         * have the bus and the port of theirs. */
        bool holds_conditions;
        /* Before anything else, even the policy: makes what arrives from now on arrive shut, and reads that back. 0;
         * -errno: it does not (start() and resync() try again). May be called without a guard. */
        int (*shut_early)(const struct root *root);
        /* Closes what it guards before it looks, then reports all that is there. 0 or -errno. *ret: owned by the
         * caller. */
        int (*start)(const struct guard_env *env, struct guard **ret);
        /* Enforces v on v->handle. Idempotent; the answer comes through env->effect. 0, 1 (unknown handle), -errno. */
        int (*apply)(struct guard *g, const struct verdict *v);
        /* NULL: opening needs no time. apply() will open v->handle as v says, unless something holds it back: what
         * takes time and opens nothing may begin. apply() follows in any case, perhaps with another verdict. */
        void (*prepare)(struct guard *g, const struct verdict *v);
        /* NULL: it can hold any policy. The dry run, before a policy is accepted: whether its section could be held.
         * Changes nothing. text: its bytes. 0 or -errno. */
        int (*dry_run)(struct guard *g, const char *text, size_t size);
        /* NULL: it is told all by apply(). Holds the section of the policy in force, which is on disk by now; sha256
         * names it, "" the built-in one. Idempotent. 0; -errno: what held before holds. */
        int (*adopt)(struct guard *g, const char *sha256);
        void (*summary)(const struct guard *g, struct guard_summary *ret); /* NULL: it has subjects */
        /* Has a device that is shut answer to the agent alone, until take_back(): the answer comes through env->lent.
         * No driver binds, and its node stays root's. NULL: this guard cannot. 0; 1: unknown handle; -EBUSY: not now.
         */
        int (*lend)(struct guard *g, uint64_t handle);
        void (*take_back)(struct guard *g, uint64_t handle);
        /* Looks at everything again, and reports each subject through noticed(), known or not. Any time. */
        int (*resync)(struct guard *g);
        /* Names the subject so that another agent of the same boot knows it again, and takes no other for it. 0 or 1
         * (unknown handle). */
        int (*instance)(const struct guard *g, uint64_t handle, char ret[GUARD_INSTANCE_MAX]);
        /* How much was written to the subject since it appeared, as the kernel counts, and what tells it from others of
         * its name. NULL: the guard has nothing that is written to. 0, 1 (unknown handle) or -errno. */
        int (*written)(const struct guard *g, uint64_t handle, uint64_t *ret_inode, uint64_t *ret_bytes);
        /* Frees; never opens a door. Accepts NULL. */
        void (*stop)(struct guard *g);
};

extern const struct guard_ops *const guard_table[]; /* NULL-terminated; table.c */
