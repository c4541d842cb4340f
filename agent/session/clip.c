/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clip.h"

#include <errno.h>
#include <sekisho/mynumber.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define FRONTS_MAX  2u
#define CLEARED_MAX 16u
#define DIGEST_OF   ((size_t) 1 << 20) /* so much of content tells it from other content */
#define SCAN_TYPES  (1u << FLOW_TEXT | 1u << FLOW_HTML | 1u << FLOW_FILES)

/* Content that was cleared because its time was over, and who had copied it. */
struct cleared {
        uint8_t digest[crypto_generichash_BYTES];
        char *program;
};

/* What was copied first, before others (clipboard managers) took the same over. */
struct origin {
        bool known;
        uint8_t digest[crypto_generichash_BYTES];
        char program[PROGRAM_MAX];
        uint64_t since; /* boot time, usec */
};

struct clip {
        sd_event *event;     /* borrowed */
        struct rules *rules; /* NULL: none, and everything is refused */
        struct reports *reports;
        struct clip_events fronts[FRONTS_MAX];
        size_t n_fronts;
        struct held held[SELECTION_MAX];
        const void *brought_by[SELECTION_MAX]; /* a front's userdata */
        struct origin origins[SELECTION_MAX];
        sd_event_source *timers[SELECTION_MAX];
        struct timer_of {
                struct clip *clip;
                enum selection selection;
        } timer_of[SELECTION_MAX];
        uint8_t key[crypto_generichash_KEYBYTES];
        struct cleared cleared[CLEARED_MAX];
        size_t n_cleared; /* since the start; the last CLEARED_MAX are kept */
};

static const char *const selection_names[SELECTION_MAX] = { "clipboard", "primary", "secondary", "drag" };

const char *selection_name(enum selection s) {
        return selection_names[s];
}

const struct rules *clip_rules(const struct clip *c) {
        return c->rules;
}

static void forget(struct held *h) {
        for (int f = 0; f < FORMAT_MAX; f++)
                h->data[f] = blob_unref(h->data[f]);
        *h = (struct held){ 0 };
}

void clip_clear(struct clip *c, enum selection s) {
        (void) sd_event_source_set_enabled(c->timers[s], SD_EVENT_OFF);
        forget(&c->held[s]);
        c->brought_by[s] = NULL;
        for (size_t i = 0; i < c->n_fronts; i++)
                if (c->fronts[i].cleared)
                        c->fronts[i].cleared(s, c->fronts[i].userdata);
}

/* ---- what was cleared stays cleared, unless its own program copies it again ---- */

static const struct blob *first_of(const struct held *h) {
        for (int f = 0; f < FORMAT_MAX; f++)
                if (h->data[f])
                        return h->data[f];
        return NULL;
}

static bool digest_of(const struct clip *c, const struct held *h, uint8_t ret[crypto_generichash_BYTES]) {
        const struct blob *b = first_of(h);
        if (!b || b->size == 0)
                return false;
        size_t n = b->size < DIGEST_OF ? b->size : DIGEST_OF;
        return crypto_generichash(ret, crypto_generichash_BYTES, b->bytes, n, c->key, sizeof c->key) == 0;
}

static void remember_cleared(struct clip *c, const struct origin *o) {
        struct cleared *e = &c->cleared[c->n_cleared % CLEARED_MAX];
        char *program = o->known ? strdup(o->program) : NULL;
        if (!program)
                return;
        free(e->program);
        e->program = program;
        memcpy(e->digest, o->digest, sizeof o->digest);
        c->n_cleared++;
}

static bool was_cleared(const struct clip *c, const struct origin *o) {
        for (size_t i = 0; o->known && i < CLEARED_MAX && i < c->n_cleared; i++)
                if (sodium_memcmp(c->cleared[i].digest, o->digest, sizeof o->digest) == 0 &&
                    strcmp(c->cleared[i].program, o->program) != 0)
                        return true;
        return false;
}

/* The same from another program is still the first one's: a manager that takes over what it sees, to keep it, makes it
 * neither its own nor new. */
static void find_origin(struct clip *c, enum selection s) {
        struct origin *o = &c->origins[s], now = { .known = false };
        now.known = digest_of(c, &c->held[s], now.digest);
        (void) snprintf(now.program, sizeof now.program, "%s", c->held[s].program);
        (void) sd_event_now(c->event, CLOCK_BOOTTIME, &now.since);
        bool same = o->known && now.known && sodium_memcmp(o->digest, now.digest, sizeof now.digest) == 0;
        if (!same || strcmp(o->program, now.program) == 0)
                *o = now;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        const struct timer_of *t = userdata;
        (void) source;
        (void) usec;
        remember_cleared(t->clip, &t->clip->origins[t->selection]);
        t->clip->origins[t->selection].known = false;
        clip_clear(t->clip, t->selection);
        return 0;
}

