/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections, pastes and logins. A site has tens of such rules, not thousands, and their keys are prefixes and
 * lists, which do not hash; so both decide() and decide_linear() walk them. Expiry does not touch them: listed paths
 * stay, so that work goes on (architecture.md, "When something breaks"). */
#include "judge.h"

#include <string.h>
#include <strings.h>

static bool prefix_contains(const struct prefix *p, const struct prefix *address) {
        unsigned bits = p->family == 4 ? 32 : 128;
        if (p->family != address->family || p->length > bits || address->length != bits)
                return false;

        size_t whole = p->length / 8;
        unsigned rest = p->length % 8;
        if (memcmp(p->address, address->address, whole) != 0)
                return false;
        return rest == 0 || ((p->address[whole] ^ address->address[whole]) >> (8 - rest)) == 0;
}

static bool prefixes_match(const struct network_rule *r, const struct prefix *address) {
        for (uint32_t i = 0; i < r->n_prefixes; i++)
                if (prefix_contains(&r->prefixes[i], address))
                        return true;
        return false;
}

static bool ports_match(const struct network_rule *r, uint16_t port) {
        if (r->n_ports == 0)
                return true;
        for (uint32_t i = 0; i < r->n_ports; i++)
                if (port >= r->ports[i].first && port <= r->ports[i].last)
                        return true;
        return false;
}

static bool next_hops_match(const struct network_rule *r, const struct connect_facts *f) {
        if (r->n_next_hops == 0)
                return true;
        if (!f->has_next_hop)
                return false;
        for (uint32_t i = 0; i < r->n_next_hops; i++)
                if (memcmp(r->next_hops[i].octets, f->next_hop.octets, sizeof f->next_hop.octets) == 0)
                        return true;
        return false;
}

static const char *network_rule_mismatch(const struct network_rule *r, const struct connect_facts *f) {
        if (!prefixes_match(r, &f->address))
                return f->inbound ? "from" : "to";
        if (r->protocol != f->protocol)
                return "protocol";
        if (!ports_match(r, f->port))
                return "ports";
        if (!next_hops_match(r, f))
                return "next-hop";
        return NULL;
}

static bool is_loopback(const struct prefix *address) {
        static const uint8_t loopback6[16] = { [15] = 1 };
        return address->family == 4
                       ? address->address[0] == 127
                       : address->family == 6 && memcmp(address->address, loopback6, sizeof loopback6) == 0;
}

/* Asked as the policy names it: by name, or by mac:ADDRESS. */
static bool interface_is_listed(const struct network_policy *n, const char *name) {
        int (*compare)(const char *, const char *) = strncmp(name, "mac:", 4) == 0 ? strcasecmp : strcmp;
        for (uint32_t i = 0; i < n->interfaces_allow.n; i++)
                if (compare(n->interfaces_allow.list[i], name) == 0)
                        return true;
        return false;
}

/* What no rule is asked about. */
static bool connect_without_rules(const struct policy *p, const struct connect_facts *f, struct verdict *v) {
        if (is_loopback(&f->address))
                verdict_without_rule(v, ACTION_ALLOW, REASON_LOOPBACK);
        else if (f->interface && !interface_is_listed(&p->network, f->interface))
                verdict_without_rule(v, ACTION_BLOCK, REASON_INTERFACE);
        else
                return false;
        return true;
}

void judge_connect(const struct policy *p, const struct connect_facts *f, const struct listener *l, struct verdict *v) {
        const struct network_rule *rules = f->inbound ? p->network.inbound : p->network.rules;
        uint32_t n = f->inbound ? p->network.n_inbound : p->network.n_rules;
        if (connect_without_rules(p, f, v))
                return;
        for (uint32_t i = 0; i < n; i++) {
                const char *mismatch = network_rule_mismatch(&rules[i], f);
                listener_tell(l, rules[i].id, rules[i].line, mismatch);
                if (!mismatch) {
                        verdict_by_rule(v, ACTION_ALLOW, REASON_RULE, rules[i].id, rules[i].note, rules[i].line);
                        return;
                }
        }
        verdict_by_default(v, p, p->network.default_action == ACTION_ALLOW ? ACTION_ALLOW : ACTION_BLOCK);
}

