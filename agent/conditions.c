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

const char *condition_not_held(const struct policy *p, const struct verdict *v) {
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
        return NULL;
}
