/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "notice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define KEY_MAX     256
#define GATHER_USEC UINT64_C(1000000) /* what is shared waits a moment for more */
#define COUNT_MAX   999999u

struct slot {
        bool used, dirty, was_shown, others;
        char key[KEY_MAX];
        json_t *event;
        unsigned count;
        uint64_t began, last, shown;
};

struct notice_board {
        struct slot slots[NOTICE_KIND_MAX][NOTICE_SLOTS];
};

static const char *const kinds[NOTICE_KIND_MAX] = {
        [NOTICE_DEVICE] = "device", [NOTICE_NETWORK] = "network", [NOTICE_CLIPBOARD] = "clipboard",
        [NOTICE_PERMIT] = "permit", [NOTICE_SCREEN] = "screen",
};

enum notice_kind notice_kind_from_name(const char *name) {
        for (int k = 0; k < NOTICE_KIND_MAX; k++)
                if (strcmp(kinds[k], name) == 0)
                        return (enum notice_kind) k;
        return NOTICE_KIND_INVALID;
}

const char *notice_string(const json_t *event, const char *key) {
        const char *s = json_string_value(json_object_get(event, key));
        return s ? s : "";
}

int64_t notice_number(const json_t *event, const char *key) {
        return json_integer_value(json_object_get(event, key));
}

void notice_clear(struct notice *n) {
        free(n->title);
        free(n->body);
        *n = (struct notice){ 0 };
}

int notice_board_new(struct notice_board **ret) {
        struct notice_board *b = calloc(1, sizeof *b);
        if (!b)
                return -ENOMEM;
        *ret = b;
        return 0;
}

static void empty(struct slot *s) {
        json_decref(s->event);
        *s = (struct slot){ 0 };
}

struct notice_board *notice_board_free(struct notice_board *b) {
        for (int k = 0; b && k < NOTICE_KIND_MAX; k++)
                for (unsigned i = 0; i < NOTICE_SLOTS; i++)
                        empty(&b->slots[k][i]);
        free(b);
        return NULL;
}

/* What makes two refusals the same thing to a person. */
static void make_key(enum notice_kind kind, const json_t *e, char key[KEY_MAX]) {
        static const char *const members[NOTICE_KIND_MAX][4] = {
                [NOTICE_DEVICE] = { "subject", "reason", "rule" },
                [NOTICE_NETWORK] = { "subject", "direction" },
                [NOTICE_CLIPBOARD] = { "from", "to", "reason" },
                [NOTICE_PERMIT] = { "subject" },
                [NOTICE_SCREEN] = { "subject" },
        };
        size_t n = 0;
        key[0] = '\0';
        for (size_t i = 0; members[kind][i]; i++) {
                int more = snprintf(key + n, KEY_MAX - n, "%s\x1f", notice_string(e, members[kind][i]));
                if (more < 0 || n + (size_t) more >= KEY_MAX)
                        return;
                n += (size_t) more;
        }
}

static bool is_over(const struct slot *s, uint64_t now, const struct notice_style *style) {
        return !s->dirty && now - s->last >= style->quiet_usec;
}

/* Its own place, a free one, or the one that is shared. */
static struct slot *place(struct slot slots[NOTICE_SLOTS], const char *key, uint64_t now,
                          const struct notice_style *style) {
        for (unsigned i = 0; i < NOTICE_SLOTS; i++)
                if (slots[i].used && is_over(&slots[i], now, style))
                        empty(&slots[i]);
        for (unsigned i = 0; i < NOTICE_SLOTS - 1; i++)
                if (slots[i].used && strcmp(slots[i].key, key) == 0)
                        return &slots[i];
        for (unsigned i = 0; i < NOTICE_SLOTS - 1; i++)
                if (!slots[i].used)
                        return &slots[i];
        return &slots[NOTICE_SLOTS - 1];
}

static bool is_shared(const struct slot slots[NOTICE_SLOTS], const struct slot *s) {
        return s == &slots[NOTICE_SLOTS - 1];
}

static bool same_peer(const json_t *a, const json_t *b) {
        return strcmp(notice_string(a, "peer"), notice_string(b, "peer")) == 0 &&
               notice_number(a, "port") == notice_number(b, "port");
}

int notice_board_take(struct notice_board *b, const json_t *event, uint64_t now, const struct notice_style *style) {
        enum notice_kind kind = notice_kind_from_name(notice_string(event, "kind"));
        if (kind == NOTICE_KIND_INVALID)
                return 1;
        char key[KEY_MAX];
        make_key(kind, event, key);
        struct slot *s = place(b->slots[kind], key, now, style);
        if (!s->used)
                *s = (struct slot){ .used = true, .began = now };
        memcpy(s->key, key, sizeof key);
        s->others = s->others || (s->event && !same_peer(s->event, event));
        /* A permit's next step is no repetition. */
        if (s->event && kind == NOTICE_PERMIT && !is_shared(b->slots[kind], s) &&
            strcmp(notice_string(s->event, "detail"), notice_string(event, "detail")) != 0)
                s->shown = 0;
        json_decref(s->event);
        s->event = json_deep_copy(event);
        s->count += s->count < COUNT_MAX;
        s->last = now;
        s->dirty = true;
        return 0;
}

static uint64_t due_of(const struct slot slots[NOTICE_SLOTS], const struct slot *s, const struct notice_style *style) {
        if (!s->dirty)
                return UINT64_MAX;
        if (s->shown > 0)
                return s->shown + style->again_usec;
        return is_shared(slots, s) ? s->began + GATHER_USEC : s->began;
}

uint64_t notice_board_due(const struct notice_board *b, const struct notice_style *style) {
        uint64_t due = UINT64_MAX;
        for (int k = 0; k < NOTICE_KIND_MAX; k++)
                for (unsigned i = 0; i < NOTICE_SLOTS; i++) {
                        uint64_t d = due_of(b->slots[k], &b->slots[k][i], style);
                        due = d < due ? d : due;
                }
        return due;
}

int notice_board_next(struct notice_board *b, uint64_t now, const struct notice_style *style, struct notice *ret) {
        for (int k = 0; k < NOTICE_KIND_MAX; k++)
                for (unsigned i = 0; i < NOTICE_SLOTS; i++) {
                        struct slot *s = &b->slots[k][i];
                        if (due_of(b->slots[k], s, style) > now)
                                continue;
                        const struct notice_facts f = { .event = s->event,
                                                        .count = s->count,
                                                        .others = s->others,
                                                        .shared = is_shared(b->slots[k], s) };
                        struct notice n = { .slot = (unsigned) k * NOTICE_SLOTS + i,
                                            .again = s->was_shown,
                                            .kind = (enum notice_kind) k };
                        s->dirty = false;
                        s->was_shown = true;
                        s->shown = now;
                        int r = notice_text(n.kind, &f, style, &n);
                        if (r < 0)
                                return r;
                        *ret = n;
                        return 1;
                }
        return 0;
}

static struct slot *numbered(struct notice_board *b, unsigned slot) {
        return &b->slots[slot / NOTICE_SLOTS][slot % NOTICE_SLOTS];
}

void notice_board_dismiss(struct notice_board *b, unsigned slot) {
        numbered(b, slot)->was_shown = false;
}

void notice_board_lost(struct notice_board *b, unsigned slot) {
        struct slot *s = numbered(b, slot);
        s->was_shown = false;
        s->dirty = s->used;
}
