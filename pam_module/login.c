/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "ipc/agent_interface.h"
#include "otpd.h"

#define GUARD_TIMEOUT_USEC 2000000u
#define GUARD_FRESH_USEC   1000000u

static void json_p(json_t **j) {
        json_decref(*j);
}

static const struct login_rule *rule_of(const struct policy *p, const struct verdict *v) {
        for (uint32_t i = 0; v->rule && i < p->login.n_rules; i++)
                if (strcmp(p->login.rules[i].id, v->rule) == 0)
                        return &p->login.rules[i];
        return NULL;
}

/* Whether a code has ever been verified for this account; what is damaged counts as such. */
static bool was_enrolled(const struct otpd *o, const struct account *a) {
        if (!a->known)
                return false;
        if (o->vault_error < 0)
                return true; /* nobody knows: deny */
        struct vault_user u;
        const struct seal_owner owner = { a->uid, a->name };
        int r = vault_user_open(&o->vault, &owner, &u);
        if (r == VAULT_UNKNOWN)
                return false;
        if (r >= 0)
                vault_user_close(&u);
        return r != VAULT_PENDING;
}

static bool enrolment_is_open(const struct otpd *o) {
        const struct login_policy *p = &o->active.policy->login;
        return p->enrolment_by == ENROLMENT_SELF && time_now(&o->time) < p->enrolment_until;
}

/* Without a policy whoever is enrolled needs a code, and the others, among them the account for emergencies, are let
 * in: nobody can look up any more who was exempt. */
static enum demand demand_of(struct otpd *o, struct login *l) {
        const struct verdict *v = &l->verdict;
        if (!v->enforce || v->action == ACTION_EXEMPT)
                return DEMAND_NOTHING;
        if (v->action != ACTION_REQUIRED)
                return DEMAND_REFUSE;
        bool no_policy = o->active.from == FROM_BUILTIN;
        if (!no_policy && !enrolment_is_open(o))
                return DEMAND_CODE;
        if (was_enrolled(o, &l->account))
                return DEMAND_CODE;
        l->enrolment_open = !no_policy;
        l->break_glass = no_policy;
        return DEMAND_NOTHING;
}

int login_judge(struct otpd *o, const struct login_request *q, struct login *ret) {
        struct login l = { .request = q };
        active_refresh(o);
        int r = account_find(o, q->user, &l.account);
        if (r < 0)
                return r;

        const struct facts f = { .kind = FACTS_LOGIN,
                                 .login = {
                                         .user = l.account.name,
                                         .service = q->service,
                                         .groups = { (const char *const *) l.account.groups, l.account.n_groups } } };
        struct context c = { .now = time_now(&o->time) };
        (void) time_local(c.now, &c.weekday, &c.minute);
        decide(o->active.policy, &f, &c, &l.verdict);
        l.rule = rule_of(o->active.policy, &l.verdict);
        l.demand = demand_of(o, &l);
        /* An exemption of people, not of a service like cron, is the way in for emergencies. */
        if (l.verdict.enforce && l.verdict.action == ACTION_EXEMPT && l.rule && (l.rule->users.n || l.rule->groups.n))
                l.break_glass = true;
        *ret = l;
        return 0;
}

bool login_asks_strangers(struct otpd *o, const struct login_request *q) {
        const struct facts f = { .kind = FACTS_LOGIN, .login = { .user = "", .service = q->service } };
        struct context c = { .now = time_now(&o->time) };
        struct verdict v;
        (void) time_local(c.now, &c.weekday, &c.minute);
        decide(o->active.policy, &f, &c, &v);
        return v.enforce && v.action != ACTION_EXEMPT;
}

void login_clear(struct login *l) {
        account_clear(&l->account);
}

static bool ask_agent(const struct otpd *o) {
        CLEANUP(ipc_client_freep) struct ipc_client *c = NULL;
        CLEANUP(json_p) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        uid_t peer = (uid_t) -1;
        if (ipc_client_connect_at(&o->root, AGENT_SOCKET, GUARD_TIMEOUT_USEC, &c) < 0 ||
            ipc_client_peer(c, &peer) < 0 || (peer != 0 && peer != geteuid()) ||
            ipc_client_call(c, AGENT_METHOD(AGENT_GET_STATUS), NULL, &reply, &error) != 0)
                return false;
        return json_is_true(json_object_get(reply, "enforcing"));
}

bool login_guard_enforces(struct otpd *o) {
        uint64_t now = time_boot_usec(&o->time);
        if (o->guard_asked_usec == 0 || now - o->guard_asked_usec > GUARD_FRESH_USEC) {
                o->guard_enforcing = ask_agent(o);
                o->guard_asked_usec = time_boot_usec(&o->time);
        }
        return o->guard_enforcing;
}
