/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading back what the kernel holds under a table's name. The kernel's messages are trusted to be the kernel's; what
 * is in them may be anybody's tables. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libnftnl/common.h>
#include <libnftnl/table.h>

#include "base/cleanup.h"
#include "kernel.h"
#include "names.h"

#define BUFFER_SIZE (64u * 1024u)
#define TRIES       10

struct reading {
        struct ruleset *rs;
        const char *table;
        bool generation_only, found;
};

/* N of "output4.N"; 0: it has none. */
static uint64_t generation_of(const char *name) {
        const char *dot = name ? strrchr(name, '.') : NULL;
        char *end = NULL;
        if (!dot || dot[1] < '1' || dot[1] > '9')
                return 0;
        unsigned long long n = strtoull(dot + 1, &end, 10);
        return *end == '\0' ? n : 0;
}

static bool is_ours(struct reading *r, const char *table, const char *name) {
        uint64_t n = generation_of(name);
        if (!table || !name || strcmp(table, r->table) != 0 || (r->generation_only && n == 0))
                return false;
        if (n > r->rs->generation)
                r->rs->generation = n;
        return true;
}

static int put(struct reading *r, enum object_kind kind, void *object) {
        return ruleset_put(r->rs, kind, object) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static int on_table(const struct nlmsghdr *h, void *userdata) {
        struct reading *r = userdata;
        struct nftnl_table *t = nftnl_table_alloc();
        if (t && nftnl_table_nlmsg_parse(h, t) == 0) {
                const char *name = nftnl_table_get_str(t, NFTNL_TABLE_NAME);
                r->found = r->found || (name && strcmp(name, r->table) == 0);
        }
        if (t)
                nftnl_table_free(t);
        return MNL_CB_OK;
}

static int on_counter(const struct nlmsghdr *h, void *userdata) {
        struct reading *r = userdata;
        struct nftnl_obj *o = nftnl_obj_alloc();
        if (o && nftnl_obj_nlmsg_parse(h, o) == 0 && nftnl_obj_get_u32(o, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER &&
            is_ours(r, nftnl_obj_get_str(o, NFTNL_OBJ_TABLE), nftnl_obj_get_str(o, NFTNL_OBJ_NAME)))
                return put(r, OBJECT_COUNTER, o);
        if (o)
                nftnl_obj_free(o);
        return o ? MNL_CB_OK : MNL_CB_ERROR;
}

static int on_chain(const struct nlmsghdr *h, void *userdata) {
        struct reading *r = userdata;
        struct nftnl_chain *c = nftnl_chain_alloc();
        if (c && nftnl_chain_nlmsg_parse(h, c) == 0 &&
            is_ours(r, nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE), nftnl_chain_get_str(c, NFTNL_CHAIN_NAME)))
                return put(r, OBJECT_CHAIN, c);
        if (c)
                nftnl_chain_free(c);
        return c ? MNL_CB_OK : MNL_CB_ERROR;
}

static int on_set(const struct nlmsghdr *h, void *userdata) {
        struct reading *r = userdata;
        struct nftnl_set *s = nftnl_set_alloc();
        if (s && nftnl_set_nlmsg_parse(h, s) == 0 &&
            is_ours(r, nftnl_set_get_str(s, NFTNL_SET_TABLE), nftnl_set_get_str(s, NFTNL_SET_NAME)))
                return put(r, OBJECT_SET, s);
        if (s)
                nftnl_set_free(s);
        return s ? MNL_CB_OK : MNL_CB_ERROR;
}

static int on_rule(const struct nlmsghdr *h, void *userdata) {
        struct reading *r = userdata;
        struct nftnl_rule *rule = nftnl_rule_alloc();
        if (rule && nftnl_rule_nlmsg_parse(h, rule) == 0 &&
            is_ours(r, nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN)))
                return put(r, OBJECT_RULE, rule);
        if (rule)
                nftnl_rule_free(rule);
        return rule ? MNL_CB_OK : MNL_CB_ERROR;
}

