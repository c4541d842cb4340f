/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, read by the table. */
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static size_t least(size_t a, size_t b, size_t c) {
        size_t least_of_two = a < b ? a : b;
        return least_of_two < c ? least_of_two : c;
}

/* Levenshtein distance; words longer than what verbs can be are simply far away. */
static size_t distance(const char *a, const char *b) {
        size_t row[32], n = strlen(a), m = strlen(b);
        if (n >= 32 || m >= 32)
                return 32;
        for (size_t j = 0; j <= m; j++)
                row[j] = j;
        for (size_t i = 1; i <= n; i++) {
                size_t diagonal = row[0];
                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        size_t above = row[j];
                        row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
                        diagonal = above;
                }
        }
        return row[m];
}

/* The nearest of the names (of the subverbs of family, when that is not NULL); NULL when none is near. */
static const char *nearest(const char *word, const char *family) {
        const char *best = NULL;
        size_t best_distance = 3; /* two slips of the finger */
        for (const struct verb *v = verbs; v->name; v++) {
                if (family && strcmp(v->name, family) != 0)
                        continue;
                const char *candidate = family ? v->subverb : v->name;
                size_t d = candidate ? distance(word, candidate) : 32;
                if (d < best_distance && d < strlen(word)) {
                        best_distance = d;
                        best = candidate;
                }
        }
        return best;
}

static void complain_unknown(const char *word, const char *family) {
        const char *near = nearest(word, family);
        if (near && family)
                complain(_("'%s %s' is unknown; did you mean '%s %s'?"), family, word, family, near);
        else if (near)
                complain(_("'%s' is unknown; did you mean '%s'?"), word, near);
        else if (family)
                complain(_("'%s %s' is unknown; 'sekishoctl help %s' lists what there is."), family, word, family);
        else
                complain(_("'%s' is unknown; 'sekishoctl help' lists what there is."), word);
}

static const struct verb *find_verb(const char *name, const char *subverb) {
        for (const struct verb *v = verbs; v->name; v++) {
                if (strcmp(v->name, name) != 0)
                        continue;
                if (!v->subverb || (subverb && strcmp(v->subverb, subverb) == 0))
                        return v;
        }
        return NULL;
}

static bool is_family(const char *name) {
        for (const struct verb *v = verbs; v->name; v++)
                if (v->subverb && strcmp(v->name, name) == 0)
                        return true;
        return false;
}

struct match {
        const struct verb_option *option;
        const char **value;
        bool *flag;
        const char *attached; /* --name=VALUE, -nVALUE; NULL */
};

static const struct verb_option *find_option(const struct verb_option *list, const char *word, const char **attached) {
        *attached = NULL;
        for (const struct verb_option *o = list; o && o->name; o++) {
                size_t n = strlen(o->name);
                if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, o->name, n) == 0 &&
                    (word[2 + n] == '\0' || word[2 + n] == '=')) {
                        *attached = word[2 + n] ? word + 3 + n : NULL;
                        return o;
                }
                if (o->letter && word[0] == '-' && word[1] == o->letter && (o->argument || !word[2])) {
                        *attached = word[2] ? word + 2 : NULL;
                        return o;
                }
        }
        return NULL;
}

static bool match_option(const char *word, struct command *c, struct match *ret) {
        const char *attached;
        const struct verb_option *o = find_option(common_options, word, &attached);
        if (o) {
                bool *flags[COMMON_MAX] = { &c->invocation.json, NULL, &c->help, &c->version };
                *ret = (struct match){ o, &c->invocation.root_path, flags[o - common_options], attached };
                return true;
        }
        const struct verb *v = c->invocation.verb;
        o = v ? find_option(v->options, word, &attached) : NULL;
        if (!o)
                return false;
        *ret = (struct match){ o, &c->invocation.values[o - v->options], NULL, attached };
        return true;
}

