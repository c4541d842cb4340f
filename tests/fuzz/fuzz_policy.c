/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy_parse() on any bytes: what is accepted is whole, what is refused has a reason, and a failed allocation is an
 * error like any other. */
#include <errno.h>
#include <sekisho/policy.h>
#include <sekisho/terminal.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#undef NDEBUG
#include "same_tokens.h"
#include <assert.h>

/* The library's allocations; the one whose turn it is fails. -1: none does. */
static long countdown = -1, allocations;

static bool fails(void) {
        allocations++;
        return countdown >= 0 && countdown-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size) {
        return fails() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size) {
        return fails() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t size) {
        return fails() ? NULL : __real_realloc(p, size);
}
void *__wrap_reallocarray(void *p, size_t n, size_t size) {
        return fails() ? NULL : __real_reallocarray(p, n, size);
}
char *__wrap_strdup(const char *s) {
        return fails() ? NULL : __real_strdup(s);
}

static void check_string(const char *s) {
        assert(s && strlen(s) > 0 && strlen(s) < 4096);
        for (; *s; s++)
                assert((unsigned char) *s >= 0x20);
}

static void check_note(const char *note) {
        if (note)
                check_string(note);
}

static void check_strings(const struct strings *s) {
        for (uint32_t i = 0; i < s->n; i++)
                check_string(s->list[i]);
}

static void check_hours(const struct hours *h) {
        for (uint32_t i = 0; i < h->n; i++) {
                assert(h->list[i].days > 0 && h->list[i].days < 128);
                assert(h->list[i].start < 1440 && h->list[i].end <= 1440 && h->list[i].start != h->list[i].end);
        }
}

static void check_devices(const struct device_policy *d) {
        assert(d->mode < MODE_MAX && d->keyboards < KEYBOARDS_MAX);
        assert(d->default_action == ACTION_ALLOW || d->default_action == ACTION_BLOCK);
        assert(d->index);
        for (uint32_t i = 0; i < d->n_rules; i++) {
                const struct device_rule *r = &d->rules[i];
                check_string(r->id);
                check_note(r->note);
                check_strings(&r->users);
                check_hours(&r->hours);
                assert(r->line > 0 && r->buses < 1u << BUS_MAX && r->classes < 1u << CLASS_MAX);
                assert(r->has_vendor || !r->has_product);
                assert(r->action == ACTION_ALLOW || r->action == ACTION_BLOCK || r->action == ACTION_READ_ONLY);
                assert(action_from_name(action_name(r->action)) == (enum action) r->action);
                assert(r->encrypted == ENCRYPTED_ANY || (r->classes & CLASS_BIT(CLASS_STORAGE)));
                /* Nothing opens for every device. */
                assert(r->action == ACTION_BLOCK || r->buses || r->classes || r->has_vendor || r->serial ||
                       r->descriptors);
                if (r->serial)
                        assert(strlen(r->serial) < DEVICE_TEXT_MAX);
        }
}

static void check_network(const struct network_rule *rules, uint32_t n) {
        for (uint32_t i = 0; i < n; i++) {
                const struct network_rule *r = &rules[i];
                bool icmp = r->protocol == PROTOCOL_ICMP || r->protocol == PROTOCOL_ICMPV6;
                check_string(r->id);
                check_note(r->note);
                assert(protocol_from_name(protocol_name(r->protocol)) == r->protocol);
                assert(r->n_prefixes > 0 && icmp == (r->n_ports == 0));
                for (uint32_t k = 0; k < r->n_prefixes; k++)
                        assert((r->prefixes[k].family == 4 && r->prefixes[k].length <= 32) ||
                               (r->prefixes[k].family == 6 && r->prefixes[k].length <= 128));
                for (uint32_t k = 0; k < r->n_ports; k++)
                        assert(r->ports[k].first > 0 && r->ports[k].first <= r->ports[k].last);
                for (uint32_t k = 0; k < r->n_next_hops; k++)
                        assert((r->next_hops[k].octets[0] & 1) == 0);
        }
}

