/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sshd asks for. A key never sees PAM's auth phase: what PAM says of it, it says when the session opens. Match
 * blocks are taken as if each might hold, in every combination. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sshd_file.h"

#define STEPS_MAX 64u /* ways that are followed at a time */

/* One effective configuration, and where each value comes from (NULL: sshd's default). */
struct effect {
        const struct sshd_setting *by[SSHD_KEY_MAX];
        bool on[SSHD_KEY_MAX];
        const char *methods;
        const char *name;
};

struct step {
        struct login_way way;
        bool interactive, usable;
};

static const bool defaults[SSHD_KEY_MAX] = { [SSHD_PUBKEY] = true, [SSHD_PASSWORD] = true, [SSHD_KBD] = true };

/* Blocks that hold: bits of held. What a block sets goes before what stands outside; within each, the first wins. */
static void effect_of(const struct sshd_config *c, unsigned held, struct effect *ret) {
        struct effect e = { .methods = "any" };
        memcpy(e.on, defaults, sizeof e.on);
        for (int inside = 1; inside >= 0; inside--)
                for (size_t i = 0; i < c->n; i++) {
                        const struct sshd_setting *s = &c->settings[i];
                        bool holds = inside ? s->block > 0 && (held & 1u << s->block) : s->block == 0;
                        if (holds && !e.by[s->key])
                                e.by[s->key] = s;
                }
        for (int k = 0; k < SSHD_KEY_MAX; k++)
                if (e.by[k])
                        e.on[k] = e.by[k]->on;
        if (e.by[SSHD_METHODS])
                e.methods = e.by[SSHD_METHODS]->value;
        *ret = e;
}

static const struct {
        const char *name;
        enum sshd_key key;
} methods[] = { { "publickey", SSHD_PUBKEY },
                { "password", SSHD_PASSWORD },
                { "keyboard-interactive", SSHD_KBD },
                { "hostbased", SSHD_HOSTBASED },
                { "gssapi-with-mic", SSHD_GSSAPI } };

static int place(struct report_builder *b, const struct effect *e, enum sshd_key key, const char *file,
                 struct login_way *w) {
        const struct sshd_setting *s = e->by[key];
        const char *value = s ? s->value : e->on[key] ? "yes" : "no";
        const char *what = pool_format(&b->pool->pool, "%s %s", sshd_key_names[key], value);
        if (!what)
                return -ENOMEM;
        report_place(w, s ? s->file : file, s ? s->line : 0, what);
        return 0;
}

struct context {
        struct report_builder *b;
        const struct sshd_pam *pam;
        const struct service_policy *policy;
        const struct effect *e;
        const char *file;
};

/* Each way so far, and then each way of PAM's. */
static size_t multiply(const struct context *c, const struct step *before, size_t n, bool interactive,
                       struct step *ret) {
        size_t made = 0;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < c->pam->n_auth && made < STEPS_MAX; k++) {
                        const struct login_way *pam = &c->pam->auth[k];
                        struct step s = before[i];
                        s.interactive = s.interactive || interactive;
                        s.way.proofs |= pam->proofs;
                        s.way.when = s.way.when ? s.way.when : pam->when;
                        s.way.unless = s.way.unless ? s.way.unless : pam->unless;
                        s.way.exempt = s.way.exempt ? s.way.exempt : pam->exempt;
                        /* PAM's own judgement stands, but for the factor that came before. */
                        s.way.verdict = pam->verdict;
                        for (size_t p = 0; p < pam->n_places; p++)
                                report_place(&s.way, pam->places[p].file, pam->places[p].line, pam->places[p].what);
                        ret[made++] = s;
                }
        return made;
}

/* After one more method. Its number of ways, or -ENOMEM. */
static ssize_t after(const struct context *c, enum sshd_key key, const struct step *before, size_t n,
                     struct step *ret) {
        if (!c->e->on[key])
                return 0;
        if (key == SSHD_KBD && !c->e->on[SSHD_USE_PAM])
                return 0; /* nothing else answers it */
        struct step placed[STEPS_MAX];
        for (size_t i = 0; i < n; i++) {
                placed[i] = before[i];
                if (place(c->b, c->e, key, c->file, &placed[i].way) < 0)
                        return -ENOMEM;
        }
        if (c->e->on[SSHD_USE_PAM] && (key == SSHD_KBD || key == SSHD_PASSWORD))
                return (ssize_t) multiply(c, placed, n, key == SSHD_KBD, ret);
        for (size_t i = 0; i < n; i++) {
                ret[i] = placed[i];
                ret[i].way.proofs |= key == SSHD_PASSWORD ? PROOF_PASSWORD : PROOF_KEY;
                ret[i].way.verdict = LOGIN_MAX; /* to be judged */
        }
        return (ssize_t) n;
}

static int finish(const struct context *c, const struct step *s, struct login_entry *entry) {
        struct login_way w = s->way;
        /* pam_sekisho lets no session open that was not asked for a code, but of those whom the policy exempts. */
        bool refused = !s->interactive && c->e->on[SSHD_USE_PAM] && c->pam->session_checks && !c->policy->exempt;
        if (refused && (w.proofs & ~(uint32_t) PROOF_KEY) == 0) {
                if (!c->policy->some)
                        return 0;
                w.when = w.when ? w.when : c->policy->some;
                const char *exempt;
                w.verdict = judge_way(c->b, c->policy, w.proofs, CONDITION_EXEMPT, &exempt);
                w.exempt = exempt;
                return report_way(entry, &w);
        }
        uint32_t known = w.proofs & ~(uint32_t) PROOF_OTHER;
        if (w.verdict == LOGIN_MAX || __builtin_popcount(known) >= 2)
                w.verdict = judge_way(c->b, c->policy, w.proofs, 0, &w.exempt);
        return report_way(entry, &w);
}

