/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person is told of: refusals that concern him, and nothing of others. A device concerns whoever has a session
 * at a seat of this terminal; a connection, a paste and a screen the user whose it is; a permit those whom it names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/agent_interface.h"
#include "json_text.h"
#include "permits.h"
#include "screen_lock.h"
#include "sys/sessions.h"
#include "varlink.h"

#define OWN_MAX         48u
#define OWN_PER_UID_MAX 8u

struct own_watchers {
        struct ipc_call *list[OWN_MAX];
        size_t n;
};

static bool has_seat(const struct agent *a, int64_t uid) {
        for (size_t i = 0; i < sessions_count(a->sessions); i++) {
                const struct session_info *s = sessions_get(a->sessions, i);
                if (s->user && !s->closing && *s->seat && (int64_t) s->uid == uid)
                        return true;
        }
        return false;
}

/* New reference, with what each message has. NULL: no memory. */
static json_t *message_new(const struct agent *a, const char *kind) {
        const struct policy *p = a->active.policy;
        return json_pack("{s:s, s:o, s:I}", "kind", kind, "contact", json_text(p->contact ? p->contact : ""),
                         "screen_lock", (json_int_t) (p->login.mode == MODE_ENFORCE ? p->login.screen_lock : 0));
}

/* message: stolen. concerns: of each watcher's uid. */
static void tell(struct agent *a, json_t *message, bool (*concerns)(const struct agent *a, int64_t uid, const void *of),
                 const void *of) {
        struct own_watchers *w = a->own;
        /* Backwards: one that is too slow is forgotten on the way. */
        for (size_t i = w ? w->n : 0; message && i-- > 0;)
                if (i < w->n && concerns(a, ipc_call_uid(w->list[i]), of))
                        (void) ipc_reply_continues(w->list[i], json_incref(message));
        json_decref(message);
}

static bool concerns_all(const struct agent *a, int64_t uid, const void *of) {
        (void) a;
        (void) uid;
        (void) of;
        return true;
}

static bool concerns_uid(const struct agent *a, int64_t uid, const void *of) {
        (void) a;
        return uid == *(const int64_t *) of;
}

static bool concerns_seat(const struct agent *a, int64_t uid, const void *of) {
        (void) of;
        return has_seat(a, uid);
}

static bool concerns_named(const struct agent *a, int64_t uid, const void *of) {
        const struct permit *p = of;
        return p->rule.users.n == 0 ? has_seat(a, uid) : permit_names(p, uid);
}

static void forget(struct ipc_call *call, void *userdata) {
        struct own_watchers *w = ((struct agent *) userdata)->own;
        for (size_t i = 0; w && i < w->n; i++)
                if (w->list[i] == call) {
                        w->list[i] = w->list[--w->n];
                        return;
                }
}

int varlink_watch_own(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        size_t same = 0;
        (void) parameters;
        if (!a->own && !(a->own = calloc(1, sizeof *a->own)))
                return -ENOMEM;
        struct own_watchers *w = a->own;
        for (size_t i = 0; i < w->n; i++)
                same += ipc_call_uid(w->list[i]) == ipc_call_uid(call);
        if (w->n == OWN_MAX || same == OWN_PER_UID_MAX)
                return -EBUSY;
        w->list[w->n++] = call;
        ipc_call_on_gone(call, forget, a);
        (void) ipc_reply_continues(call, message_new(a, "settings")); /* if it fails, the call is gone */
        return 0;
}

void varlink_own_free(struct agent *a) {
        free(a->own);
        a->own = NULL;
}

static bool anybody(const struct agent *a) {
        return a->own && a->own->n > 0;
}

void varlink_own_settings(struct agent *a) {
        if (anybody(a))
                tell(a, message_new(a, "settings"), concerns_all, NULL);
}

/* ---- refusals ---- */

/* Why it is not usable; NULL: it is, or nothing is known yet. */
static const char *device_refusal(const struct subject *s, bool is_effect) {
        static const char *const withheld[] = { [WITHHELD_RECORD] = "withheld-record",
                                                [WITHHELD_CONDITION] = "withheld-condition",
                                                [WITHHELD_LOCK] = "withheld-lock" };
        const struct verdict *v = &s->verdict;
        if (!v->enforce)
                return NULL;
        if (!verdict_opens(v))
                return is_effect ? NULL : reason_code(v->reason); /* told when it was decided */
        if (s->withheld != WITHHELD_NOT)
                return is_effect ? NULL : withheld[s->withheld];
        bool failed = s->has_effect && !s->effect.open && s->effect.result != EFFECT_AS_DECIDED &&
                      s->effect.result != EFFECT_GONE;
        return is_effect && failed ? "not-held" : NULL;
}

