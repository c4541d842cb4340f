/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is loaded, against what ought to be (kernel.h). */
#include <errno.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/cleanup.h"
#include "kernel.h"
#include "names.h"
#include "print.h"

static struct nftnl_set *find_set(const struct ruleset *rs, uint32_t family, const char *name) {
        const struct objects *sets = &rs->objects[OBJECT_SET];
        for (size_t i = 0; i < sets->n; i++)
                if (nftnl_set_get_u32(sets->list[i].set, NFTNL_SET_FAMILY) == family &&
                    strcmp(nftnl_set_get_str(sets->list[i].set, NFTNL_SET_NAME), name) == 0)
                        return sets->list[i].set;
        return NULL;
}

static void expect_doors(struct ruleset *rs) {
        char chain[NAME_SIZE];
        for (const struct door *d = doors; d->map; d++)
                ruleset_element(rs, find_set(rs, table_family[d->table], d->map), &d->key, sizeof d->key, 0, NFT_GOTO,
                                ruleset_name(rs, d->chain, chain));
}

static void expect_interfaces(const struct kernel_rules *k, struct ruleset *rs) {
        for (size_t i = 0; i < k->n_attached; i++) {
                uint32_t key = k->attached[i].index;
                compile_interface(rs, &k->attached[i]);
                for (int t = TABLE_INET; t <= TABLE_ARP && k->attached[i].how != ATTACHED_REFUSED; t++)
                        ruleset_element(rs, find_set(rs, table_family[t], NETWORK_SET_INTERFACES), &key, sizeof key, 0,
                                        -1, NULL);
        }
}

static void ruleset_p(struct ruleset *rs) {
        ruleset_clear(rs);
}

static void lines_p(struct lines *l) {
        ruleset_lines_clear(l);
}

int kernel_rules_verify(const struct kernel_rules *k, const struct network_policy *p,
                        void (*each)(char sign, const char *line, void *userdata), void *userdata) {
        CLEANUP(ruleset_p) struct ruleset wanted = { 0 }, found = { 0 };
        CLEANUP(lines_p) struct lines a = { 0 }, b = { 0 };
        ruleset_init(&wanted, k->table, k->generation.generation);
        compile_standing(&wanted);
        if (p && k->generation.generation) {
                compile_generation(&wanted, p);
                expect_doors(&wanted);
        }
        expect_interfaces(k, &wanted);
        int r = ruleset_error(&wanted);
        if (r == 0)
                r = kernel_read(k->table, false, &found);
        if (r < 0)
                return r;
        r = ruleset_lines(&wanted, &a);
        if (r == 0)
                r = ruleset_lines(&found, &b);
        return r < 0 ? r : (int) lines_compare(&a, &b, each, userdata);
}
