/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is loaded in this network namespace, against what a policy means: for people and inspections, not for
 * sekisho-netd, which looks for itself (kernel_rules_verify()).
 *
 * Owned by agent/network; sekishoctl asks. Changes nothing. Needs CAP_NET_ADMIN, as reading nf_tables does.
 */
#pragma once

#include <sekisho/policy.h>

enum network_fault {
        NETWORK_NO_TABLES,      /* detail: "": nothing of ours is loaded */
        NETWORK_LEFT_BEHIND,    /* "": sekisho-netd does not hold them; the copy that it left does */
        NETWORK_RULE_MISSING,   /* the rule, chain, set or element */
        NETWORK_RULE_FOREIGN,   /* likewise; nobody called for it */
        NETWORK_INTERFACE_UP,   /* its name: it is not listed, and up */
        NETWORK_INTERFACE_OPEN, /* its name: it has no chain where its frames leave */
        NETWORK_FAULT_MAX
};

/* Calls each for everything that is not as p says. Number of faults, 0: all is as it says; -EPERM; other -errno. */
int network_check(const struct network_policy *p,
                  void (*each)(enum network_fault fault, const char *detail, void *userdata), void *userdata);
