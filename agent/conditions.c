/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conditions.h"

#include <string.h>

/* Rules stand in the order of their lines. */
static const struct device_rule *find_rule(const struct device_policy *d, const struct verdict *v) {
        uint32_t low = 0, high = d->n_rules;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (d->rules[middle].line < v->line)
                        low = middle + 1;
                else
                        high = middle;
        }
        /* Several may stand on one line. */
        for (uint32_t i = low; i < d->n_rules && d->rules[i].line == v->line; i++)
                if (strcmp(d->rules[i].id, v->rule) == 0)
                        return &d->rules[i];
        return NULL;
}

static bool has_stranger(const struct device_rule *rule, const struct device_facts *d) {
        for (size_t i = 0; i < d->n_interfaces; i++)
                if (!(interface_classes(d->interfaces[i]) & rule->classes))
                        return true;
        return false;
}

const char *condition_not_held(const struct policy *p, const struct device_facts *d, const struct verdict *v) {
        if (!v->enforce || !verdict_opens(v))
                return NULL;
        if (v->action == ACTION_READ_ONLY)
                return "read-only";
        if (!v->explicit_rule || !v->rule)
                return NULL;

        const struct device_rule *rule = find_rule(&p->devices, v);
        if (!rule)
                return "rule"; /* cannot be; what cannot be looked up is not opened */
        if (rule->users.n > 0)
                return "users";
        if (rule->encrypted != ENCRYPTED_ANY)
                return "encrypted";
        if (rule->interfaces != INTERFACES_ALL && has_stranger(rule, d))
                return "interfaces";
        return NULL;
}
