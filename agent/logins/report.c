/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *login_verdict_name(enum login_verdict v) {
        static const char *const names[LOGIN_MAX] = { "shut",   "program", "unused",     "root-only", "two-factors",
                                                      "exempt", "unknown", "one-factor", "no-factor" };
        return (unsigned) v < LOGIN_MAX ? names[v] : NULL;
}

const char *login_kind_name(enum login_kind k) {
        static const char *const names[LOGIN_KIND_MAX] = { "pam", "sshd", "sudo", "autologin" };
        return (unsigned) k < LOGIN_KIND_MAX ? names[k] : NULL;
}

const char *login_proof_name(unsigned n) {
        return n < 8 ? proof_name((enum proof)(1 << n)) : NULL;
}

bool login_falls_short(enum login_verdict v) {
        return v >= LOGIN_UNKNOWN;
}

struct login_entry *report_entry(struct report_builder *b, enum login_kind kind, const char *name, const char *file) {
        struct login_report *r = &b->report;
        if (text_grow((void **) &r->entries, r->n, sizeof *r->entries) < 0)
                return NULL;
        struct login_entry *e = &r->entries[r->n];
        *e = (struct login_entry){ .kind = kind,
                                   .name = pool_copy(&b->pool->pool, name, strlen(name)),
                                   .file = pool_copy(&b->pool->pool, file, strlen(file)) };
        if (!e->name || !e->file)
                return NULL;
        r->n++;
        return e;
}

int report_way(struct login_entry *e, const struct login_way *way) {
        int r = text_grow((void **) &e->ways, e->n_ways, sizeof *e->ways);
        if (r < 0)
                return r;
        e->ways[e->n_ways++] = *way;
        if (way->verdict > e->verdict)
                e->verdict = way->verdict;
        return 0;
}

/* The worst first; among equals, by what they take. */
static int by_weight(const void *a, const void *b) {
        const struct login_way *x = a, *y = b;
        if (x->verdict != y->verdict)
                return x->verdict < y->verdict ? 1 : -1;
        if (x->proofs != y->proofs)
                return x->proofs < y->proofs ? -1 : 1;
        return strcmp(x->when ? x->when : "", y->when ? y->when : "");
}

void report_sort(struct login_entry *e) {
        if (e->n_ways > 1)
                qsort(e->ways, e->n_ways, sizeof *e->ways, by_weight);
}

void report_place(struct login_way *w, const char *file, unsigned line, const char *what) {
        if (w->n_places < LOGIN_PLACES_MAX)
                w->places[w->n_places++] = (struct login_place){ .file = file, .what = what, .line = line };
}

void report_trouble(struct login_entry *e, const char *code) {
        e->trouble = code;
        if (e->verdict < LOGIN_UNKNOWN)
                e->verdict = LOGIN_UNKNOWN;
}

void logins_clear(struct login_report *r) {
        for (size_t i = 0; i < r->n; i++)
                free(r->entries[i].ways);
        free(r->entries);
        if (r->pool)
                pool_clear(&r->pool->pool);
        free(r->pool);
        *r = (struct login_report){ .n = 0 };
}

enum login_verdict judge_way(const struct report_builder *b, const struct service_policy *p, uint32_t proofs,
                             uint32_t when, const char **ret_exempt) {
        *ret_exempt = NULL;
        if (__builtin_popcount(proofs & ~(uint32_t) PROOF_OTHER) >= 2)
                return LOGIN_TWO;
        if (when & CONDITION_ROOT)
                return LOGIN_ROOT;
        if (p->exempt || ((when & CONDITION_EXEMPT) && !p->some_falls_short)) {
                *ret_exempt = p->exempt ? p->exempt : p->some;
                return LOGIN_EXEMPT;
        }
        if ((proofs & PROOF_OTHER) || ((when & CONDITION_EMPTY) && b->passwords_unknown))
                return LOGIN_UNKNOWN;
        return proofs == 0 ? LOGIN_NONE : LOGIN_ONE;
}

/* The conditions of a mask, joined by "; ". NULL in *ret: none. */
static int words_of(const struct report_builder *b, const struct service_policy *p, const struct pam_stack *s,
                    uint32_t mask, const char **ret) {
        char *all = NULL;
        for (unsigned i = 0; i < CONDITIONS_MAX; i++) {
                if (!(mask & 1u << i))
                        continue;
                const char *words = 1u << i == CONDITION_ROOT       ? "caller-is-root"
                                    : 1u << i == CONDITION_EXEMPT   ? (p->some ? p->some : "exempt")
                                    : 1u << i == CONDITION_EMPTY    ? (b->empty ? b->empty : "empty-password")
                                    : 1u << i == CONDITION_UNLISTED ? "not-enrolled-there"
                                                                    : s->conditions[i];
                all = pool_format(&b->pool->pool, "%s%s%s", all ? all : "", all ? "; " : "", words);
                if (!all)
                        return -ENOMEM;
        }
        *ret = all;
        return 0;
}

int way_of_pam(const struct report_builder *b, const struct service_policy *p, const struct pam_stack *s,
               const struct pam_way *from, struct login_way *ret) {
        struct login_way w = { .proofs = from->proofs };
        w.verdict = judge_way(b, p, from->proofs, from->when, &w.exempt);
        int r = words_of(b, p, s, from->when, &w.when);
        if (r == 0)
                r = words_of(b, p, s, from->unless, &w.unless);
        for (size_t i = 0; i < from->n_through && r == 0; i++) {
                const struct pam_entry *e = from->through[i];
                const char *file = pool_copy(&b->pool->pool, e->file, strlen(e->file));
                const char *what = e->module ? pool_copy(&b->pool->pool, e->module, strlen(e->module)) : "";
                if (!file || !what)
                        r = -ENOMEM;
                else
                        report_place(&w, file, e->line, what);
        }
        if (r == 0)
                *ret = w;
        return r;
}
