/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "login_report.h"

#include <string.h>

#include "screen.h"

static const struct {
        const char *text;
        enum tone tone;
} verdicts[LOGIN_MAX] = {
        [LOGIN_SHUT] = { N_("shut"), TONE_GOOD },
        [LOGIN_PROGRAM] = { N_("no person logs in by it"), TONE_FAINT },
        [LOGIN_UNUSED] = { N_("switched off"), TONE_FAINT },
        [LOGIN_ROOT] = { N_("root only"), TONE_GOOD },
        [LOGIN_TWO] = { N_("two factors"), TONE_GOOD },
        [LOGIN_EXEMPT] = { N_("exempt by the policy"), TONE_NOTE },
        [LOGIN_UNKNOWN] = { N_("cannot tell"), TONE_BAD },
        [LOGIN_ONE] = { N_("ONE factor"), TONE_BAD },
        [LOGIN_NONE] = { N_("NO factor"), TONE_BAD },
};

static const struct {
        const char *name, *text;
} words[] = {
        /* factors */
        { "password", N_("password") },
        { "code", N_("code") },
        { "key", N_("key or card") },
        { "body", N_("fingerprint or face") },
        { "unknown", N_("something unknown") },
        /* conditions */
        { "caller-is-root", N_("whoever calls is root") },
        { "empty-password", N_("the password is empty") },
        { "not-enrolled-there", N_("the account is not enrolled with the module") },
        { "observe", N_("the policy only observes logins") },
        { "no-policy", N_("no policy is in force, and the account is not enrolled") },
        { "enrolment", N_("self-enrolment is open, and the account is not enrolled") },
        { "default", N_("the default") },
        /* trouble */
        { "broken", N_("PAM refuses this service: its configuration is broken") },
        { "too-complex", N_("too complex to follow, or left to chance by PAM") },
        { "unreadable", N_("a file cannot be read") },
        { "bad-value", N_("a value that is neither yes nor no") },
};

static const char *in_words(const char *name) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (strcmp(words[i].name, name) == 0)
                        return _(words[i].text);
        return name;
}

const char *login_verdict_text(enum login_verdict v) {
        return (unsigned) v < LOGIN_MAX ? _(verdicts[v].text) : "";
}

bool login_report_falls_short(const struct login_report *r) {
        for (size_t i = 0; i < r->n; i++)
                if (login_falls_short(r->entries[i].verdict))
                        return true;
        return false;
}

/* ---- JSON ---- */

static json_t *places_json(const struct login_way *w) {
        json_t *list = json_array();
        for (size_t i = 0; i < w->n_places; i++)
                (void) json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "file", w->places[i].file, "line",
                                                             (int) w->places[i].line, "what", w->places[i].what));
        return list;
}

static json_t *way_json(const struct login_way *w) {
        json_t *factors = json_array();
        for (unsigned n = 0; login_proof_name(n); n++)
                if (w->proofs & 1u << n)
                        (void) json_array_append_new(factors, json_string(login_proof_name(n)));
        return json_pack("{s:s, s:o, s:s?, s:s?, s:s?, s:o}", "verdict", login_verdict_name(w->verdict), "factors",
                         factors, "when", w->when, "unless", w->unless, "exempt", w->exempt, "through", places_json(w));
}

/* Of a hostile file a name or a word may be no UTF-8: such an entry is told in what can be told of it. */
static json_t *entry_json(const struct login_entry *e) {
        json_t *ways = json_array();
        for (size_t i = 0; i < e->n_ways; i++) {
                json_t *way = way_json(&e->ways[i]);
                (void) json_array_append_new(
                        ways, way ? way : json_pack("{s:s}", "verdict", login_verdict_name(e->ways[i].verdict)));
        }
        json_t *entry =
                json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o}", "kind", login_kind_name(e->kind), "name", e->name, "file",
                          e->file, "verdict", login_verdict_name(e->verdict), "trouble", e->trouble, "ways", ways);
        return entry ? entry
                     : json_pack("{s:s, s:s}", "kind", login_kind_name(e->kind), "verdict",
                                 login_verdict_name(e->verdict));
}

