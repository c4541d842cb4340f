/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helpers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "screen_lock.h"
#include "sys/sessions.h"
#include "varlink.h"

#define UNNAMED_MAX        4u /* helpers of one user in sessions that logind does not name */
#define REPORTS_BURST      40.0
#define REPORTS_PER_SECOND 10.0

/* How a session stands. */
struct charge {
        char id[32];
        uint64_t due; /* monotonic: something is done to it, unless a helper is there by then; 0: it is guarded */
        bool was_guarded;
        bool unguarded; /* it came to that */
        bool seen;      /* still there, in the round that is going on */
};

struct helpers {
        struct helper list[HELPERS_MAX];
        size_t n;
        struct charge charges[SESSIONS_MAX];
        size_t n_charges;
        sd_event_source *timer;
        char told[DIGEST_HEX_SIZE]; /* of the policy that helpers know; "": none */
};

static uint64_t now_usec(const struct agent *a) {
        uint64_t now = 0;
        (void) sd_event_now(a->event, CLOCK_MONOTONIC, &now);
        return now;
}

/* Where nothing is enforced, a session without a helper lacks nothing. */
static bool is_needed(const struct agent *a) {
        const struct clipboard_policy *c = &a->active.policy->clipboard;
        return c->mode == MODE_ENFORCE &&
               !(c->default_action == ACTION_ALLOW && c->n_flows == 0 && c->clear_after == 0);
}

static const struct helper *helper_of(const struct helpers *h, const struct session_info *i) {
        for (size_t k = 0; k < h->n; k++)
                if (h->list[k].call && h->list[k].uid == (int64_t) i->uid && strcmp(h->list[k].session, i->id) == 0)
                        return &h->list[k];
        return NULL;
}

/* One that is gone, too. */
static struct helper *known(struct helpers *h, int64_t uid, const char *session) {
        for (size_t i = 0; h && i < h->n; i++)
                if (h->list[i].uid == uid && strcmp(h->list[i].session, session) == 0)
                        return &h->list[i];
        return NULL;
}

struct helper *helpers_find(const struct agent *a, int64_t uid, const char *session) {
        struct helper *k = known(a->helpers, uid, session);
        return k && k->call ? k : NULL;
}

static bool is_to_be_guarded(const struct session_info *i) {
        return i->user && i->graphical && !i->closing;
}

static struct charge *charge_of(struct helpers *h, const char *id) {
        for (size_t i = 0; i < h->n_charges; i++)
                if (strcmp(h->charges[i].id, id) == 0)
                        return &h->charges[i];
        if (h->n_charges == SESSIONS_MAX)
                return NULL;
        struct charge *c = &h->charges[h->n_charges++];
        *c = (struct charge){ 0 };
        (void) snprintf(c->id, sizeof c->id, "%s", id);
        return c;
}

/* ---- what is done ---- */

static const char *const deeds[HELPER_MAX] = {
        [HELPER_LOCK] = "lock", [HELPER_END_SESSION] = "end-session", [HELPER_RECORD] = "record"
};

static void act(struct agent *a, const struct session_info *i, struct charge *c, const char *why) {
        enum without_helper w = a->active.policy->clipboard.without_helper;
        int r = 0;
        if (w == HELPER_LOCK && !i->locked)
                r = sessions_lock(a->sessions, i->id);
        else if (w == HELPER_END_SESSION)
                r = sessions_end(a->sessions, i->id);
        if (c->unguarded)
                return;
        c->unguarded = true;
        char detail[FINDING_DETAIL_MAX];
        (void) snprintf(detail, sizeof detail, "session %s, uid %u: %s; %s%s", i->id, (unsigned) i->uid, why, deeds[w],
                        r < 0 ? ": logind is not there" : "");
        agent_raise(a, FAILURE_SESSION_UNGUARDED, detail);
}

/* *ret_why: untranslated. True: it is guarded now. */
static bool is_guarded(const struct helper *k, uint64_t now, const char **ret_why) {
        if (!k)
                *ret_why = "no helper";
        else if (now - k->heard > HELPER_SILENT_USEC)
                *ret_why = "the helper does not answer";
        else if (!k->holding)
                *ret_why = *k->detail ? k->detail : "the helper cannot guard";
        else
                return true;
        return false;
}

