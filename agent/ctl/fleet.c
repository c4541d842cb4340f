/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fleet.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#include "fleet_log.h"

#define DAY_MSEC       INT64_C(86400000)
#define RETURN_DEFAULT 86400 /* seconds; records of older versions do not say it */

enum member {
        MEMBER_TIME,
        MEMBER_METADATA,
        MEMBER_CODE,
        MEMBER_PRODUCT,
        MEMBER_VERSION,
        MEMBER_DEVICE,
        MEMBER_UID,
        MEMBER_HOSTNAME,
        MEMBER_UNMAPPED,
        MEMBER_OWN,
        MEMBER_LOG,
        MEMBER_SEQ,
        MEMBER_PREV,
        MEMBER_SERIAL,
        MEMBER_PERMIT,
        MEMBER_PERMIT_ID,
        MEMBER_PERMIT_RETURN,
        MEMBER_MAX,
};

static const struct field_path paths[MEMBER_MAX] = {
        [MEMBER_TIME] = { "time", -1 },
        [MEMBER_METADATA] = { "metadata", -1 },
        [MEMBER_CODE] = { "event_code", MEMBER_METADATA },
        [MEMBER_PRODUCT] = { "product", MEMBER_METADATA },
        [MEMBER_VERSION] = { "version", MEMBER_PRODUCT },
        [MEMBER_DEVICE] = { "device", -1 },
        [MEMBER_UID] = { "uid", MEMBER_DEVICE },
        [MEMBER_HOSTNAME] = { "hostname", MEMBER_DEVICE },
        [MEMBER_UNMAPPED] = { "unmapped", -1 },
        [MEMBER_OWN] = { "sekisho", MEMBER_UNMAPPED },
        [MEMBER_LOG] = { "log", MEMBER_OWN },
        [MEMBER_SEQ] = { "seq", MEMBER_OWN },
        [MEMBER_PREV] = { "prev", MEMBER_OWN },
        [MEMBER_SERIAL] = { "policy_serial", MEMBER_OWN },
        [MEMBER_PERMIT] = { "permit", MEMBER_OWN },
        [MEMBER_PERMIT_ID] = { "id", MEMBER_PERMIT },
        [MEMBER_PERMIT_RETURN] = { "return_within", MEMBER_PERMIT },
};

static const struct field *value(const struct fleet *f, enum member m) {
        return &f->fields.values[m];
}

/* ---- what a record says of its terminal ---- */

static void hear_denied(const struct fleet *f, struct fleet_terminal *t) {
        static const struct {
                const char *code;
                enum fleet_denied what;
        } codes[] = {
                { "device-refused", FLEET_DENIED_DEVICE },   { "network-blocked", FLEET_DENIED_NETWORK },
                { "network-storm", FLEET_DENIED_NETWORK },   { "paste-refused", FLEET_DENIED_CLIPBOARD },
                { "login-refused", FLEET_DENIED_LOGIN },     { "document-refused", FLEET_DENIED_DOCUMENT },
                { "permit-refused", FLEET_DENIED_DOCUMENT }, { "paste-storm", FLEET_DENIED_CLIPBOARD },
        };
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
                if (field_is(value(f, MEMBER_CODE), codes[i].code))
                        t->denied[codes[i].what]++;
}

static void hear_agent(const struct fleet *f, struct fleet_terminal *t) {
        if (field_is(value(f, MEMBER_CODE), "agent-start")) {
                t->crashes += t->is_running;
                t->is_running = true;
        } else if (field_is(value(f, MEMBER_CODE), "agent-stop")) {
                t->stops++;
                t->is_running = false;
        }
}

static struct fleet_permit *find_permit(struct fleet_terminal *t, const char *id) {
        for (size_t i = 0; i < t->n_permits; i++)
                if (strcmp(t->permits[i].id, id) == 0)
                        return &t->permits[i];
        return NULL;
}

static int add_permit(struct fleet_terminal *t, const struct fleet_permit *p) {
        if (t->n_permits == FLEET_PERMITS_MAX) {
                t->permits_overflow = true;
                return 0;
        }
        struct fleet_permit *grown = realloc(t->permits, (t->n_permits + 1) * sizeof *grown);
        if (!grown)
                return -ENOMEM;
        t->permits = grown;
        t->permits[t->n_permits++] = *p;
        return 0;
}

