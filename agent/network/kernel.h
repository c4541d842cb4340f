/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our tables in the kernel: closed, or open along one generation of rules.
 *
 * Owned by agent/network; netd.c drives it. Each change is one transaction.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sekisho/policy.h>

#include "batch.h"
#include "compile.h"

#define ATTACHED_MAX 256u

struct kernel_rules {
        const char *table; /* NETWORK_TABLE, NETWORK_TABLE_LEFT */
        bool owned;        /* by our socket */
        struct mnl_socket *socket;
        bool standing;             /* the tables are there */
        uint64_t last_generation;  /* that was used */
        struct ruleset generation; /* what the doors lead to; generation 0: nothing, they are closed */
        struct attached attached[ATTACHED_MAX];
        size_t n_attached;
};

/* kept: the socket of an earlier life (taken over), whose rules are found and go on standing; -1: none. 0 or -errno. */
int kernel_rules_open(struct kernel_rules *k, const char *table, bool owned, int kept);
/* Owned rules go with the socket, when nobody else keeps it. Accepts a zeroed one. */
void kernel_rules_close(struct kernel_rules *k);

/* Makes the tables, with closed doors, unless they stand. 0 or -errno. */
int kernel_rules_stand(struct kernel_rules *k);
/* Turns the doors over to what p says; the tables need not stand. 0; -errno: all is as it was. */
int kernel_rules_load(struct kernel_rules *k, const struct network_policy *p);
/* Whether that would succeed; changes nothing. 0 or -errno. */
int kernel_rules_try(struct kernel_rules *k, const struct network_policy *p);
/* Closes the doors. 0 or -errno. */
int kernel_rules_shut(struct kernel_rules *k);
/* Removes the tables, or those of that name that nobody owns. 0 or -errno; 0 when there are none. */
int kernel_rules_remove(struct kernel_rules *k, const char *table);

/* Puts its egress chain on an interface, and the interface into or out of the sets; idempotent. 0 or -errno. -ENOSPC:
 * too many. */
int kernel_rules_attach(struct kernel_rules *k, const struct attached *a);
/* Takes it out of the sets, and then its chain away, if the kernel has not. 0 or -errno. */
int kernel_rules_detach(struct kernel_rules *k, unsigned index);
const struct attached *kernel_rules_attached(const struct kernel_rules *k, unsigned index); /* or NULL */

/* Makes all of it anew, in one transaction. p: NULL where the doors are to be closed. 0 or -errno. */
int kernel_rules_rebuild(struct kernel_rules *k, const struct network_policy *p);
/* Compares what is loaded with what ought to be; each is called for every line that only one of the two has ('-': it is
 * missing, '+': nobody called for it). Number of such lines or -errno. */
int kernel_rules_verify(const struct kernel_rules *k, const struct network_policy *p,
                        void (*each)(char sign, const char *line, void *userdata), void *userdata);
/* A number that is another after any change to any rule of this namespace. 0 or -errno. */
int kernel_change_number(uint32_t *ret);

/* True when tables of that name are there. */
bool kernel_has_table(const char *table);
/* Reads what is in the kernel under that name into *rs (initialised here). generation_only: objects named ".N" alone.
 * 0; 1: no such table; -errno. */
int kernel_read(const char *table, bool generation_only, struct ruleset *rs);
/* The socket's identity, as notifications name it. */
uint32_t kernel_rules_port(const struct kernel_rules *k);

/* ---- for kernel.c alone: kernel_attach.c ---- */

/* Adds to a batch that makes the tables anew what is attached. */
void kernel_attach_again(const struct kernel_rules *k, struct batch *b);