/* Number of words taken (1 or 2); 0 after a complaint. */
static int read_option(const char *word, const char *next, struct command *c) {
        struct match m;
        if (!match_option(word, c, &m)) {
                complain(_("Option '%s' is unknown; '--help' lists what there is."), word);
                return 0;
        }
        if (!m.option->argument) {
                if (m.attached) {
                        complain(_("Option '--%s' takes no value."), m.option->name);
                        return 0;
                }
                if (m.flag)
                        *m.flag = true;
                else
                        *m.value = "";
                return 1;
        }
        const char *value = m.attached ? m.attached : next;
        if (!value || !*value) {
                complain(_("Option '--%s' needs a value: %s."), m.option->name, m.option->argument);
                return 0;
        }
        *m.value = value;
        return m.attached ? 1 : 2;
}

/* Takes the verb off the words. */
static enum outcome choose_verb(struct command *c) {
        struct invocation *i = &c->invocation;
        if (i->n_arguments == 0) {
                if (c->help || c->version)
                        return OUTCOME_YES;
                complain(_("What is to be done? 'sekishoctl help' lists what there is."));
                return OUTCOME_BAD;
        }
        const char *name = i->arguments[0], *subverb = i->n_arguments > 1 ? i->arguments[1] : NULL;
        i->verb = find_verb(name, subverb);
        if (!i->verb) {
                if (!is_family(name))
                        complain_unknown(name, NULL);
                else if (subverb)
                        complain_unknown(subverb, name);
                else if (c->help)
                        return OUTCOME_YES;
                else
                        complain(_("'%s' needs to know what; 'sekishoctl help %s' lists what there is."), name, name);
                return OUTCOME_BAD;
        }
        int taken = i->verb->subverb ? 2 : 1;
        i->arguments += taken;
        i->n_arguments -= taken;
        return OUTCOME_YES;
}

static enum outcome check_arguments(const struct invocation *i) {
        const struct verb *v = i->verb;
        if (i->n_arguments >= v->min && (v->max < 0 || i->n_arguments <= v->max))
                return OUTCOME_YES;
        complain(_("Usage: sekishoctl %s%s%s %s"), v->name, v->subverb ? " " : "", v->subverb ? v->subverb : "",
                 v->arguments);
        return OUTCOME_BAD;
}

static bool is_option(const char *word) {
        return word[0] == '-' && word[1];
}

/* First the words, which name the verb; then the options, whose meaning depends on it. An option's value is a word too:
 * before the verb is known, only the common options may stand, so that no value can be taken for it. */
static enum outcome split(int argc, char **argv, struct command *c) {
        int n_words = 0, at = 1;
        bool only_words = false;
        while (at < argc) {
                char *word = argv[at];
                if (!only_words && strcmp(word, "--") == 0) {
                        only_words = true;
                        at++;
                } else if (!only_words && is_option(word)) {
                        struct match m;
                        if (n_words > 0 && !c->invocation.verb && !match_option(word, c, &m))
                                break; /* an unknown verb is the thing to complain about, not its option */
                        int taken = read_option(word, at + 1 < argc ? argv[at + 1] : NULL, c);
                        if (taken == 0)
                                return OUTCOME_BAD;
                        at += taken;
                } else {
                        c->invocation.arguments[n_words++] = word;
                        at++;
                        if (!c->invocation.verb && n_words <= 2)
                                c->invocation.verb = find_verb(c->invocation.arguments[0],
                                                               n_words == 2 ? c->invocation.arguments[1] : NULL);
                }
        }
        c->invocation.n_arguments = n_words;
        return OUTCOME_YES;
}

enum outcome command_read(int argc, char **argv, struct command *ret) {
        /* Words move to the front of argv, never past the place that is being read. */
        struct command c = { .invocation = { .root_path = "/", .arguments = argv } };
        enum outcome r = split(argc, argv, &c);
        if (r == OUTCOME_YES)
                r = choose_verb(&c);
        if (r == OUTCOME_YES && c.invocation.verb && !c.help && !c.version)
                r = check_arguments(&c.invocation);
        if (r == OUTCOME_YES)
                *ret = c;
        return r;
}
