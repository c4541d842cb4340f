/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule set as libnftnl's objects, in the order in which the kernel wants them: what compile.c makes, batch.c sends
 * and print.c shows.
 *
 * Owned by agent/network. Building never fails half-way: the first failure (no memory) sticks, later calls do nothing,
 * and ruleset_error() says it in the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

enum object_kind { OBJECT_COUNTER, OBJECT_SET, OBJECT_CHAIN, OBJECT_RULE, OBJECT_KIND_MAX };

struct object {
        enum object_kind kind;
        union {
                struct nftnl_obj *counter;
                struct nftnl_set *set;
                struct nftnl_chain *chain;
                struct nftnl_rule *rule;
                void *any;
        };
};

/* Objects of one kind. */
struct objects {
        struct object *list;
        size_t n, allocated;
};

struct ruleset {
        const char *table;    /* static text */
        uint32_t family;      /* NFPROTO_*, of the objects that are added next */
        uint32_t last_set_id; /* of this batch; ruleset_set() counts on */
        uint64_t generation;  /* N of the names */
        struct objects objects[OBJECT_KIND_MAX];
        struct nftnl_rule *rule; /* being made */
        int error;
};

/* table: static text. */
void ruleset_init(struct ruleset *rs, const char *table, uint64_t generation);
void ruleset_clear(struct ruleset *rs);
int ruleset_error(const struct ruleset *rs); /* 0 or -ENOMEM */

/* ---- objects; they belong to the rule set ---- */

/* Takes object over; NULL counts as no memory. 0 or -ENOMEM. */
int ruleset_put(struct ruleset *rs, enum object_kind kind, void *object);

#define NAME_SIZE 64
/* "output4" -> "output4.N" in a buffer of the caller's. Returns the buffer. */
const char *ruleset_name(const struct ruleset *rs, const char *base, char buffer[static NAME_SIZE]);

void ruleset_counter(struct ruleset *rs, const char *name);
void ruleset_chain(struct ruleset *rs, const char *name);
/* device: NULL but for netdev. */
void ruleset_base_chain(struct ruleset *rs, const char *name, uint32_t hook, int32_t priority, const char *device);
struct set_type {
        uint32_t key_type, key_length; /* as nft's own numbers, for `nft list` */
        uint32_t flags;                /* NFT_SET_* */
        bool verdicts;                 /* a map to verdicts */
        uint32_t size;                 /* 0: no limit */
        bool host_order;               /* said to `nft list` only */
};
struct nftnl_set *ruleset_set(struct ruleset *rs, const char *name, const struct set_type *type); /* NULL: failed */
/* verdict: NFT_JUMP ... with chain, NF_ACCEPT, NF_DROP; -1 where the set is no map. flags: NFT_SET_ELEM_*. */
void ruleset_element(struct ruleset *rs, struct nftnl_set *set, const void *key, uint32_t length, uint32_t flags,
                     int verdict, const char *chain);

/* ---- rules: one begin, its expressions, one end ---- */

void rule_begin(struct ruleset *rs, const char *chain);
void rule_end(struct ruleset *rs);

/* Loads into register 1, or, with _at, into the 32-bit register NFT_REG32_00 + word. */
void load_meta(struct ruleset *rs, uint32_t key);
void load_payload(struct ruleset *rs, uint32_t base, uint32_t offset, uint32_t length);
void load_payload_at(struct ruleset *rs, uint32_t base, uint32_t offset, uint32_t length, uint32_t word);
void load_meta_at(struct ruleset *rs, uint32_t key, uint32_t word);
void load_zero_at(struct ruleset *rs, uint32_t word);
void load_ct(struct ruleset *rs, uint32_t key);
void load_exthdr(struct ruleset *rs, uint32_t type, uint32_t offset, uint32_t length);
void mask(struct ruleset *rs, const void *bits, uint32_t length); /* register 1 &= bits */

/* Go on only when it holds. Of register 1. */
void match(struct ruleset *rs, uint32_t op, const void *data, uint32_t length); /* NFT_CMP_* */
void match_8(struct ruleset *rs, uint32_t op, uint8_t value);
void match_16(struct ruleset *rs, uint32_t op, uint16_t value); /* network order is made here */
void match_32(struct ruleset *rs, uint32_t op, uint32_t value); /* host order, as meta and ct give it */
void match_range_16(struct ruleset *rs, uint16_t first, uint16_t last);
void match_set(struct ruleset *rs, const char *set, bool inverted);
void match_limit(struct ruleset *rs, uint64_t per_second, uint32_t burst); /* while below it */

/* set: a map to verdicts; no element, no verdict. */
void verdict_map(struct ruleset *rs, const char *set);
void verdict(struct ruleset *rs, int code, const char *chain); /* chain: NULL but for NFT_JUMP, NFT_GOTO */

void count_in(struct ruleset *rs, const char *counter);
void log_to(struct ruleset *rs, const char *prefix);
/* Adds what registers 32_00... hold, for so many seconds. */
void remember(struct ruleset *rs, const char *set, uint64_t seconds);
