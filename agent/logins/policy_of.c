/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "report.h"

static bool contains(const struct strings *list, const char *s) {
        for (uint32_t i = 0; i < list->n; i++)
                if (strcmp(list->list[i], s) == 0)
                        return true;
        return false;
}

static bool is_about(const struct login_rule *r, const char *service, int64_t now) {
        return (r->services.n == 0 || contains(&r->services, service)) && r->until > now;
}

static bool is_for_all(const struct login_rule *r) {
        return r->users.n == 0 && r->groups.n == 0 && r->hours.n == 0;
}

static const char *join(struct pool *pool, const char *first, const char *second) {
        return first ? pool_format(pool, "%s, %s", first, second) : second;
}

/* Rules in their order, up to the first that is for everybody. */
struct service_policy policy_of(const struct policy *p, const char *service, int64_t now, struct pool *pool) {
        struct service_policy s = { .exempt = NULL };
        if (!p)
                return (struct service_policy){ .some = "no-policy", .some_falls_short = true };
        const struct login_policy *l = &p->login;
        for (uint32_t i = 0; i <= l->n_rules; i++) {
                const struct login_rule *r = i < l->n_rules ? &l->rules[i] : NULL;
                if (r && !is_about(r, service, now))
                        continue;
                bool exempts = (r ? r->action : l->default_action) == ACTION_EXEMPT, all = !r || is_for_all(r);
                if (exempts && all)
                        s.exempt = r ? r->id : "default";
                else if (exempts)
                        s.some = join(pool, s.some, r->id);
                if (all)
                        break;
        }
        if (l->enrolment_by == ENROLMENT_SELF && now < l->enrolment_until)
                s.some = join(pool, s.some, "enrolment");
        if (l->mode == MODE_OBSERVE && !s.exempt) {
                s.some = "observe";
                s.some_falls_short = true;
        }
        return s;
}

const char *policy_exempts(const struct policy *p, const char *service, const char *user, const char *group,
                           int64_t now) {
        if (!p)
                return NULL;
        const struct login_policy *l = &p->login;
        for (uint32_t i = 0; i < l->n_rules; i++) {
                const struct login_rule *r = &l->rules[i];
                if (!is_about(r, service, now))
                        continue;
                bool all = r->users.n == 0 && r->groups.n == 0;
                bool named = (user && contains(&r->users, user) && r->groups.n == 0) ||
                             (group && contains(&r->groups, group) && r->users.n == 0);
                if (!all && !named)
                        continue;
                return r->action == ACTION_EXEMPT && r->hours.n == 0 ? r->id : NULL;
        }
        return l->default_action == ACTION_EXEMPT ? "default" : NULL;
}