/* Index of the zone, n_zones when there is none of that name. */
static uint32_t find_zone(const struct clipboard_policy *c, const char *id) {
        uint32_t i = 0;
        while (i < c->n_zones && (!id || strcmp(c->zones[i].id, id) != 0))
                i++;
        return i;
}

static const char *flow_mismatch(const struct clipboard_policy *c, const struct clipboard_flow *flow, uint32_t from,
                                 uint32_t to, uint32_t types) {
        if (flow->from != from || from >= c->n_zones)
                return "from";
        if (flow->to != to || to >= c->n_zones)
                return "to";
        if (types & ~flow->types)
                return "allow";
        return NULL;
}

/* The first flow between the two zones that lists all types of the content decides. When there are flows between
 * them, but none lists the types, that is the reason; it names the first of them. A flow has no id: its line tells
 * which one it was. */
void judge_paste(const struct policy *p, const struct paste_facts *f, const struct listener *l, struct verdict *v) {
        const struct clipboard_policy *c = &p->clipboard;
        uint32_t from = find_zone(c, f->from), to = find_zone(c, f->to);
        const struct clipboard_flow *other_type = NULL;
        for (uint32_t i = 0; i < c->n_flows; i++) {
                const struct clipboard_flow *flow = &c->flows[i];
                const char *mismatch = flow_mismatch(c, flow, from, to, f->types);
                listener_tell(l, NULL, flow->line, mismatch);
                if (!mismatch) {
                        enum reason reason = REASON_RULE;
                        if (f->bytes > flow->max_bytes)
                                reason = REASON_TOO_LARGE;
                        else if (f->has_my_number && flow->my_number_block)
                                reason = REASON_MY_NUMBER;
                        verdict_by_rule(v, reason == REASON_RULE ? ACTION_ALLOW : ACTION_BLOCK, reason, NULL,
                                        flow->note, flow->line);
                        return;
                }
                if (!other_type && strcmp(mismatch, "allow") == 0)
                        other_type = flow;
        }
        if (other_type)
                verdict_by_rule(v, ACTION_BLOCK, REASON_TYPE_NOT_LISTED, NULL, other_type->note, other_type->line);
        else
                verdict_by_default(v, p, c->default_action == ACTION_ALLOW ? ACTION_ALLOW : ACTION_BLOCK);
}

static bool strings_contain(const struct strings *s, const char *value) {
        for (uint32_t i = 0; value && i < s->n; i++)
                if (strcmp(s->list[i], value) == 0)
                        return true;
        return false;
}

static bool strings_meet(const struct strings *a, const struct strings *b) {
        for (uint32_t i = 0; i < b->n; i++)
                if (strings_contain(a, b->list[i]))
                        return true;
        return false;
}

static const char *login_rule_mismatch(const struct login_rule *r, const struct login_facts *f,
                                       const struct context *c) {
        if (r->services.n > 0 && !strings_contain(&r->services, f->service))
                return "services";
        if (r->users.n > 0 && !strings_contain(&r->users, f->user))
                return "users";
        if (r->groups.n > 0 && !strings_meet(&r->groups, &f->groups))
                return "groups";
        if (c->now >= r->until)
                return "until";
        return NULL;
}

/* The strictest reading of an action that has no meaning here. */
static enum action login_action(enum action a) {
        return a == ACTION_REQUIRED || a == ACTION_EXEMPT ? a : ACTION_BLOCK;
}

/* Hours are a window in which those whom the rule means may log in at all: outside it even the second factor does not
 * help. A rule past its `until` is gone; the next ones are asked. */
void judge_login(const struct policy *p, const struct login_facts *f, const struct context *c, const struct listener *l,
                 struct verdict *v) {
        for (uint32_t i = 0; i < p->login.n_rules; i++) {
                const struct login_rule *r = &p->login.rules[i];
                const char *mismatch = login_rule_mismatch(r, f, c);
                listener_tell(l, r->id, r->line, mismatch);
                if (mismatch)
                        continue;

                enum action action = login_action((enum action) r->action);
                enum reason reason = REASON_RULE;
                if (action != ACTION_BLOCK && !hours_contain(&r->hours, c)) {
                        action = ACTION_BLOCK;
                        reason = REASON_OUTSIDE_HOURS;
                }
                verdict_by_rule(v, action, reason, r->id, r->note, r->line);
                return;
        }
        verdict_by_default(v, p, login_action(p->login.default_action));
}
