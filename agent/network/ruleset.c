/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define VERDICT_TYPE 0xffffff00u /* NFT_DATA_VERDICT */
#define DROP_POLICY  NF_DROP

static const struct object_ops {
        void (*free)(void *object);
} ops[OBJECT_KIND_MAX] = {
        [OBJECT_COUNTER] = { (void (*)(void *)) nftnl_obj_free },
        [OBJECT_SET] = { (void (*)(void *)) nftnl_set_free },
        [OBJECT_CHAIN] = { (void (*)(void *)) nftnl_chain_free },
        [OBJECT_RULE] = { (void (*)(void *)) nftnl_rule_free },
};

void ruleset_init(struct ruleset *rs, const char *table, uint64_t generation) {
        *rs = (struct ruleset){ .table = table, .generation = generation };
}

void ruleset_clear(struct ruleset *rs) {
        for (int kind = 0; kind < OBJECT_KIND_MAX; kind++) {
                for (size_t i = 0; i < rs->objects[kind].n; i++)
                        ops[kind].free(rs->objects[kind].list[i].any);
                free(rs->objects[kind].list);
        }
        if (rs->rule)
                nftnl_rule_free(rs->rule);
        *rs = (struct ruleset){ .table = rs->table };
}

int ruleset_error(const struct ruleset *rs) {
        return rs->error;
}

int ruleset_put(struct ruleset *rs, enum object_kind kind, void *object) {
        struct objects *o = &rs->objects[kind];
        if (object && o->n == o->allocated) {
                size_t more = o->allocated ? 2 * o->allocated : 32;
                struct object *list = reallocarray(o->list, more, sizeof *list);
                if (!list) {
                        ops[kind].free(object);
                        object = NULL;
                } else {
                        o->list = list;
                        o->allocated = more;
                }
        }
        if (object)
                o->list[o->n++] = (struct object){ .kind = kind, .any = object };
        else
                rs->error = -ENOMEM;
        return rs->error;
}

const char *ruleset_name(const struct ruleset *rs, const char *base, char buffer[static NAME_SIZE]) {
        (void) snprintf(buffer, NAME_SIZE, "%s.%" PRIu64, base, rs->generation);
        return buffer;
}

void ruleset_counter(struct ruleset *rs, const char *name) {
        struct nftnl_obj *c = rs->error ? NULL : nftnl_obj_alloc();
        if (c) {
                nftnl_obj_set_u32(c, NFTNL_OBJ_FAMILY, rs->family);
                nftnl_obj_set_str(c, NFTNL_OBJ_TABLE, rs->table);
                nftnl_obj_set_str(c, NFTNL_OBJ_NAME, name);
                nftnl_obj_set_u32(c, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
                nftnl_obj_set_u64(c, NFTNL_OBJ_CTR_PKTS, 0);
                nftnl_obj_set_u64(c, NFTNL_OBJ_CTR_BYTES, 0);
        }
        (void) ruleset_put(rs, OBJECT_COUNTER, c);
}

static struct nftnl_chain *new_chain(struct ruleset *rs, const char *name) {
        struct nftnl_chain *c = rs->error ? NULL : nftnl_chain_alloc();
        if (c) {
                nftnl_chain_set_u32(c, NFTNL_CHAIN_FAMILY, rs->family);
                nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, rs->table);
                nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
        }
        return c;
}

void ruleset_chain(struct ruleset *rs, const char *name) {
        (void) ruleset_put(rs, OBJECT_CHAIN, new_chain(rs, name));
}

void ruleset_base_chain(struct ruleset *rs, const char *name, uint32_t hook, int32_t priority, const char *device) {
        struct nftnl_chain *c = new_chain(rs, name);
        if (c) {
                nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
                nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
                nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
                nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, DROP_POLICY);
                if (device)
                        nftnl_chain_set_str(c, NFTNL_CHAIN_DEV, device);
        }
        (void) ruleset_put(rs, OBJECT_CHAIN, c);
}

struct nftnl_set *ruleset_set(struct ruleset *rs, const char *name, const struct set_type *type) {
        struct nftnl_set *s = rs->error ? NULL : nftnl_set_alloc();
        if (s) {
                uint32_t flags = type->flags | (type->verdicts ? NFT_SET_MAP : 0u);
                nftnl_set_set_u32(s, NFTNL_SET_FAMILY, rs->family);
                (void) nftnl_set_set_str(s, NFTNL_SET_TABLE, rs->table);
                (void) nftnl_set_set_str(s, NFTNL_SET_NAME, name);
                nftnl_set_set_u32(s, NFTNL_SET_ID, ++rs->last_set_id);
                nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type->key_type);
                nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, type->key_length);
                nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
                if (type->verdicts) {
                        nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, VERDICT_TYPE);
                        nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, 0);
                }
                static const uint8_t host_order[] = { 0 /* KEYBYTEORDER */, 4, 1 /* of the host */, 0, 0, 0 };
                if (type->host_order)
                        (void) nftnl_set_set_data(s, NFTNL_SET_USERDATA, host_order, sizeof host_order);
                if (type->size)
                        nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, type->size);
        }
        (void) ruleset_put(rs, OBJECT_SET, s);
        return rs->error ? NULL : s;
}

void ruleset_element(struct ruleset *rs, struct nftnl_set *set, const void *key, uint32_t length, uint32_t flags,
                     int verdict_code, const char *chain) {
        if (!set || rs->error)
                return;
        struct nftnl_set_elem *e = nftnl_set_elem_alloc();
        if (!e || nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, length) < 0) {
                if (e)
                        nftnl_set_elem_free(e);
                rs->error = -ENOMEM;
                return;
        }
        if (flags)
                nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_FLAGS, flags);
        if (verdict_code != -1) {
                nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_VERDICT, (uint32_t) verdict_code);
                if (chain && nftnl_set_elem_set_str(e, NFTNL_SET_ELEM_CHAIN, chain) < 0)
                        rs->error = -ENOMEM;
        }
        nftnl_set_elem_add(set, e);
}

void rule_begin(struct ruleset *rs, const char *chain) {
        rs->rule = rs->error ? NULL : nftnl_rule_alloc();
        if (!rs->rule) {
                rs->error = -ENOMEM;
                return;
        }
        nftnl_rule_set_u32(rs->rule, NFTNL_RULE_FAMILY, rs->family);
        if (nftnl_rule_set_str(rs->rule, NFTNL_RULE_TABLE, rs->table) < 0 ||
            nftnl_rule_set_str(rs->rule, NFTNL_RULE_CHAIN, chain) < 0)
                rs->error = -ENOMEM;
}

void rule_end(struct ruleset *rs) {
        struct nftnl_rule *rule = rs->rule;
        rs->rule = NULL;
        (void) ruleset_put(rs, OBJECT_RULE, rule);
}