static void check_clipboard(const struct clipboard_policy *c) {
        for (uint32_t i = 0; i < c->n_zones; i++) {
                check_string(c->zones[i].id);
                check_note(c->zones[i].note);
                assert(c->zones[i].programs.n > 0);
                check_strings(&c->zones[i].programs);
        }
        for (uint32_t i = 0; i < c->n_flows; i++) {
                assert(c->flows[i].from < c->n_zones && c->flows[i].to < c->n_zones);
                assert(c->flows[i].types > 0 && c->flows[i].types < 1u << FLOW_TYPE_MAX);
                assert(c->flows[i].max_bytes > 0);
        }
}

static void check_login(const struct policy *p) {
        const struct login_policy *l = &p->login;
        assert(l->totp_digits >= 6 && l->totp_digits <= 8 && l->totp_period >= 15);
        assert(l->throttle_stop_after > l->throttle_free);
        assert(l->enrolment_by == ENROLMENT_ADMIN || l->enrolment_until > p->header.issued);
        for (uint32_t i = 0; i < l->n_rules; i++) {
                const struct login_rule *r = &l->rules[i];
                check_string(r->id);
                check_note(r->note);
                check_strings(&r->services);
                check_strings(&r->users);
                check_strings(&r->groups);
                check_strings(&r->escort);
                check_hours(&r->hours);
                assert(r->until > p->header.issued);
                assert(r->action == ACTION_REQUIRED || r->action == ACTION_EXEMPT || r->action == ACTION_BLOCK);
                assert(r->action != ACTION_EXEMPT || r->services.n || r->users.n || r->groups.n);
        }
        check_strings(&l->guard_except);
}

static void check_policy(const struct policy *p) {
        check_string(p->header.fleet);
        assert(p->header.serial >= 1 && p->header.serial < UINT64_C(1) << 53);
        assert(p->header.expires > p->header.issued && p->header.target.n > 0);
        check_strings(&p->header.target);
        assert(p->contact && mode_name(p->mode));
        check_devices(&p->devices);
        check_network(p->network.rules, p->network.n_rules);
        check_network(p->network.inbound, p->network.n_inbound);
        check_clipboard(&p->clipboard);
        check_login(p);
        assert(p->audit.retain_days > 0 && p->audit.reserve >= 1u << 20 && p->audit.send < 1u << SINK_MAX);
}

static int no_change(const struct policy_change *c, void *userdata) {
        (void) c, (void) userdata;
        return 1;
}

static void check_problems(const struct problems *p) {
        assert(p->n <= PROBLEMS_MAX && p->n + p->n_dropped >= p->n_errors);
        for (size_t i = 0; i < p->n; i++) {
                char *text = NULL;
                assert(p->list[i].severity < SEVERITY_MAX && p->list[i].path && p->list[i].message);
                assert(problem_format(&p->list[i], "F", &text) == 0);
                for (const char *s = text; *s; s++) /* nothing in it can move a cursor */
                        assert((unsigned char) *s >= 0x20);
                free(text);
        }
}

static int parse(const char *bytes, size_t size) {
        struct problems problems = { 0 };
        struct policy *policy = NULL;
        int r = policy_parse(bytes, size, &problems, &policy);
        assert((r == 0) == (policy != NULL));
        if (r != -ENOMEM) {
                assert(r == 0 ? problems.n_errors == 0 : r == 1 && problems.n_errors > 0);
                check_problems(&problems);
        }
        if (policy) {
                check_policy(policy);
                countdown = -1;
                assert(policy_diff(policy, policy, no_change, NULL) == 0);
        }
        problems_clear(&problems);
        (void) policy_free(policy);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *bytes = (const char *) data;
        countdown = -1;
        assert(compare_readers(bytes, size) != DIFFERENT);
        allocations = 0;
        int first = parse(bytes, size);
        assert(first != -ENOMEM);

        /* Which allocation fails follows from the input: the same file always fails in the same place. */
        unsigned long hash = 5381;
        for (size_t i = 0; i < size; i++)
                hash = hash * 33 + data[i];
        countdown = (long) (hash % (unsigned long) (allocations + 1));
        int second = parse(bytes, size);
        assert(second == first || second == -ENOMEM);
        countdown = -1;

        struct problems problems = { 0 };
        struct terminal *terminal = NULL;
        int r = terminal_parse(bytes, size, &problems, &terminal);
        assert(r == 0 ? terminal != NULL : r == 1 && problems.n_errors > 0);
        (void) terminal_free(terminal);
        problems_clear(&problems);
        return 0;
}