static int on_elements(const struct nlmsghdr *h, void *userdata) {
        return nftnl_set_elems_nlmsg_parse(h, userdata) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

/* 0 or -errno; -EINTR: it changed meanwhile. */
static int run(struct mnl_socket *s, const struct nlmsghdr *h, mnl_cb_t callback, void *userdata) {
        CLEANUP(free_p) char *buffer = malloc(BUFFER_SIZE);
        if (!buffer)
                return -ENOMEM;
        if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
                return -errno;
        for (;;) {
                ssize_t n = mnl_socket_recvfrom(s, buffer, BUFFER_SIZE);
                if (n < 0)
                        return -errno;
                int r = mnl_cb_run(buffer, (size_t) n, h->nlmsg_seq, mnl_socket_get_portid(s), callback, userdata);
                if (r < 0)
                        return errno == EAGAIN ? 0 : -errno;
                if (r == 0)
                        return 0;
        }
}

static int dump(struct mnl_socket *s, uint16_t command, uint32_t family, mnl_cb_t callback, struct reading *reading) {
        char buffer[512];
        struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buffer, command, (uint16_t) family, NLM_F_DUMP, 1);
        return run(s, h, callback, reading);
}

static int dump_elements(struct mnl_socket *s, struct nftnl_set *set) {
        char buffer[1024];
        struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM,
                                                   (uint16_t) nftnl_set_get_u32(set, NFTNL_SET_FAMILY), NLM_F_DUMP, 1);
        mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, nftnl_set_get_str(set, NFTNL_SET_TABLE));
        mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, nftnl_set_get_str(set, NFTNL_SET_NAME));
        return run(s, h, on_elements, set);
}

static int read_once(struct reading *r) {
        CLEANUP(nft_socket_p) struct mnl_socket *s = NULL;
        int e = nft_socket_new(&s);
        for (int t = 0; t < TABLES && e == 0; t++) {
                e = dump(s, NFT_MSG_GETTABLE, table_family[t], on_table, r);
                if (e == 0)
                        e = dump(s, NFT_MSG_GETOBJ, table_family[t], on_counter, r);
                if (e == 0)
                        e = dump(s, NFT_MSG_GETCHAIN, table_family[t], on_chain, r);
                if (e == 0)
                        e = dump(s, NFT_MSG_GETSET, table_family[t], on_set, r);
                if (e == 0)
                        e = dump(s, NFT_MSG_GETRULE, table_family[t], on_rule, r);
        }
        const struct objects *sets = &r->rs->objects[OBJECT_SET];
        for (size_t i = 0; i < sets->n && e == 0; i++)
                e = dump_elements(s, sets->list[i].set);
        return e;
}

int kernel_read(const char *table, bool generation_only, struct ruleset *rs) {
        struct reading r = { .rs = rs, .table = table, .generation_only = generation_only };
        int e = -EINTR;
        for (int i = 0; i < TRIES && (e == -EINTR || e == -ENOENT); i++) {
                if (i > 0)
                        ruleset_clear(rs);
                r.found = false;
                ruleset_init(rs, table, 0);
                e = read_once(&r);
        }
        if (e < 0 || !r.found)
                ruleset_clear(rs);
        return e < 0 ? e : r.found ? 0 : 1;
}

bool kernel_has_table(const char *table) {
        CLEANUP(nft_socket_p) struct mnl_socket *s = NULL;
        struct reading r = { .table = table };
        if (nft_socket_new(&s) < 0)
                return true; /* nobody can say; whoever asks acts on it */
        for (int t = 0; t < TABLES; t++)
                (void) dump(s, NFT_MSG_GETTABLE, table_family[t], on_table, &r);
        return r.found;
}

static int on_generation(const struct nlmsghdr *h, void *userdata) {
        const struct nlattr *a = mnl_nlmsg_get_payload_offset(h, sizeof(struct nfgenmsg));
        if (mnl_nlmsg_get_payload_len(h) >= sizeof(struct nfgenmsg) + sizeof *a + sizeof(uint32_t) &&
            mnl_attr_get_type(a) == NFTA_GEN_ID && mnl_attr_validate(a, MNL_TYPE_U32) == 0)
                *(uint32_t *) userdata = ntohl(mnl_attr_get_u32(a));
        return MNL_CB_STOP;
}

int kernel_change_number(uint32_t *ret) {
        char buffer[256];
        CLEANUP(nft_socket_p) struct mnl_socket *s = NULL;
        int e = nft_socket_new(&s);
        struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, AF_UNSPEC, 0, 1);
        return e < 0 ? e : run(s, h, on_generation, ret);
}
