/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel.h"

#include <errno.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

/* "egress-IFINDEX" */
static bool index_of_egress(const char *name, unsigned *ret) {
        static const char prefix[] = "egress-";
        char *end;
        if (!name || strncmp(name, prefix, sizeof prefix - 1) != 0 || name[sizeof prefix - 1] < '1' ||
            name[sizeof prefix - 1] > '9')
                return false;
        unsigned long index = strtoul(name + sizeof prefix - 1, &end, 10);
        if (*end != '\0' || index > INT_MAX)
                return false;
        *ret = (unsigned) index;
        return true;
}

/* What an earlier life left: the generation behind the doors, and the interfaces with a chain. */
static int find_what_stands(struct kernel_rules *k) {
        struct ruleset found;
        int r = kernel_read(k->table, false, &found);
        if (r != 0)
                return r > 0 ? 0 : r; /* nothing yet */
        k->standing = true;
        const struct objects *chains = &found.objects[OBJECT_CHAIN];
        for (size_t i = 0; i < chains->n; i++) {
                unsigned index;
                const char *name = nftnl_chain_get_str(chains->list[i].chain, NFTNL_CHAIN_NAME);
                const char *device = nftnl_chain_get_str(chains->list[i].chain, NFTNL_CHAIN_DEV);
                /* How it was attached is not asked: it is attached anew before anything else. */
                if (index_of_egress(name, &index) && k->n_attached < ATTACHED_MAX) {
                        struct attached *a = &k->attached[k->n_attached++];
                        *a = (struct attached){ .index = index, .how = ATTACHED_REFUSED };
                        (void) snprintf(a->name, sizeof a->name, "%s", device ? device : "");
                }
        }
        ruleset_clear(&found);
        r = kernel_read(k->table, true, &k->generation);
        k->last_generation = k->generation.generation;
        return r > 0 ? 0 : r;
}

int kernel_rules_open(struct kernel_rules *k, const char *table, bool owned, int kept) {
        *k = (struct kernel_rules){ .table = table, .owned = owned };
        ruleset_init(&k->generation, table, 0);
        int r = kept >= 0 ? nft_socket_adopt(kept, &k->socket) : nft_socket_new(&k->socket);
        if (r == 0 && (kept >= 0 || !owned))
                r = find_what_stands(k);
        if (r < 0)
                kernel_rules_close(k);
        return r;
}

void kernel_rules_close(struct kernel_rules *k) {
        nft_socket_p(&k->socket);
        ruleset_clear(&k->generation);
        *k = (struct kernel_rules){ .table = k->table };
}

uint32_t kernel_rules_port(const struct kernel_rules *k) {
        return mnl_socket_get_portid(k->socket);
}

/* ---- what stands ---- */

static void add_tables(struct kernel_rules *k, struct batch *b) {
        struct ruleset standing;
        for (int t = 0; t < TABLES; t++)
                batch_table(b, NFT_MSG_NEWTABLE, table_family[t], k->table, k->owned ? NFT_TABLE_F_OWNER : 0);
        ruleset_init(&standing, k->table, 0);
        compile_standing(&standing);
        if (standing.error)
                b->error = standing.error;
        else
                batch_add(b, &standing);
        ruleset_clear(&standing);
}

int kernel_rules_stand(struct kernel_rules *k) {
        struct batch b;
        if (k->standing)
                return 0;
        batch_begin(&b);
        add_tables(k, &b);
        int r = batch_send(&b, k->socket, NULL);
        k->standing = r == 0;
        return r;
}

/* ---- doors ---- */

/* Elements of doors[i], or an empty set for all of its map. */
static void door_element(const struct kernel_rules *k, struct batch *b, const struct door *d,
                         const struct ruleset *to) {
        char chain[NAME_SIZE];
        struct ruleset none;
        ruleset_init(&none, k->table, to ? to->generation : 0);
        struct nftnl_set *set = nftnl_set_alloc();
        if (!set) {
                b->error = -ENOMEM;
                return;
        }
        nftnl_set_set_u32(set, NFTNL_SET_FAMILY, table_family[d->table]);
        (void) nftnl_set_set_str(set, NFTNL_SET_TABLE, k->table);
        (void) nftnl_set_set_str(set, NFTNL_SET_NAME, d->map);
        if (to)
                ruleset_element(&none, set, &d->key, sizeof d->key, 0, NFT_GOTO, ruleset_name(&none, d->chain, chain));
        b->error = none.error ? none.error : b->error;
        batch_elements(b, to ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, set);
        nftnl_set_free(set);
}