json_t *login_report_json(const struct login_report *r) {
        json_t *list = json_array();
        for (size_t i = 0; i < r->n; i++)
                if (json_array_append_new(list, entry_json(&r->entries[i])) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return json_pack("{s:b, s:o}", "falls_short", login_report_falls_short(r), "logins", list);
}

/* ---- the table, and below it what falls short ---- */

static char *factors_text(const struct login_way *w) {
        char *text = NULL;
        size_t length;
        FILE *f = open_memstream(&text, &length);
        if (!f)
                return NULL;
        bool any = false;
        for (unsigned n = 0; login_proof_name(n); n++)
                if (w->proofs & 1u << n) {
                        fprintf(f, "%s%s", any ? " + " : "", in_words(login_proof_name(n)));
                        any = true;
                }
        if (!any)
                fputs(_("nothing"), f);
        return fclose(f) == 0 ? text : (free(text), NULL);
}

/* The way that the verdict is about. */
static const struct login_way *worst(const struct login_entry *e) {
        for (size_t i = 0; i < e->n_ways; i++)
                if (e->ways[i].verdict == e->verdict)
                        return &e->ways[i];
        return NULL;
}

static void add_row(struct screen_table *t, const struct login_entry *e) {
        const struct login_way *w = worst(e);
        CLEANUP(free_p) char *factors = w ? factors_text(w) : NULL;
        screen_table_add(t, TONE_PLAIN, e->name);
        screen_table_add(t, verdicts[e->verdict].tone, login_verdict_text(e->verdict));
        screen_table_add(t, TONE_PLAIN, factors ? factors : "-");
        const char *exempt = w ? w->exempt : NULL;
        screen_table_add(t, TONE_FAINT, exempt ? in_words(exempt) : e->trouble ? in_words(e->trouble) : e->file);
}

static void print_condition(const char *label, const char *condition) {
        printf("    %s ", label);
        screen_put(TONE_PLAIN, in_words(condition));
        putchar('\n');
}

static bool same_text(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_way(const struct login_way *a, const struct login_way *b) {
        bool same = a->proofs == b->proofs && a->n_places == b->n_places && same_text(a->when, b->when) &&
                    same_text(a->unless, b->unless);
        for (size_t i = 0; i < a->n_places && same; i++)
                same = a->places[i].line == b->places[i].line && strcmp(a->places[i].file, b->places[i].file) == 0 &&
                       strcmp(a->places[i].what, b->places[i].what) == 0;
        return same;
}

static bool has_way(const struct login_entry *e, const struct login_way *w) {
        for (size_t i = 0; i < e->n_ways; i++)
                if (same_way(&e->ways[i], w))
                        return true;
        return false;
}

/* The names of all logins that share the way; nothing, when one before has told it already. */
static bool print_names(const struct login_report *r, size_t at, const struct login_way *w) {
        for (size_t i = 0; i < at; i++)
                if (has_way(&r->entries[i], w))
                        return false;
        fputs("  ! ", stdout);
        for (size_t i = at; i < r->n; i++)
                if (has_way(&r->entries[i], w)) {
                        fputs(i > at ? ", " : "", stdout);
                        screen_put(TONE_BAD, r->entries[i].name);
                }
        return true;
}

static void print_way(const struct login_report *r, size_t at, const struct login_way *w) {
        CLEANUP(free_p) char *factors = factors_text(w);
        if (!print_names(r, at, w))
                return;
        fputs(": ", stdout);
        screen_put(TONE_PLAIN, factors ? factors : "");
        putchar('\n');
        for (size_t i = 0; i < w->n_places; i++) {
                const struct login_place *p = &w->places[i];
                fputs("    ", stdout);
                screen_put(TONE_FAINT, p->file);
                if (p->line > 0)
                        printf(":%u", p->line);
                fputs(": ", stdout);
                screen_put(TONE_PLAIN, p->what);
                putchar('\n');
        }
        if (w->when)
                print_condition(_("if:"), w->when);
        if (w->unless)
                print_condition(_("unless:"), w->unless);
}

static void print_short(const struct login_report *r) {
        printf("\n%s\n", _("Ways in that fall short:"));
        for (size_t i = 0; i < r->n; i++) {
                const struct login_entry *e = &r->entries[i];
                for (size_t k = 0; k < e->n_ways; k++)
                        if (login_falls_short(e->ways[k].verdict))
                                print_way(r, i, &e->ways[k]);
                if (e->trouble && login_falls_short(e->verdict)) {
                        fputs("  ! ", stdout);
                        screen_put(TONE_BAD, e->name);
                        fputs(": ", stdout);
                        screen_put(TONE_PLAIN, in_words(e->trouble));
                        fputs(" (", stdout);
                        screen_put(TONE_FAINT, e->file);
                        puts(")");
                }
        }
}

enum outcome login_report_print(const struct login_report *r) {
        const char *const heads[] = { _("login"), _("demands"), _("by the weakest way"), _("from") };
        CLEANUP(screen_table_freep) struct screen_table *t = screen_table_new(4, heads);
        if (!t)
                return OUTCOME_BAD;
        for (size_t i = 0; i < r->n; i++)
                add_row(t, &r->entries[i]);
        enum outcome outcome = screen_table_print(t, 0);
        if (login_report_falls_short(r))
                print_short(r);
        else
                printf("\n%s\n", _("No way in falls short of two factors but those that the policy exempts."));
        return outcome;
}
