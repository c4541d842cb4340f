/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All runs of a stack, as libpam's dispatcher would make them, each answer of each module tried. What was seen before
 * in the same state is not followed again, so that the number of runs does not matter, but that of states. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pam.h"

#define STATES_MAX  30000u
#define WAYS_MAX    256u
#define MUST_FAIL   6u /* perm_denied */
#define CODE_IGNORE 25u
#define NOWHERE     UINT32_MAX

enum { UNDECIDED = 0, POSITIVE = 1, NEGATIVE = 2 };

struct impression {
        uint8_t what, code;
};

/* Compared as bytes: no padding. */
struct place {
        uint16_t at, previous_level, unused;
        struct impression now, saved[PAM_LEVELS];
        uint32_t proofs, when, unless;
};

struct state {
        struct place place;
        uint32_t from;           /* the state before; NOWHERE: the beginning */
        uint16_t line, eventful; /* the line that led here, and whether it is worth naming */
};

struct walk {
        const struct pam_stack *stack;
        struct state *states;
        uint32_t n, *slots, n_slots; /* slots: a power of two, at least twice n */
        struct pam_answer answer;
        bool no_memory;
};

static uint32_t hash(const struct place *p) {
        const unsigned char *b = (const unsigned char *) p;
        uint32_t h = 2166136261u;
        for (size_t i = 0; i < sizeof *p; i++)
                h = (h ^ b[i]) * 16777619u;
        return h ^ h >> 15;
}

static uint32_t find_slot(const struct walk *w, const struct place *p) {
        uint32_t slot = hash(p) & (w->n_slots - 1);
        while (w->slots[slot] != NOWHERE && memcmp(&w->states[w->slots[slot]].place, p, sizeof *p) != 0)
                slot = (slot + 1) & (w->n_slots - 1);
        return slot;
}

static int grow(struct walk *w) {
        int r = text_grow((void **) &w->states, w->n, sizeof *w->states);
        if (r < 0 || w->n * 2 < w->n_slots)
                return r;
        uint32_t wanted = w->n_slots ? w->n_slots * 4 : 64;
        uint32_t *slots = malloc(wanted * sizeof *slots);
        if (!slots)
                return -ENOMEM;
        free(w->slots);
        w->slots = slots;
        w->n_slots = wanted;
        memset(slots, 0xff, wanted * sizeof *slots);
        for (uint32_t i = 0; i < w->n; i++)
                slots[find_slot(w, &w->states[i].place)] = i;
        return 0;
}

static void visit(struct walk *w, const struct place *p, uint32_t from, size_t line, bool eventful) {
        if (w->n == STATES_MAX) {
                w->answer.unclear = true;
                return;
        }
        if (grow(w) < 0) {
                w->no_memory = true;
                return;
        }
        uint32_t slot = find_slot(w, p);
        if (w->slots[slot] != NOWHERE)
                return;
        w->slots[slot] = w->n;
        w->states[w->n++] = (struct state){ *p, from, (uint16_t) line, eventful };
}

/* ---- one line ---- */

static size_t skip_rest(const struct pam_stack *s, size_t at) {
        int level = s->entries[at].level;
        while (at + 1 < s->n && s->entries[at + 1].level >= level)
                at++;
        return at;
}

/* As many lines of the same level; a substack counts as one. What is left over is a jump too far. */
static size_t jump(const struct pam_stack *s, size_t at, int *left) {
        int level = s->entries[at].level;
        while (*left > 0 && at + 1 < s->n && s->entries[at + 1].level >= level) {
                do
                        at++;
                while (at + 1 < s->n && s->entries[at + 1].level > level);
                --*left;
        }
        return at;
}

static void say_yes(struct impression *i, uint8_t code) {
        if (i->what == UNDECIDED || (i->what == POSITIVE && i->code == 0))
                *i = (struct impression){ POSITIVE, code };
}

static void say_no(struct impression *i, uint8_t code) {
        if (i->what != NEGATIVE)
                *i = (struct impression){ NEGATIVE, code == CODE_IGNORE ? MUST_FAIL : code };
}

/* Takes the action: changes the place, which then stands at the next line. True: worth naming in the report. */
static bool act(const struct pam_stack *s, struct place *p, uint8_t code) {
        size_t at = p->at;
        const struct pam_entry *e = &s->entries[at];
        int action = e->actions[code];
        bool eventful = action != PAM_DO_IGNORE && (code == 0 || action > 0);
        switch (action) {
        case PAM_DO_IGNORE:
                break;
        case PAM_DO_OK:
        case PAM_DO_DONE:
                say_yes(&p->now, code);
                if (action == PAM_DO_DONE && p->now.what == POSITIVE)
                        at = skip_rest(s, at);
                break;
        case PAM_DO_BAD:
        case PAM_DO_DIE:
                say_no(&p->now, code);
                if (action == PAM_DO_DIE)
                        at = skip_rest(s, at);
                break;
        case PAM_DO_RESET:
                p->now = p->saved[e->level];
                break;
        default:
                at = jump(s, at, &action);
                if (action > 0)
                        p->now = (struct impression){ NEGATIVE, MUST_FAIL };
        }
        p->previous_level = (uint16_t) e->level;
        p->at = (uint16_t) (at + 1);
        return eventful;
}