/* When to look at this session again. */
static uint64_t look_at(struct agent *a, const struct session_info *i, uint64_t now) {
        struct charge *c = charge_of(a->helpers, i->id);
        if (!c)
                return UINT64_MAX; /* as many charges as sessions */
        c->seen = true;
        const struct helper *k = helper_of(a->helpers, i);
        const char *why = NULL;
        if (is_guarded(k, now, &why)) {
                c->due = 0;
                c->was_guarded = true;
                c->unguarded = false;
                return k->heard + HELPER_SILENT_USEC + 1;
        }
        if (c->due == 0)
                c->due = now + (k ? 0 : c->was_guarded ? HELPER_RESTART_USEC : HELPER_START_USEC);
        if (now >= c->due) {
                act(a, i, c, why);
                c->due = now + HELPER_AGAIN_USEC;
        }
        return c->due;
}

static void forget_charges(struct helpers *h) {
        for (size_t i = h->n_charges; i-- > 0;)
                if (!h->charges[i].seen)
                        h->charges[i] = h->charges[--h->n_charges];
}

static bool any_unguarded(const struct helpers *h) {
        for (size_t i = 0; i < h->n_charges; i++)
                if (h->charges[i].unguarded)
                        return true;
        return false;
}

static void look(struct agent *a) {
        struct helpers *h = a->helpers;
        uint64_t now = now_usec(a), next = UINT64_MAX;
        for (size_t i = 0; i < h->n_charges; i++)
                h->charges[i].seen = false;
        for (size_t i = 0; is_needed(a) && i < sessions_count(a->sessions); i++) {
                const struct session_info *s = sessions_get(a->sessions, i);
                if (!is_to_be_guarded(s))
                        continue;
                uint64_t due = look_at(a, s, now);
                next = due < next ? due : next;
        }
        forget_charges(h);
        if (!any_unguarded(h))
                agent_clear(a, FAILURE_SESSION_UNGUARDED);
        (void) sd_event_source_set_time(h->timer, next);
        (void) sd_event_source_set_enabled(h->timer, next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        (void) s;
        (void) usec;
        look(userdata);
        return 0;
}

static void on_sessions_changed(void *userdata) {
        look(userdata);
        screen_lock_look(userdata);
}

/* ---- helpers come and go ---- */

static void tell_storm(struct agent *a, struct helper *h) {
        if (h->storm == 0)
                return;
        const struct paste p = { .uid = h->uid,
                                 .session = h->session,
                                 .selection = "",
                                 .from_program = "",
                                 .to_program = "",
                                 .count = h->storm,
                                 .storm = true };
        h->storm = 0;
        if (agent_on_paste(a, &p) < 0)
                h->storm = p.count;
}

static void on_gone(struct ipc_call *call, void *userdata) {
        struct agent *a = userdata;
        struct helpers *h = a->helpers;
        for (size_t i = 0; h && i < h->n; i++) {
                if (h->list[i].call != call)
                        continue;
                tell_storm(a, &h->list[i]);
                h->list[i].call = NULL;
                look(a);
                return;
        }
}

/* A new one, or that of one that is gone for longest. NULL: all are taken. */
static struct helper *free_place(struct helpers *h, uint64_t now) {
        struct helper *oldest = NULL;
        if (h->n < HELPERS_MAX) {
                oldest = &h->list[h->n++];
                *oldest = (struct helper){ .tokens = REPORTS_BURST, .filled = now };
                return oldest;
        }
        for (size_t i = 0; i < h->n; i++)
                if (!h->list[i].call && (!oldest || h->list[i].heard < oldest->heard))
                        oldest = &h->list[i];
        if (oldest)
                *oldest = (struct helper){ .tokens = REPORTS_BURST, .filled = now };
        return oldest;
}

/* Nobody is to take the places of others' sessions by names of his own making. */
static bool has_too_many(const struct agent *a, int64_t uid) {
        unsigned n = 0;
        for (size_t i = 0; i < a->helpers->n; i++) {
                const struct helper *k = &a->helpers->list[i];
                n += k->call && k->uid == uid && !sessions_find(a->sessions, k->session);
        }
        return n >= UNNAMED_MAX;
}

/* A session that logind does not name yet is believed: it is looked at when it does, with the uid. */
int helpers_join(struct agent *a, struct ipc_call *call, const char *session) {
        struct helpers *h = a->helpers;
        if (!h || !*session || strlen(session) >= sizeof h->list[0].session)
                return -EINVAL;
        int64_t uid = ipc_call_uid(call);
        const struct session_info *i = sessions_find(a->sessions, session);
        if (i && (int64_t) i->uid != uid)
                return -EPERM;
        uint64_t now = now_usec(a);
        struct helper *k = known(h, uid, session);
        if (k && k->call) {
                ipc_call_on_gone(k->call, NULL, NULL);
                (void) ipc_error(k->call, IPC_ERROR_INVALID_PARAMETER, json_pack("{s:s}", "parameter", "session"));
        }
        if (!k && !i && has_too_many(a, uid))
                return -EDQUOT;
        if (!k)
                k = free_place(h, now);
        if (!k)
                return -ENOBUFS;
        /* Whoever joins again has no fresh bucket, and what was counted stays counted. */
        *k = (struct helper){ .call = call,
                              .uid = uid,
                              .heard = now,
                              .holding = true,
                              .tokens = k->tokens,
                              .filled = k->filled,
                              .storm = k->storm };
        (void) snprintf(k->session, sizeof k->session, "%s", session);
        ipc_call_on_gone(call, on_gone, a);
        look(a);
        return 0;
}

void helpers_heard(struct agent *a, struct helper *h, bool holding, const char *detail) {
        bool news = h->holding != holding;
        uint64_t now = now_usec(a);
        news = news || now - h->heard > HELPER_SILENT_USEC;
        h->heard = now;
        h->holding = holding;
        (void) snprintf(h->detail, sizeof h->detail, "%s", holding ? "" : detail);
        tell_storm(a, h);
        if (news)
                look(a);
}

int helpers_report(struct agent *a, struct helper *h, const struct paste *p) {
        uint64_t now = now_usec(a);
        h->tokens += (double) (now - h->filled) / 1e6 * REPORTS_PER_SECOND;
        h->filled = now;
        if (h->tokens > REPORTS_BURST)
                h->tokens = REPORTS_BURST;
        if (h->tokens < 1.0) {
                h->storm = __builtin_add_overflow(h->storm, p->count, &h->storm) ? INT64_MAX : h->storm;
                return 0;
        }
        h->tokens -= 1.0;
        return agent_on_paste(a, p);
}

void helpers_adopt(struct agent *a) {
        struct helpers *h = a->helpers;
        if (!h || strcmp(h->told, a->active.sha256) == 0)
                return;
        (void) snprintf(h->told, sizeof h->told, "%s", a->active.sha256);
        for (size_t i = 0; i < h->n; i++) /* one that is too slow goes on the way */
                if (h->list[i].call)
                        (void) ipc_reply_continues(h->list[i].call, varlink_clipboard(a));
        look(a);
        varlink_own_settings(a);
        screen_lock_look(a);
}

json_t *helpers_json(const struct agent *a) {
        const struct helpers *h = a->helpers;
        json_int_t subjects = 0, open = 0;
        for (size_t i = 0; i < sessions_count(a->sessions); i++) {
                const struct session_info *s = sessions_get(a->sessions, i);
                const char *why;
                if (!is_to_be_guarded(s))
                        continue;
                subjects++;
                open += h && !is_guarded(helper_of(h, s), now_usec(a), &why);
        }
        return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "name", "session", "mode",
                         mode_name(a->active.policy->clipboard.mode), "holding",
                         !a->findings.active[FAILURE_SESSION_UNGUARDED], "subjects", subjects, "open", open, "blocked",
                         (json_int_t) 0);
}

int helpers_new(struct agent *a) {
        a->helpers = calloc(1, sizeof *a->helpers);
        if (!a->helpers)
                return -ENOMEM;
        int r = sd_event_add_time(a->event, &a->helpers->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000, on_timer, a);
        if (r < 0)
                return r;
        (void) snprintf(a->helpers->told, sizeof a->helpers->told, "%s", a->active.sha256);
        return sessions_new(a->event, &a->root, on_sessions_changed, a, &a->sessions);
}

void helpers_free(struct agent *a) {
        a->sessions = sessions_free(a->sessions);
        if (!a->helpers)
                return;
        (void) sd_event_source_disable_unref(a->helpers->timer);
        free(a->helpers);
        a->helpers = NULL;
}