/* By the rules of now: what has been held for longer goes at once. */
static void set_timer(struct clip *c, enum selection s) {
        uint32_t seconds = rules_clear_after(c->rules);
        bool on = seconds > 0 && c->held[s].complete;
        if (on)
                (void) sd_event_source_set_time(c->timers[s],
                                                c->origins[s].since + (uint64_t) seconds * UINT64_C(1000000));
        (void) sd_event_source_set_enabled(c->timers[s], on ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* ---- content comes ---- */

uint32_t clip_wanted(const struct clip *c, const char *program) {
        uint32_t types = rules_types_from(c->rules, rules_zone(c->rules, program)), formats = 0;
        for (int f = 0; f < FORMAT_MAX; f++)
                if (types & 1u << format_type((enum format) f))
                        formats |= 1u << f;
        return formats;
}

void clip_begin(struct clip *c, const void *front, enum selection s, const char *program, size_t limits[FORMAT_MAX]) {
        struct held *h = &c->held[s];
        c->brought_by[s] = front;
        for (size_t i = 0; i < c->n_fronts; i++)
                if (c->fronts[i].begun && c->fronts[i].userdata != front)
                        c->fronts[i].begun(s, c->fronts[i].userdata);
        (void) sd_event_source_set_enabled(c->timers[s], SD_EVENT_OFF);
        forget(h);
        (void) snprintf(h->program, sizeof h->program, "%s", program);
        const char *zone = rules_zone(c->rules, program);
        for (int f = 0; f < FORMAT_MAX; f++) {
                uint64_t most = rules_limit_from(c->rules, zone, format_type((enum format) f));
                limits[f] = most > CLIP_BYTES_MAX ? CLIP_BYTES_MAX : (size_t) most;
        }
}

void clip_put(struct clip *c, enum selection s, enum format f, struct blob *data) {
        struct held *h = &c->held[s];
        if (f == FORMAT_LATIN1) {
                struct blob *text = data && !h->data[FORMAT_TEXT] ? target_from_latin1(data) : NULL;
                (void) blob_unref(data);
                if (!text)
                        return;
                f = FORMAT_TEXT;
                data = text;
        }
        (void) blob_unref(h->data[f]);
        h->data[f] = data;
        h->number[f] = NUMBER_UNKNOWN;
}

void clip_put_too_large(struct clip *c, enum selection s, enum format f, size_t limit) {
        c->held[s].too_large[f] = limit + 1;
}

size_t clip_room(size_t limit, size_t total, size_t own) {
        size_t left = CLIP_BYTES_MAX - total + own;
        return limit < left ? limit : left;
}

bool clip_complete(struct clip *c, enum selection s) {
        struct held *h = &c->held[s];
        find_origin(c, s);
        if (was_cleared(c, &c->origins[s])) {
                clip_clear(c, s);
                return false;
        }
        h->complete = true;
        set_timer(c, s);
        for (size_t i = 0; clip_has(c, s) && i < c->n_fronts; i++)
                if (c->fronts[i].completed && c->fronts[i].userdata != c->brought_by[s])
                        c->fronts[i].completed(s, c->fronts[i].userdata);
        return true;
}

/* ---- content goes ---- */

static bool has_number(struct held *h, enum format f) {
        if (!(SCAN_TYPES & 1u << format_type(f)))
                return false;
        if (h->number[f] == NUMBER_UNKNOWN)
                h->number[f] = mynumber_any(h->data[f]->bytes, h->data[f]->size) ? NUMBER_FOUND : NUMBER_NONE;
        return h->number[f] == NUMBER_FOUND;
}

uint32_t clip_offer(const struct clip *c, enum selection s, const char *program) {
        const struct held *h = &c->held[s];
        uint32_t types = rules_types(c->rules, rules_zone(c->rules, h->program), rules_zone(c->rules, program));
        uint32_t formats = 0;
        for (int f = 0; f < FORMAT_MAX; f++)
                if (h->data[f] && (types & 1u << format_type((enum format) f)))
                        formats |= 1u << f;
        return formats;
}

bool clip_has(const struct clip *c, enum selection s) {
        return c->brought_by[s] != NULL;
}

void clip_show(struct clip *c, const void *front, enum selection s) {
        for (size_t i = 0; clip_has(c, s) && i < c->n_fronts; i++)
                if (c->fronts[i].shown && c->fronts[i].userdata != front)
                        c->fronts[i].shown(s, c->fronts[i].userdata);
}

uint32_t clip_formats(const struct clip *c, enum selection s) {
        const struct held *h = &c->held[s];
        uint32_t formats = 0;
        for (int f = 0; f < FORMAT_MAX; f++)
                if (h->data[f] || h->too_large[f] > 0)
                        formats |= 1u << f;
        return formats ? formats : 1u << FORMAT_TEXT;
}

uint32_t clip_denied_types(const struct clip *c, enum selection s) {
        const struct held *h = &c->held[s];
        uint32_t types = 0;
        for (int f = 0; f < FORMAT_MAX; f++)
                if (h->data[f] || h->too_large[f] > 0)
                        types |= 1u << format_type((enum format) f);
        /* Nothing was fetched, because nobody may have it: most likely it is text. */
        return types ? types : 1u << FLOW_TEXT;
}

static void tell(struct clip *c, enum selection s, const struct paste_facts *facts, const char *program,
                 bool is_focused) {
        const struct report r = { .selection = s,
                                  .facts = *facts,
                                  .from_program = c->held[s].program,
                                  .to_program = program,
                                  .is_focused = is_focused };
        reports_add(c->reports, &r);
}

/* What a program that is refused would have got; nothing was fetched where nobody may have it. */
static struct blob *refuse(struct clip *c, enum selection s, enum format f, const char *program, bool is_focused) {
        const struct paste_facts facts = { .from = rules_zone(c->rules, c->held[s].program),
                                           .to = rules_zone(c->rules, program),
                                           .types = 1u << format_type(f),
                                           .bytes = c->held[s].too_large[f] };
        struct verdict v;
        rules_judge(c->rules, &facts, &v);
        /* What is more than is held of one copy does not come, whatever the flow says. */
        if (v.action == ACTION_BLOCK || facts.bytes > 0)
                tell(c, s, &facts, program, is_focused);
        return NULL;
}

struct blob *clip_take(struct clip *c, enum selection s, enum format f, const char *program, bool is_focused) {
        struct held *h = &c->held[s];
        struct blob *b = h->data[f];
        if (!b)
                return refuse(c, s, f, program, is_focused);
        const struct paste_facts facts = { .from = rules_zone(c->rules, h->program),
                                           .to = rules_zone(c->rules, program),
                                           .types = 1u << format_type(f),
                                           .bytes = b->size,
                                           .has_my_number = has_number(h, f) };
        struct verdict v;
        rules_judge(c->rules, &facts, &v);
        if (v.action == ACTION_BLOCK)
                tell(c, s, &facts, program, is_focused);
        return verdict_opens(&v) ? blob_ref(b) : NULL;
}

/* ---- rules ---- */

static char *resolve(const char *path) {
        return realpath(path, NULL);
}

void clip_set_rules(struct clip *c, const json_t *reply) {
        struct rules *rules = NULL;
        if (reply && rules_new(reply, resolve, &rules) < 0)
                rules = NULL;
        c->rules = rules_free(c->rules);
        c->rules = rules;
        for (int s = 0; s < SELECTION_MAX; s++)
                if (rules)
                        set_timer(c, (enum selection) s);
                else
                        clip_clear(c, (enum selection) s);
        for (size_t i = 0; i < c->n_fronts; i++)
                if (c->fronts[i].ruled)
                        c->fronts[i].ruled(c->fronts[i].userdata);
}

void clip_set_link(struct clip *c, struct link *l) {
        reports_set_link(c->reports, l);
}

bool clip_has_fronts(const struct clip *c) {
        return c->n_fronts > 1;
}

void clip_listen(struct clip *c, const struct clip_events *events) {
        if (c->n_fronts < FRONTS_MAX)
                c->fronts[c->n_fronts++] = *events;
}

int clip_new(sd_event *event, struct clip **ret) {
        if (sodium_init() < 0)
                return -EIO;
        struct clip *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->event = event;
        randombytes_buf(c->key, sizeof c->key);
        int r = reports_new(event, &c->reports);
        for (int s = 0; r >= 0 && s < SELECTION_MAX; s++) {
                c->timer_of[s] = (struct timer_of){ c, (enum selection) s };
                r = sd_event_add_time(event, &c->timers[s], CLOCK_BOOTTIME, UINT64_MAX, 10000, on_timer,
                                      &c->timer_of[s]);
                if (r >= 0)
                        r = sd_event_source_set_enabled(c->timers[s], SD_EVENT_OFF);
        }
        if (r < 0) {
                (void) clip_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

struct clip *clip_free(struct clip *c) {
        if (!c)
                return NULL;
        c->n_fronts = 0;
        for (int s = 0; s < SELECTION_MAX; s++) {
                forget(&c->held[s]);
                (void) sd_event_source_disable_unref(c->timers[s]);
        }
        for (size_t i = 0; i < CLEARED_MAX; i++)
                free(c->cleared[i].program);
        c->reports = reports_free(c->reports);
        c->rules = rules_free(c->rules);
        sodium_memzero(c->key, sizeof c->key);
        free(c);
        return NULL;
}