static int hear_permit(const struct fleet *f, struct fleet_terminal *t, int64_t msec) {
        const struct field *code = value(f, MEMBER_CODE);
        struct fleet_permit p = { .return_within = RETURN_DEFAULT };
        bool used = field_is(code, "permit-used"), ended = field_is(code, "permit-ended");
        if ((!used && !ended && !field_is(code, "permit-closed")) ||
            !field_text(value(f, MEMBER_PERMIT_ID), p.id, sizeof p.id))
                return 0;
        (void) field_integer(value(f, MEMBER_PERMIT_RETURN), &p.return_within);
        struct fleet_permit *known = find_permit(t, p.id);
        if (used)
                return known ? 0 : add_permit(t, &p);
        /* One that ended without ever being used has no medium that is to come back. */
        if (known && ended)
                known->ended = msec / 1000;
        else if (known)
                *known = t->permits[--t->n_permits];
        return 0;
}

static int hear(const struct fleet *f, struct fleet_terminal *t, int64_t msec) {
        t->records++;
        if (msec > f->now * 1000 + DAY_MSEC) {
                t->future++;
                return 0;
        }
        t->first = t->first == 0 || msec < t->first ? msec : t->first;
        if (msec >= t->last) {
                t->last = msec;
                (void) field_text(value(f, MEMBER_HOSTNAME), t->hostname, sizeof t->hostname);
                (void) field_text(value(f, MEMBER_VERSION), t->version, sizeof t->version);
        }
        int64_t serial;
        if (msec >= t->policy_at && field_integer(value(f, MEMBER_SERIAL), &serial) && serial > 0 &&
            !field_is(value(f, MEMBER_CODE), "document-refused")) {
                t->policy = (uint64_t) serial;
                t->policy_at = msec;
        }
        hear_denied(f, t);
        hear_agent(f, t);
        return hear_permit(f, t, msec);
}

/* ---- whose it is ---- */

static int compare_uids(const void *a, const void *b) {
        return strcmp(((const struct fleet_terminal *) a)->uid, ((const struct fleet_terminal *) b)->uid);
}

static void terminal_free(void *node) {
        struct fleet_terminal *t = node;
        for (size_t i = 0; i < t->n_logs; i++) {
                free(t->logs[i]->pieces);
                free(t->logs[i]);
        }
        free(t->permits);
        free(t);
}

static int find_terminal(struct fleet *f, const char *uid, struct fleet_terminal **ret) {
        struct fleet_terminal like;
        if (f->latest && strcmp(f->latest->uid, uid) == 0) {
                *ret = f->latest;
                return 0;
        }
        (void) strncpy(like.uid, uid, sizeof like.uid - 1);
        like.uid[sizeof like.uid - 1] = '\0';
        struct fleet_terminal **found = tfind(&like, &f->index, compare_uids);
        if (found) {
                *ret = f->latest = *found;
                return 0;
        }
        if (f->n == FLEET_TERMINALS_MAX)
                return -E2BIG;
        struct fleet_terminal *t = calloc(1, sizeof *t);
        if (!t)
                return -ENOMEM;
        memcpy(t->uid, like.uid, sizeof t->uid);
        if (!tsearch(t, &f->index, compare_uids)) {
                free(t);
                return -ENOMEM;
        }
        f->n++;
        *ret = f->latest = t;
        return 0;
}

/* 1: of more logs than any terminal has. */
static int find_log(struct fleet_terminal *t, const char *name, struct fleet_log **ret) {
        for (size_t i = 0; i < t->n_logs; i++)
                if (strcmp(t->logs[i]->name, name) == 0) {
                        *ret = t->logs[i];
                        return 0;
                }
        if (t->n_logs == FLEET_LOGS_MAX)
                return 1;
        struct fleet_log *l = calloc(1, sizeof *l);
        if (!l)
                return -ENOMEM;
        memcpy(l->name, name, strnlen(name, CHAIN_LOG_MAX));
        t->logs[t->n_logs++] = *ret = l;
        return 0;
}

struct place {
        char uid[CHAIN_HEX + 1], log[CHAIN_LOG_MAX + 1], prev[CHAIN_HEX + 1];
        int64_t seq, msec;
};

static bool read_place(const struct fleet *f, struct place *p) {
        return field_text(value(f, MEMBER_UID), p->uid, sizeof p->uid) && *p->uid &&
               field_text(value(f, MEMBER_LOG), p->log, sizeof p->log) && chain_log_valid(p->log, strlen(p->log)) &&
               field_text(value(f, MEMBER_PREV), p->prev, sizeof p->prev) &&
               strspn(p->prev, "0123456789abcdef") == CHAIN_HEX && field_integer(value(f, MEMBER_SEQ), &p->seq) &&
               p->seq > 0 && (uint64_t) p->seq <= CHAIN_SEQ_LAST && field_integer(value(f, MEMBER_TIME), &p->msec);
}