/* ---- the ends ---- */

static bool needs_no_more(const struct pam_way *a, const struct pam_way *b) {
        return (a->proofs & ~b->proofs) == 0 && (a->when & ~b->when) == 0 && (a->unless & ~b->unless) == 0;
}

static void trace(const struct walk *w, uint32_t last, struct pam_way *ret) {
        for (uint32_t i = last; i != NOWHERE; i = w->states[i].from) {
                if (!w->states[i].eventful || w->states[i].from == NOWHERE)
                        continue;
                if (ret->n_through == PAM_THROUGH_MAX) /* from the end: the last ones are kept */
                        return;
                memmove(ret->through + 1, ret->through, ret->n_through * sizeof *ret->through);
                ret->through[0] = &w->stack->entries[w->states[i].line];
                ret->n_through++;
        }
}

static void add_way(struct walk *w, const struct pam_way *new) {
        struct pam_answer *a = &w->answer;
        size_t kept = 0;
        for (size_t i = 0; i < a->n; i++) {
                if (needs_no_more(&a->ways[i], new))
                        return;
                if (!needs_no_more(new, &a->ways[i]))
                        a->ways[kept++] = a->ways[i];
        }
        a->n = kept;
        if (a->n == WAYS_MAX) {
                a->unclear = true;
                return;
        }
        a->ways[a->n++] = *new;
}

/* The same way once if something is so and once if it is not: it does not matter. */
static bool merge_one(struct walk *w) {
        struct pam_answer *a = &w->answer;
        for (size_t i = 0; i < a->n; i++)
                for (size_t k = 0; k < a->n; k++) {
                        struct pam_way *x = &a->ways[i], *y = &a->ways[k];
                        uint32_t bit = x->when & y->unless;
                        if (i == k || bit == 0 || (bit & (bit - 1)) != 0 || ((x->when & ~bit) & ~y->when) != 0 ||
                            (x->unless & ~(y->unless & ~bit)) != 0 || (x->proofs & ~y->proofs) != 0)
                                continue;
                        struct pam_way merged = *y; /* needs at least what x needs */
                        merged.unless &= ~bit;
                        a->ways[k] = a->ways[--a->n];
                        add_way(w, &merged);
                        return true;
                }
        return false;
}

static void end(struct walk *w, const struct place *p, uint32_t index) {
        uint8_t code = p->now.what == UNDECIDED ? MUST_FAIL : p->now.code;
        bool in = p->now.what == POSITIVE && code == 0;
        if (code == 0 && !in)
                code = MUST_FAIL;
        w->answer.codes |= 1u << code;
        if (!in)
                return;
        /* That the caller is not root, and nobody exempt, is how it is anyway. */
        struct pam_way way = { .proofs = p->proofs,
                               .when = p->when,
                               .unless = p->unless & ~((uint32_t) CONDITION_FIRST - 1) };
        trace(w, index, &way);
        add_way(w, &way);
}

static void follow(struct walk *w, uint32_t index) {
        const struct place here = w->states[index].place;
        const struct pam_stack *s = w->stack;
        if (here.at >= s->n) {
                end(w, &here, index);
                return;
        }
        const struct pam_entry *e = &s->entries[here.at];
        struct place entered = here;
        if (here.previous_level < (uint16_t) e->level)
                entered.saved[e->level] = here.now;
        if (e->is_substack) {
                entered.previous_level = (uint16_t) e->level;
                entered.at++;
                visit(w, &entered, index, here.at, false);
                return;
        }
        for (size_t i = 0; i < e->n_outcomes; i++) {
                const struct outcome *o = &e->outcomes[i];
                struct place next = entered;
                if ((o->holds && (here.unless & o->condition)) || (!o->holds && (here.when & o->condition)))
                        continue; /* it cannot be both */
                next.proofs |= o->proofs;
                if (o->holds)
                        next.when |= o->condition;
                else
                        next.unless |= o->condition;
                bool eventful = act(s, &next, o->code) || o->proofs != 0;
                visit(w, &next, index, here.at, eventful);
        }
}

int pam_walk(const struct pam_stack *s, uint32_t when, uint32_t unless, struct pam_answer *ret) {
        struct walk w = { .stack = s };
        w.answer.unclear = s->unclear;
        w.answer.codes = s->broken || s->n == 0 ? 1u << MUST_FAIL : 0;
        w.answer.ways = calloc(WAYS_MAX, sizeof *w.answer.ways);
        if (!w.answer.ways)
                return -ENOMEM;
        if (!s->broken && !s->unclear && s->n > 0) {
                struct place start;
                memset(&start, 0, sizeof start);
                start.now.code = MUST_FAIL;
                start.saved[0].code = MUST_FAIL;
                start.when = when;
                start.unless = unless;
                visit(&w, &start, NOWHERE, 0, false);
                for (uint32_t i = 0; i < w.n; i++)
                        follow(&w, i);
                while (merge_one(&w))
                        ;
        }
        free(w.states);
        free(w.slots);
        if (w.no_memory) {
                free(w.answer.ways);
                return -ENOMEM;
        }
        *ret = w.answer;
        return 0;
}

void pam_answer_clear(struct pam_answer *a) {
        free(a->ways);
        *a = (struct pam_answer){ .n = 0 };
}