static json_t *classes_json(uint32_t classes) {
        json_t *list = json_array();
        for (int c = 0; c < CLASS_MAX; c++)
                if (classes & CLASS_BIT(c))
                        (void) json_array_append_new(list, json_string(class_name((enum device_class) c)));
        return list;
}

static void add_verdict(json_t *message, const struct verdict *v, const char *reason) {
        (void) json_object_set_new(message, "reason", json_string(reason));
        if (v->rule)
                (void) json_object_set_new(message, "rule", json_text(v->rule));
        if (v->note)
                (void) json_object_set_new(message, "note", json_text(v->note));
}

void varlink_own_device(struct agent *a, const struct subject *s, bool is_effect) {
        const struct device_facts *d = &s->facts.device;
        const char *reason = device_refusal(s, is_effect);
        json_t *message = anybody(a) && reason ? message_new(a, "device") : NULL;
        if (!message)
                return;
        add_verdict(message, &s->verdict, reason);
        (void) json_object_set_new(message, "subject", json_text(*d->name ? d->name : d->known_as));
        (void) json_object_set_new(message, "classes", classes_json(device_classes(d)));
        tell(a, message, concerns_seat, NULL);
}

/* As the record has it: an address in the policy's notation. */
void varlink_own_blocked(struct agent *a, const struct blocked *b, const struct verdict *v, const json_t *connection) {
        if (!anybody(a) || b->observed || b->uid < 0 || b->kind == BLOCKED_LOST)
                return;
        json_t *message = message_new(a, "network");
        if (!message)
                return;
        add_verdict(message, v, reason_code(v->reason));
        (void) json_object_set_new(message, "subject", json_text(b->program));
        (void) json_object_set_new(message, "direction", json_string(blocked_direction_name(b->direction)));
        (void) json_object_set(message, "peer", json_object_get(connection, "peer"));
        (void) json_object_set(message, "port", json_object_get(connection, "port"));
        tell(a, message, concerns_uid, &b->uid);
}

void varlink_own_paste(struct agent *a, const struct paste *p, const struct verdict *v) {
        json_t *message = anybody(a) && v->enforce && !verdict_opens(v) ? message_new(a, "clipboard") : NULL;
        if (!message)
                return;
        add_verdict(message, v, reason_code(v->reason));
        (void) json_object_set_new(message, "from", json_text(p->facts.from ? p->facts.from : ""));
        (void) json_object_set_new(message, "to", json_text(p->facts.to ? p->facts.to : ""));
        tell(a, message, concerns_uid, &p->uid);
}

void varlink_own_permit(struct agent *a, const struct stored_permit *p, const char *detail, int64_t left) {
        if (!anybody(a) || (strcmp(detail, "ending") != 0 && strcmp(detail, "ended") != 0))
                return;
        json_t *message = message_new(a, "permit");
        if (!message)
                return;
        (void) json_object_set_new(message, "subject", json_text(p->permit->id));
        (void) json_object_set_new(message, "ticket", json_text(p->permit->ticket));
        (void) json_object_set_new(message, "detail", json_string(detail));
        (void) json_object_set_new(message, "left", json_integer((json_int_t) left));
        tell(a, message, concerns_named, p->permit);
}

void varlink_own_screen(struct agent *a, int64_t uid, const char *session) {
        json_t *message = anybody(a) ? message_new(a, "screen") : NULL;
        if (!message)
                return;
        (void) json_object_set_new(message, "subject", json_text(session));
        tell(a, message, concerns_uid, &uid);
}

/* ---- idle times, which helpers measure ---- */

int varlink_report_idle(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct agent *a = userdata;
        int r = screen_lock_report(a, ipc_call_uid(call), json_string_value(json_object_get(parameters, "session")),
                                   json_integer_value(json_object_get(parameters, "idle")),
                                   json_is_true(json_object_get(parameters, "locked")));
        if (r == 0)
                return ipc_reply(call, NULL);
        json_t *j = json_pack("{s:s}", "parameter", "session");
        return j ? ipc_error(call, IPC_ERROR_INVALID_PARAMETER, j) : -ENOMEM;
}

const struct ipc_param varlink_idle_params[] = { { "session", IPC_STRING, false },
                                                 { "idle", IPC_INT, false },
                                                 { "locked", IPC_BOOL, false },
                                                 { NULL, IPC_BOOL, false } };