/* One list, "publickey,keyboard-interactive:pam". */
static int follow_list(const struct context *c, const char *list, size_t n, struct login_entry *entry) {
        struct step now[STEPS_MAX] = { { .way = { .verdict = LOGIN_MAX } } }, next[STEPS_MAX];
        size_t n_now = 1;
        for (size_t at = 0; at < n && n_now > 0;) {
                size_t length = 0;
                while (at + length < n && list[at + length] != ',')
                        length++;
                size_t bare = 0;
                while (bare < length && list[at + bare] != ':')
                        bare++;
                ssize_t got = 0;
                for (size_t m = 0; m < sizeof methods / sizeof *methods; m++)
                        if (strlen(methods[m].name) == bare && strncasecmp(methods[m].name, list + at, bare) == 0)
                                got = after(c, methods[m].key, now, n_now, next);
                if (got < 0)
                        return -ENOMEM;
                n_now = (size_t) got;
                memcpy(now, next, n_now * sizeof *now);
                at += length + 1;
        }
        int r = 0;
        for (size_t i = 0; i < n_now && r == 0; i++)
                r = finish(c, &now[i], entry);
        return r;
}

static int follow_all(const struct context *c, struct login_entry *entry) {
        int r = 0;
        if (strcasecmp(c->e->methods, "any") == 0) {
                for (size_t m = 0; m < sizeof methods / sizeof *methods && r == 0; m++)
                        r = follow_list(c, methods[m].name, strlen(methods[m].name), entry);
        } else {
                for (const char *s = c->e->methods; *s && r == 0;) {
                        size_t n = strcspn(s, " ");
                        if (n > 0) /* "" among the lists: sshd does not take it */
                                r = follow_list(c, s, n, entry);
                        s += n + (s[n] == ' ');
                }
        }
        if (r == 0 && c->e->on[SSHD_EMPTY] && c->e->on[SSHD_PASSWORD] && (c->b->empty || c->b->passwords_unknown)) {
                struct login_way w = { .when = c->b->empty ? c->b->empty : "empty-password" };
                r = place(c->b, c->e, SSHD_EMPTY, c->file, &w);
                w.verdict = judge_way(c->b, c->policy, 0, CONDITION_EMPTY, &w.exempt);
                if (r == 0 && !(c->e->on[SSHD_USE_PAM] && c->pam->n_auth > 0))
                        r = report_way(entry, &w);
        }
        return r;
}

/* Only what the configuration outside of Match has not already. */
static bool is_news(const struct login_entry *base, const struct login_entry *e) {
        for (size_t i = 0; i < e->n_ways; i++) {
                bool found = false;
                for (size_t k = 0; k < base->n_ways && !found; k++)
                        found = base->ways[k].proofs == e->ways[i].proofs &&
                                base->ways[k].verdict == e->ways[i].verdict;
                if (!found)
                        return true;
        }
        return e->n_ways != base->n_ways && e->verdict > base->verdict;
}

static const char *name_of(struct report_builder *b, const struct sshd_config *c, unsigned held) {
        const char *name = "sshd";
        for (unsigned i = 1; i <= c->n_blocks && name; i++)
                if ((held & 1u << i) && !c->blocks[i].always)
                        name = pool_format(&b->pool->pool, "%s%s%s", name,
                                           strcmp(name, "sshd") == 0 ? " Match " : " + ", c->blocks[i].criteria);
        return name;
}

static int check_combination(struct report_builder *b, const char *path, const struct sshd_pam *pam,
                             const struct service_policy *policy, const struct sshd_config *c, unsigned held,
                             size_t base) {
        struct effect e;
        effect_of(c, held, &e);
        const char *name = name_of(b, c, held);
        struct login_entry *entry = name ? report_entry(b, LOGIN_BY_SSHD, name, path) : NULL;
        if (!entry)
                return -ENOMEM;
        const struct context context = { b, pam, policy, &e, entry->file };
        int r = follow_all(&context, entry);
        report_sort(entry);
        if (pam->unclear && e.on[SSHD_USE_PAM])
                report_trouble(entry, "too-complex");
        if (r == 0 && b->report.n - 1 > base && !is_news(&b->report.entries[base], entry)) {
                free(entry->ways);
                b->report.n--;
        }
        return r;
}

int sshd_check(struct report_builder *b, const char *path, const struct sshd_pam *pam) {
        struct sshd_config c;
        int r = sshd_config_read(b, path, &c);
        const struct service_policy policy = policy_of(b->policy, "sshd", b->now, &b->pool->pool);
        size_t base = b->report.n;
        if (r == 0 && c.trouble) {
                struct login_entry *e = report_entry(b, LOGIN_BY_SSHD, "sshd", path);
                r = e ? 0 : -ENOMEM;
                if (e) {
                        struct login_way w = { .verdict = LOGIN_UNKNOWN, .proofs = PROOF_OTHER };
                        report_place(&w, c.where.file, c.where.line, c.where.what);
                        report_trouble(e, c.trouble);
                        r = report_way(e, &w);
                }
        }
        unsigned always = 0, last = 1u << (c.n_blocks + 1);
        for (unsigned i = 1; i <= c.n_blocks; i++)
                if (c.blocks[i].always)
                        always |= 1u << i;
        for (unsigned held = 0; held < last && r == 0 && !c.trouble; held += 2)
                if ((held & always) == always)
                        r = check_combination(b, path, pam, &policy, &c, held, base);
        sshd_config_clear(&c);
        return r > 0 ? 0 : r;
}