static bool same_map(const struct door *a, const struct door *b) {
        return a->table == b->table && strcmp(a->map, b->map) == 0;
}

/* to: NULL to close. A packet sees all old elements or all new ones. */
static void turn_doors(const struct kernel_rules *k, struct batch *b, const struct ruleset *to) {
        for (const struct door *d = doors; d->map; d++)
                if (k->standing && k->generation.generation && (d == doors || !same_map(d, d - 1)))
                        door_element(k, b, d, NULL);
        for (const struct door *d = doors; to && d->map; d++)
                door_element(k, b, d, to);
}

/* The transaction after which the doors lead to *next, which is made of p. 0 or -errno. */
static int prepare(struct kernel_rules *k, const struct network_policy *p, struct ruleset *next, struct batch *b) {
        ruleset_init(next, k->table, k->last_generation + 1);
        next->last_set_id = 1000; /* apart from those of the standing sets */
        compile_generation(next, p);
        if (next->error) {
                int error = next->error;
                ruleset_clear(next);
                return error;
        }
        batch_begin(b);
        if (!k->standing)
                add_tables(k, b);
        batch_add(b, next);
        turn_doors(k, b, next);
        if (k->generation.generation)
                batch_remove(b, &k->generation);
        return 0;
}

int kernel_rules_try(struct kernel_rules *k, const struct network_policy *p) {
        struct batch b;
        struct ruleset next;
        int r = prepare(k, p, &next, &b);
        if (r < 0)
                return r;
        ruleset_clear(&next);
        return batch_try(&b, k->socket);
}

int kernel_rules_load(struct kernel_rules *k, const struct network_policy *p) {
        struct batch b;
        struct ruleset next;
        int r = prepare(k, p, &next, &b);
        if (r < 0)
                return r;
        r = batch_send(&b, k->socket, NULL);
        if (r < 0) {
                ruleset_clear(&next);
                return r;
        }
        k->standing = true;
        ruleset_clear(&k->generation);
        k->generation = next;
        k->last_generation = next.generation;
        return 0;
}

int kernel_rules_rebuild(struct kernel_rules *k, const struct network_policy *p) {
        struct batch b;
        struct ruleset next;
        ruleset_init(&next, k->table, k->last_generation + 1);
        next.last_set_id = 1000;
        if (p)
                compile_generation(&next, p);
        batch_begin(&b);
        for (int t = 0; t < TABLES; t++) {
                batch_table(&b, NFT_MSG_NEWTABLE, table_family[t], k->table, 0);
                batch_table(&b, NFT_MSG_DELTABLE, table_family[t], k->table, 0);
        }
        add_tables(k, &b);
        if (next.error)
                b.error = next.error;
        else
                batch_add(&b, &next);
        for (const struct door *d = doors; p && d->map; d++)
                door_element(k, &b, d, &next);
        kernel_attach_again(k, &b);
        int r = batch_send(&b, k->socket, NULL);
        if (r < 0) {
                ruleset_clear(&next);
                return r;
        }
        k->standing = true;
        k->last_generation = next.generation;
        ruleset_clear(&k->generation);
        if (!p)
                next.generation = 0;
        k->generation = next;
        return 0;
}

int kernel_rules_shut(struct kernel_rules *k) {
        struct batch b;
        if (!k->standing || !k->generation.generation)
                return kernel_rules_stand(k);
        batch_begin(&b);
        turn_doors(k, &b, NULL);
        batch_remove(&b, &k->generation);
        int r = batch_send(&b, k->socket, NULL);
        if (r == 0) {
                ruleset_clear(&k->generation);
                ruleset_init(&k->generation, k->table, 0);
        }
        return r;
}

int kernel_rules_remove(struct kernel_rules *k, const char *table) {
        struct batch b;
        if (!kernel_has_table(table))
                return 0;
        batch_begin(&b);
        for (int t = 0; t < TABLES; t++) {
                /* Made first where it is missing, since only what is there can be deleted. */
                batch_table(&b, NFT_MSG_NEWTABLE, table_family[t], table, 0);
                batch_table(&b, NFT_MSG_DELTABLE, table_family[t], table, 0);
        }
        int r = batch_send(&b, k->socket, NULL);
        if (r == 0 && strcmp(table, k->table) == 0) {
                k->standing = false;
                k->n_attached = 0;
                ruleset_clear(&k->generation);
                ruleset_init(&k->generation, k->table, 0);
        }
        return r;
}
