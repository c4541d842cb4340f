/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/agent_interface.h"

#define KINDS_MAX  32u
#define ROUND_USEC UINT64_C(1000000)

struct kind {
        char *from, *to, *from_program, *to_program; /* from, to: NULL: no zone */
        enum selection selection;
        uint32_t types;
        uint64_t bytes;
        bool has_my_number, is_focused;
        int64_t waiting; /* not told yet */
};

struct reports {
        struct link *link;
        sd_event_source *round;
        struct kind kinds[KINDS_MAX]; /* of this second */
        size_t n;
        int64_t more; /* of kinds that found no place */
};

static bool same_text(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_kind(const struct kind *k, const struct report *p) {
        return k->selection == p->selection && k->types == p->facts.types && k->bytes == p->facts.bytes &&
               k->has_my_number == p->facts.has_my_number && k->is_focused == p->is_focused &&
               same_text(k->from, p->facts.from) && same_text(k->to, p->facts.to) &&
               strcmp(k->from_program, p->from_program) == 0 && strcmp(k->to_program, p->to_program) == 0;
}

static json_t *types_json(uint32_t types) {
        json_t *list = json_array();
        for (int t = 0; t < FLOW_TYPE_MAX; t++)
                if (types & 1u << t)
                        (void) json_array_append_new(list, json_string(flow_type_name((enum flow_type) t)));
        return list;
}

/* Paths may hold any bytes; what is no text is not told. */
static json_t *path_json(const char *path) {
        json_t *j = json_string(path);
        return j ? j : json_string("");
}

/* False: it could not be told, and waits. */
static bool send(const struct reports *r, const struct kind *k, int64_t count, bool storm) {
        if (!r->link)
                return true; /* nobody wants to know */
        json_t *j = json_pack("{s:s, s:s*, s:s*, s:o, s:o, s:o, s:I, s:b, s:b, s:I, s:b}", "selection",
                              selection_name(k->selection), "from", k->from, "to", k->to, "from_program",
                              path_json(k->from_program ? k->from_program : ""), "to_program",
                              path_json(k->to_program ? k->to_program : ""), "types", types_json(k->types), "bytes",
                              (json_int_t) k->bytes, "my_number", k->has_my_number, "focused", k->is_focused, "count",
                              (json_int_t) count, "storm", storm);
        return link_tell(r->link, AGENT_METHOD(AGENT_REPORT_PASTE), j) == 0;
}

static void forget_kind(struct kind *k) {
        free(k->from);
        free(k->to);
        free(k->from_program);
        free(k->to_program);
        *k = (struct kind){ 0 };
}

static char *copy(const char *s) {
        return s ? strdup(s) : NULL;
}

static void tell_more(struct reports *r) {
        static const struct kind none = { .selection = SELECTION_CLIPBOARD };
        if (r->more > 0 && send(r, &none, r->more, true))
                r->more = 0;
}

/* What could not be told stays for the next round; kinds that were told and not seen again go. */
static int on_round(sd_event_source *s, uint64_t usec, void *userdata) {
        struct reports *r = userdata;
        (void) s;
        (void) usec;
        size_t kept = 0;
        for (size_t i = 0; i < r->n; i++) {
                struct kind *k = &r->kinds[i];
                bool was_waiting = k->waiting > 0;
                if (was_waiting && send(r, k, k->waiting, false))
                        k->waiting = 0;
                if (was_waiting)
                        r->kinds[kept++] = *k;
                else
                        forget_kind(k);
        }
        r->n = kept;
        tell_more(r);
        if (r->n == 0 && r->more == 0)
                return 0;
        (void) sd_event_source_set_time_relative(r->round, ROUND_USEC);
        return sd_event_source_set_enabled(r->round, SD_EVENT_ONESHOT);
}

static void begin_round(struct reports *r) {
        int on = SD_EVENT_OFF;
        if (sd_event_source_get_enabled(r->round, &on) >= 0 && on != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time_relative(r->round, ROUND_USEC);
        (void) sd_event_source_set_enabled(r->round, SD_EVENT_ONESHOT);
}

void reports_add(struct reports *r, const struct report *p) {
        begin_round(r);
        for (size_t i = 0; i < r->n; i++)
                if (is_kind(&r->kinds[i], p)) {
                        r->kinds[i].waiting++;
                        return;
                }
        if (r->n == KINDS_MAX) {
                r->more++;
                return;
        }
        struct kind k = { .from = copy(p->facts.from),
                          .to = copy(p->facts.to),
                          .from_program = copy(p->from_program),
                          .to_program = copy(p->to_program),
                          .selection = p->selection,
                          .types = p->facts.types,
                          .bytes = p->facts.bytes,
                          .has_my_number = p->facts.has_my_number,
                          .is_focused = p->is_focused };
        if (!k.from_program || !k.to_program) { /* no memory */
                forget_kind(&k);
                r->more++;
                return;
        }
        k.waiting = send(r, &k, 1, false) ? 0 : 1;
        r->kinds[r->n++] = k;
}

void reports_set_link(struct reports *r, struct link *l) {
        r->link = l;
}

int reports_new(sd_event *event, struct reports **ret) {
        struct reports *r = calloc(1, sizeof *r);
        if (!r)
                return -ENOMEM;
        int e = sd_event_add_time(event, &r->round, CLOCK_MONOTONIC, UINT64_MAX, 10000, on_round, r);
        if (e >= 0)
                e = sd_event_source_set_enabled(r->round, SD_EVENT_OFF);
        if (e < 0) {
                (void) reports_free(r);
                return e;
        }
        *ret = r;
        return 0;
}

struct reports *reports_free(struct reports *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n; i++) {
                if (r->kinds[i].waiting > 0)
                        (void) send(r, &r->kinds[i], r->kinds[i].waiting, false);
                forget_kind(&r->kinds[i]);
        }
        tell_more(r);
        (void) sd_event_source_disable_unref(r->round);
        free(r);
        return NULL;
}
