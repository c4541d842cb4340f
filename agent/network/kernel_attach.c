/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces and their egress chains (kernel.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "kernel.h"
#include "names.h"

const struct attached *kernel_rules_attached(const struct kernel_rules *k, unsigned index) {
        for (size_t i = 0; i < k->n_attached; i++)
                if (k->attached[i].index == index)
                        return &k->attached[i];
        return NULL;
}

/* Into or out of the sets of both layers of the host. */
static void interface_element(const struct kernel_rules *k, struct batch *b, uint16_t command, unsigned index) {
        const struct set_type type = INTERFACES_SET_TYPE;
        struct ruleset one;
        ruleset_init(&one, k->table, 0);
        for (int t = TABLE_INET; t <= TABLE_ARP; t++) {
                one.family = table_family[t];
                struct nftnl_set *set = ruleset_set(&one, NETWORK_SET_INTERFACES, &type);
                uint32_t key = index;
                ruleset_element(&one, set, &key, sizeof key, 0, -1, NULL);
                if (one.error)
                        b->error = one.error;
                else
                        batch_elements(b, command, set);
        }
        ruleset_clear(&one);
}

/* whole: the chain too; else only its rules, in place of those that it has. */
static void add_chain(const struct kernel_rules *k, struct batch *b, const struct attached *a, bool whole) {
        struct ruleset rs;
        ruleset_init(&rs, k->table, 0);
        compile_interface(&rs, a);
        if (rs.error) {
                b->error = rs.error;
        } else if (whole) {
                batch_add(b, &rs);
        } else {
                batch_flush_chain(b, NFPROTO_NETDEV, k->table,
                                  nftnl_chain_get_str(rs.objects[OBJECT_CHAIN].list[0].chain, NFTNL_CHAIN_NAME));
                batch_add_rules(b, &rs);
        }
        ruleset_clear(&rs);
}

void kernel_attach_again(const struct kernel_rules *k, struct batch *b) {
        for (size_t i = 0; i < k->n_attached; i++) {
                add_chain(k, b, &k->attached[i], true);
                if (k->attached[i].how != ATTACHED_REFUSED)
                        interface_element(k, b, NFT_MSG_NEWSETELEM, k->attached[i].index);
        }
}

/* Whether it is there depends on the kernel, which takes the chain of an interface that goes along, or does not. */
static void remove_chain(struct kernel_rules *k, unsigned index) {
        struct batch b;
        struct ruleset rs;
        ruleset_init(&rs, k->table, 0);
        char name[NAME_SIZE];
        (void) snprintf(name, sizeof name, "egress-%u", index);
        rs.family = NFPROTO_NETDEV;
        ruleset_chain(&rs, name);
        batch_begin(&b);
        if (rs.error)
                b.error = rs.error;
        else
                batch_remove(&b, &rs);
        (void) batch_send(&b, k->socket, NULL);
        ruleset_clear(&rs);
}

static int send_element(struct kernel_rules *k, uint16_t command, unsigned index) {
        struct batch b;
        batch_begin(&b);
        interface_element(k, &b, command, index);
        int r = batch_send(&b, k->socket, NULL);
        return r == -ENOENT && command == NFT_MSG_DELSETELEM ? 0 : r;
}

/* The chain it has gets other rules. An interface leaves the sets before, and joins them after. */
static int change(struct kernel_rules *k, struct attached *old, const struct attached *a) {
        struct batch b;
        int r = a->how == ATTACHED_REFUSED ? send_element(k, NFT_MSG_DELSETELEM, a->index) : 0;
        if (r < 0)
                return r;
        batch_begin(&b);
        add_chain(k, &b, a, false);
        if (a->how != ATTACHED_REFUSED)
                interface_element(k, &b, NFT_MSG_NEWSETELEM, a->index);
        r = batch_send(&b, k->socket, NULL);
        if (r == 0)
                *old = *a;
        return r;
}

static bool same(const struct attached *a, const struct attached *b) {
        return a->how == b->how && strcmp(a->name, b->name) == 0 && memcmp(&a->mac, &b->mac, sizeof a->mac) == 0;
}

int kernel_rules_attach(struct kernel_rules *k, const struct attached *a) {
        struct attached *old = (struct attached *) (uintptr_t) kernel_rules_attached(k, a->index);
        if (old && same(old, a))
                return 0;
        if (old && strcmp(old->name, a->name) == 0 && change(k, old, a) == 0)
                return 0;
        int r = kernel_rules_detach(k, a->index); /* a chain may not have followed the interface to its new name */
        if (r < 0)
                return r;
        if (k->n_attached == ATTACHED_MAX)
                return -ENOSPC;
        struct batch b;
        batch_begin(&b);
        add_chain(k, &b, a, true);
        if (a->how != ATTACHED_REFUSED)
                interface_element(k, &b, NFT_MSG_NEWSETELEM, a->index);
        r = batch_send(&b, k->socket, NULL);
        if (r == 0)
                k->attached[k->n_attached++] = *a;
        return r;
}

int kernel_rules_detach(struct kernel_rules *k, unsigned index) {
        size_t i = 0;
        while (i < k->n_attached && k->attached[i].index != index)
                i++;
        if (i == k->n_attached)
                return 0;
        int r = send_element(k, NFT_MSG_DELSETELEM, index);
        if (r < 0)
                return r;
        remove_chain(k, index);
        k->attached[i] = k->attached[--k->n_attached];
        return 0;
}
