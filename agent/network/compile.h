/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a policy's network section to the rules of the kernel (names.h has the picture). Pure: the same input, the same
 * objects in the same order.
 *
 * Owned by agent/network; load.c sends the result, print.c shows it.
 */
#pragma once

#include <sekisho/policy.h>

#include "plan.h"
#include "ruleset.h"

/* The families of our tables, in the order in which they are made. */
enum { TABLE_INET, TABLE_ARP, TABLE_NETDEV, TABLES };
extern const uint32_t table_family[TABLES];     /* NFPROTO_* */
const char *table_family_name(uint32_t family); /* "inet"; "?" */

/* What stands for as long as the guard lives: counters, sets, doors, base chains. Closed. */
void compile_standing(struct ruleset *rs);

/* The generation rs->generation, with what the doors lead to. -ENOMEM through ruleset_error(). */
void compile_generation(struct ruleset *rs, const struct network_policy *p);

/* What an interface is to us. */
enum attachment {
        ATTACHED_REFUSED,  /* not listed: no frame leaves, should it come up */
        ATTACHED_OBSERVED, /* what leaves is judged */
        ATTACHED_GUARDED,  /* likewise, and it speaks under its own address only */
};
struct attached {
        unsigned index;
        enum attachment how;
        char name[16];
        struct mac mac; /* zero: it has none */
};

/* One interface: its egress chain. */
void compile_interface(struct ruleset *rs, const struct attached *a);

/* The doors of rs->family, and where they lead: elements for the standing maps. Ends with name NULL. */
struct door {
        int table; /* TABLE_* */
        const char *map;
        uint8_t key;       /* NFPROTO_*, as `meta nfproto` says in that chain */
        const char *chain; /* without its .N */
};
extern const struct door doors[];

#define INTERFACES_SET_TYPE                                                                                            \
        (struct set_type) {                                                                                            \
                .key_type = 20 /* ifindex */, .key_length = 4, .host_order = true                                      \
        }

/* ---- compile_services.c, for the above ---- */

enum layer {
        LAYER_HOST,   /* inet: knows directions and connections, not the next hop of what leaves */
        LAYER_EGRESS, /* netdev: knows frames, not connections */
};
struct compilation {
        struct ruleset *rs;
        const struct plan *plan;
        const struct network_policy *policy;
        enum layer layer;
        bool observe, everything; /* refusing only logs; refuses nothing (default: allow) */
};
/* Sets of ports and MACs, a chain for each service and each class, maps "to4.N", "to6.N", "from4.N", "from6.N". */
void compile_services(const struct compilation *c);
/* `address vmap @to4.N`, if there is anything in it. */
void compile_lookup(const struct compilation *c, const char *chain, int direction, int family, uint32_t offset);
/* The name of a map in buffer: "to4.N". */
const char *map_name(const struct ruleset *rs, int direction, int family, char buffer[static NAME_SIZE]);

/* ---- compile_refusal.c ---- */

struct refusal {
        const char *chain, *counter, *prefix; /* without .N; prefix without its OUTCOME */
        int family;                           /* PLAN_*; -1: no IP, each is logged */
        uint32_t address;                     /* offset of the peer's address in the IP header */
        bool inbound;
};
/* The chain where everything ends that no rule let pass. */
void compile_refusal(const struct compilation *c, const struct refusal *r);

/* ---- offsets ---- */

#define IPV4_PROTOCOL     9u
#define IPV4_FRAGMENT     6u
#define IPV4_SOURCE       12u
#define IPV4_DESTINATION  16u
#define IPV6_NEXT_HEADER  6u
#define IPV6_LENGTH       4u
#define IPV6_HOP_LIMIT    7u
#define IPV6_SOURCE       8u
#define IPV6_DESTINATION  24u
#define PORT_SOURCE       0u
#define PORT_DESTINATION  2u
#define TCP_FLAGS         13u
#define ETHER_DESTINATION 0u
#define ETHER_SOURCE      6u
#define ARP_SENDER        8u
#define ETHER_TYPE        12u
