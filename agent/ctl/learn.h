/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From connections that the record says were (or would be) held back to rules that would let them pass. Private to
 * agent/ctl; pure: no clock, no file, no look-up of names.
 *
 * What is proposed: connections that this terminal began. What is not, and why, is kept beside it: answers to those who
 * called first, what came from outside, group addresses, protocols that a policy has no word for, and hosts of which so
 * many ports were tried that it looks like a search.
 */
#pragma once

#include <jansson.h>
#include <sekisho/policy.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEARN_MACS_MAX  4u
#define LEARN_WHO_MAX   4u
#define LEARN_PORTS_MAX 32u /* of one host and protocol; more look like a search */

enum learn_verdict {
        LEARN_PROPOSED,
        LEARN_ANSWER,   /* to whom had called first, whichever side that was */
        LEARN_INBOUND,  /* it came from outside */
        LEARN_FORWARD,  /* it was somebody else's */
        LEARN_GROUP,    /* multicast, broadcast */
        LEARN_PROTOCOL, /* a policy has no word for it */
        LEARN_SEARCH,   /* too many ports of one host */
        LEARN_VERDICT_MAX,
};

enum learn_direction { LEARN_OUT, LEARN_IN, LEARN_THROUGH };

/* How much, when and by whom. */
struct learn_who {
        int64_t uids[LEARN_WHO_MAX];
        const char *programs[LEARN_WHO_MAX];
        unsigned n_uids, n_programs; /* may exceed LEARN_WHO_MAX: so many there were */
        int64_t count, first, last;  /* packets; milliseconds since the epoch */
};

struct learn_flow {
        enum learn_verdict verdict;
        enum learn_direction direction;
        enum protocol protocol; /* PROTOCOL_INVALID: another */
        struct prefix peer;     /* of full length; family 0: not IP */
        uint16_t port;
        struct mac macs[LEARN_MACS_MAX];
        unsigned n_macs;
        struct learn_who who;
        size_t order;      /* of its first record among all */
        int64_t layers[2]; /* packets by the host's layer, and by what leaves: the same ones, seen twice */
};

struct learn_rule {
        enum protocol protocol;
        struct port_range *ports; /* owned; n_ports 0: the protocol has none */
        size_t n_ports;
        struct prefix *prefixes; /* owned */
        size_t n_prefixes, n_hosts;
        struct mac macs[LEARN_MACS_MAX];
        unsigned n_macs;
        struct learn_who who;
};

struct learned {
        struct learn_flow *flows;
        size_t n_flows, n_allocated;
        size_t n_seen;
        void *index; /* tree over flows */
        struct learn_rule *rules;
        size_t n_rules;
        char **texts; /* programs and interfaces, each once */
        size_t n_texts;
        const char *interfaces[16];
        size_t n_interfaces;
        int64_t storms; /* packets that were counted together, of which nothing can be learned */
};

/* One record. Others than of network activity do nothing. blocked: also what was truly held back. 0 or -ENOMEM. */
int learn_add(struct learned *l, const json_t *event, bool blocked);
/* When all are added: judges the flows and makes the rules. 0 or -ENOMEM. */
int learn_finish(struct learned *l);
int learn_rules(struct learned *l); /* learn_rules.c; of the flows that are LEARN_PROPOSED. 0 or -ENOMEM */
void learned_clear(struct learned *l);
