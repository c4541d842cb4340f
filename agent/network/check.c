/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel.h"
#include "links.h"
#include "names.h"

struct check {
        const struct network_policy *policy;
        struct kernel_rules rules;
        void (*each)(enum network_fault fault, const char *detail, void *userdata);
        void *userdata;
        int faults;
};

static void tell(struct check *c, enum network_fault fault, const char *detail) {
        c->faults++;
        c->each(fault, detail, c->userdata);
}

static void on_difference(char sign, const char *line, void *userdata) {
        tell(userdata, sign == '-' ? NETWORK_RULE_MISSING : NETWORK_RULE_FOREIGN, line);
}

/* As sekisho-netd decides it; it calls too for links that are only announced. */
static bool is_listed(const struct network_policy *p, const struct link *l) {
        if (p->mode == MODE_OBSERVE && p->interfaces_allow.n == 0)
                return l->type == ARPHRD_ETHER && !l->virtual;
        return link_is_listed(l, &p->interfaces_allow);
}

static void on_link(struct link *l, bool gone, void *userdata) {
        struct check *c = userdata;
        bool enforce = c->policy->mode != MODE_OBSERVE, listed = is_listed(c->policy, l);
        if (gone || l->flags & IFF_LOOPBACK || (!enforce && !listed))
                return;
        if (!listed && l->flags & IFF_UP)
                tell(c, NETWORK_INTERFACE_UP, l->name);
        struct kernel_rules *k = &c->rules;
        if (k->n_attached == ATTACHED_MAX) {
                tell(c, NETWORK_INTERFACE_OPEN, l->name);
                return;
        }
        struct attached *a = &k->attached[k->n_attached++];
        *a = (struct attached){ .index = l->index,
                                .how = !listed   ? ATTACHED_REFUSED
                                       : enforce ? ATTACHED_GUARDED
                                                 : ATTACHED_OBSERVED };
        (void) snprintf(a->name, sizeof a->name, "%s", l->name);
        if (l->type == ARPHRD_ETHER)
                a->mac = l->address;
}

static int check_tables(struct check *c, const char *table) {
        int r = kernel_rules_open(&c->rules, table, false, -1);
        if (r < 0)
                return r;
        struct links links;
        c->rules.n_attached = 0; /* what ought to be, not what is */
        r = links_open(&links, on_link, c);
        if (r == 0) {
                links_close(&links);
                r = kernel_rules_verify(&c->rules, c->policy, on_difference, c);
        }
        kernel_rules_close(&c->rules);
        return r < 0 ? r : 0;
}

int network_check(const struct network_policy *p,
                  void (*each)(enum network_fault fault, const char *detail, void *userdata), void *userdata) {
        struct check c = { .policy = p, .each = each, .userdata = userdata };
        bool held = kernel_has_table(NETWORK_TABLE), left = !held && kernel_has_table(NETWORK_TABLE_LEFT);
        if (left)
                tell(&c, NETWORK_LEFT_BEHIND, "");
        else if (!held)
                tell(&c, NETWORK_NO_TABLES, "");
        int r = held || left ? check_tables(&c, held ? NETWORK_TABLE : NETWORK_TABLE_LEFT) : 0;
        return r < 0 ? r : c.faults;
}
