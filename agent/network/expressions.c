/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The expressions of a rule (ruleset.h). Registers are numbered as the kernel gives them back: 1 is the first of four
 * 128-bit ones, NFT_REG32_00 its first word. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <libnftnl/expr.h>

#include "names.h"
#include "ruleset.h"

/* Belongs to the rule already. NULL: failed. */
static struct nftnl_expr *add(struct ruleset *rs, const char *name) {
        struct nftnl_expr *e = rs->error || !rs->rule ? NULL : nftnl_expr_alloc(name);
        if (e)
                nftnl_rule_add_expr(rs->rule, e);
        else
                rs->error = -ENOMEM;
        return e;
}

/* The kernel names a word that begins a 128-bit register by that one. */
static uint32_t word_register(uint32_t word) {
        return word % 4 == 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word;
}

static void meta(struct ruleset *rs, uint32_t key, uint32_t reg) {
        struct nftnl_expr *e = add(rs, "meta");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
        nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

static void payload(struct ruleset *rs, uint32_t base, uint32_t offset, uint32_t length, uint32_t reg) {
        struct nftnl_expr *e = add(rs, "payload");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
        nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, length);
}

void load_meta(struct ruleset *rs, uint32_t key) {
        meta(rs, key, NFT_REG_1);
}
void load_meta_at(struct ruleset *rs, uint32_t key, uint32_t word) {
        meta(rs, key, word_register(word));
}
void load_payload(struct ruleset *rs, uint32_t base, uint32_t offset, uint32_t length) {
        payload(rs, base, offset, length, NFT_REG_1);
}
void load_payload_at(struct ruleset *rs, uint32_t base, uint32_t offset, uint32_t length, uint32_t word) {
        payload(rs, base, offset, length, word_register(word));
}

void load_zero_at(struct ruleset *rs, uint32_t word) {
        struct nftnl_expr *e = add(rs, "immediate");
        if (!e)
                return;
        const uint32_t zero = 0;
        nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, word_register(word));
        (void) nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &zero, sizeof zero);
}

void load_ct(struct ruleset *rs, uint32_t key) {
        struct nftnl_expr *e = add(rs, "ct");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

void load_exthdr(struct ruleset *rs, uint32_t type, uint32_t offset, uint32_t length) {
        struct nftnl_expr *e = add(rs, "exthdr");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
        nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, (uint8_t) type);
        nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, offset);
        nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, length);
        nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
}

void mask(struct ruleset *rs, const void *bits, uint32_t length) {
        static const uint8_t none[16];
        struct nftnl_expr *e = add(rs, "bitwise");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
        nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, length);
        (void) nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, bits, length);
        (void) nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, none, length);
}

void match(struct ruleset *rs, uint32_t op, const void *data, uint32_t length) {
        struct nftnl_expr *e = add(rs, "cmp");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
        (void) nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, length);
}
void match_8(struct ruleset *rs, uint32_t op, uint8_t value) {
        match(rs, op, &value, sizeof value);
}
void match_16(struct ruleset *rs, uint32_t op, uint16_t value) {
        uint16_t network = htons(value);
        match(rs, op, &network, sizeof network);
}
void match_32(struct ruleset *rs, uint32_t op, uint32_t value) {
        match(rs, op, &value, sizeof value);
}

void match_range_16(struct ruleset *rs, uint16_t first, uint16_t last) {
        struct nftnl_expr *e = add(rs, "range");
        if (!e)
                return;
        uint16_t from = htons(first), to = htons(last);
        nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
        (void) nftnl_expr_set(e, NFTNL_EXPR_RANGE_FROM_DATA, &from, sizeof from);
        (void) nftnl_expr_set(e, NFTNL_EXPR_RANGE_TO_DATA, &to, sizeof to);
}

static struct nftnl_expr *lookup(struct ruleset *rs, const char *set) {
        struct nftnl_expr *e = add(rs, "lookup");
        if (!e)
                return NULL;
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, 0); /* as the kernel gives it back */
        if (nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set) < 0)
                rs->error = -ENOMEM;
        return e;
}

void match_set(struct ruleset *rs, const char *set, bool inverted) {
        struct nftnl_expr *e = lookup(rs, set);
        if (e && inverted)
                nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

void verdict_map(struct ruleset *rs, const char *set) {
        struct nftnl_expr *e = lookup(rs, set);
        if (e)
                nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

void verdict(struct ruleset *rs, int code, const char *chain) {
        struct nftnl_expr *e = add(rs, "immediate");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t) code);
        if (chain && nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain) < 0)
                rs->error = -ENOMEM;
}

void match_limit(struct ruleset *rs, uint64_t per_second, uint32_t burst) {
        struct nftnl_expr *e = add(rs, "limit");
        if (!e)
                return;
        nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, per_second);
        nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, burst);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, 0);
}

void count_in(struct ruleset *rs, const char *counter) {
        struct nftnl_expr *e = add(rs, "objref");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
        if (nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, counter) < 0)
                rs->error = -ENOMEM;
}

void log_to(struct ruleset *rs, const char *prefix) {
        struct nftnl_expr *e = add(rs, "log");
        if (!e)
                return;
        nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, NETWORK_LOG_GROUP);
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOG_SNAPLEN, NETWORK_LOG_BYTES);
        if (nftnl_expr_set_str(e, NFTNL_EXPR_LOG_PREFIX, prefix) < 0)
                rs->error = -ENOMEM;
}

void remember(struct ruleset *rs, const char *set, uint64_t seconds) {
        struct nftnl_expr *e = add(rs, "dynset");
        if (!e)
                return;
        nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
        nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
        nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, seconds * 1000);
        if (nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, set) < 0)
                rs->error = -ENOMEM;
}