int fleet_line(struct fleet *f, const char *line, size_t size) {
        struct place p;
        f->lines++;
        if (!fields_read(&f->fields, line, size) || !read_place(f, &p)) {
                f->bad++;
                return FLEET_LINE_BAD;
        }
        struct fleet_terminal *t = NULL;
        struct fleet_log *l = NULL;
        int r = find_terminal(f, p.uid, &t);
        if (r == 0)
                r = find_log(t, p.log, &l);
        if (r < 0)
                return r;
        if (r > 0) {
                f->bad++;
                return FLEET_LINE_BAD;
        }
        char hash[CHAIN_HEX + 1];
        chain_hash(line, size, hash);
        bool broken;
        r = fleet_log_add(l, (uint64_t) p.seq, p.prev, hash, &broken);
        if (r < 0)
                return r;
        t->broken += broken;
        if (r > 0)
                r = hear(f, t, p.msec);
        else
                t->twice++;
        return r < 0 ? r : FLEET_LINE_GOOD;
}

/* ---- sums ---- */

size_t fleet_gaps(const struct fleet_terminal *t) {
        size_t n = 0;
        for (size_t i = 0; i < t->n_logs; i++)
                n += t->logs[i]->n > 0 ? t->logs[i]->n - 1 : 0;
        return n;
}

uint64_t fleet_missing(const struct fleet_terminal *t) {
        uint64_t n = 0;
        for (size_t i = 0; i < t->n_logs; i++)
                for (size_t k = 1; k < t->logs[i]->n; k++)
                        n += t->logs[i]->pieces[k].first - t->logs[i]->pieces[k - 1].last - 1;
        return n;
}

enum fleet_chain fleet_chain(const struct fleet_terminal *t) {
        enum fleet_chain worst = FLEET_CHAIN_WHOLE;
        for (size_t i = 0; i < t->n_logs; i++) {
                const struct fleet_log *l = t->logs[i];
                bool is_beginning = l->n > 0 && l->pieces[0].first == 1 && strcmp(l->pieces[0].prev, chain_zeros) == 0;
                enum fleet_chain c = l->broken_at > 0 || l->overflow ? FLEET_CHAIN_BROKEN
                                     : l->n > 1                      ? FLEET_CHAIN_GAPS
                                     : !is_beginning                 ? FLEET_CHAIN_LATER
                                                                     : FLEET_CHAIN_WHOLE;
                worst = c > worst ? c : worst;
        }
        return worst;
}

size_t fleet_open_permits(const struct fleet_terminal *t) {
        size_t n = 0;
        for (size_t i = 0; i < t->n_permits; i++)
                n += t->permits[i].ended == 0;
        return n;
}

size_t fleet_overdue_permits(const struct fleet_terminal *t, int64_t now) {
        size_t n = 0;
        for (size_t i = 0; i < t->n_permits; i++)
                n += t->permits[i].ended > 0 && now - t->permits[i].ended >= t->permits[i].return_within;
        return n;
}

/* ---- life ---- */

void fleet_init(struct fleet *f, int64_t now) {
        *f = (struct fleet){ .now = now };
        fields_init(&f->fields, paths, MEMBER_MAX);
}

void fleet_clear(struct fleet *f) {
        fields_clear(&f->fields);
        tdestroy(f->index, terminal_free);
        for (size_t i = 0; f->list && i < f->n; i++)
                terminal_free(f->list[i]);
        free(f->list);
        memset(f, 0, sizeof *f);
}

static int compare_names(const void *a, const void *b) {
        const struct fleet_terminal *x = *(struct fleet_terminal *const *) a, *y = *(struct fleet_terminal *const *) b;
        int n = strverscmp(x->hostname, y->hostname);
        return n != 0 ? n : strcmp(x->uid, y->uid);
}

static void take(const void *node, VISIT visit, void *userdata) {
        struct fleet_terminal ***next = userdata;
        if (visit == postorder || visit == leaf)
                *(*next)++ = *(struct fleet_terminal *const *) node;
}

static void keep(void *node) {
        (void) node;
}

int fleet_finish(struct fleet *f) {
        f->list = calloc(f->n + 1, sizeof(struct fleet_terminal *));
        if (!f->list)
                return -ENOMEM;
        struct fleet_terminal **next = f->list;
        twalk_r(f->index, take, &next);
        tdestroy(f->index, keep);
        f->index = NULL;
        qsort(f->list, f->n, sizeof(struct fleet_terminal *), compare_names);
        return 0;
}
