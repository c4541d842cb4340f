/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logins and second factors. https://schema.ocsf.io/1.7.0/classes/{authentication,account_change} */
#include <inttypes.h>
#include <string.h>

#include "audit/mask.h"
#include "audit/ocsf_parts.h"
#include "audit/text.h"
#include "base/cleanup.h"

static const struct ocsf_class authentication = { 3, 3002, false };
static const struct ocsf_class account_change = { 3, 3001, false };

/* The activity of either class; NULL ends the table and stands for any other word. */
static const struct login_kind {
        const char *outcome;
        enum audit_kind kind;
        int logon;  /* Authentication: 1 Logon, 99 Other */
        int change; /* Account Change: 9 Lock, 10 and 11 MFA Factor Enable and Disable, 12 Unlock */
        const char *caption;
        int status; /* status_id: 1 success, 2 failure */
} login_kinds[] = {
        { "accepted", KIND_LOGIN_ACCEPTED, 1, 99, "Logon", 1 },
        { "refused", KIND_LOGIN_REFUSED, 1, 99, "Logon", 2 },
        { "exempt", KIND_LOGIN_EXEMPT, 1, 99, "Logon", 1 },
        { "break-glass", KIND_LOGIN_BREAK_GLASS, 1, 99, "Logon", 1 },
        { "observed", KIND_LOGIN_OBSERVED, 1, 99, "Logon", 1 },
        { "session", KIND_LOGIN_SESSION, 1, 99, "Logon", 1 },
        { "enrolled", KIND_FACTOR_ENROLLED, 99, 10, "MFA Factor Enable", 1 },
        { "removed", KIND_FACTOR_REMOVED, 99, 11, "MFA Factor Disable", 1 },
        { "unlocked", KIND_FACTOR_UNLOCKED, 99, 12, "Unlock", 1 },
        { "locked", KIND_FACTOR_LOCKED, 99, 9, "Lock", 1 },
        { NULL, KIND_LOGIN_TROUBLE, 99, 99, "Other", 2 },
};

static const struct login_kind *kind_of(const char *outcome) {
        const struct login_kind *k = login_kinds;
        while (k->outcome && strcmp(k->outcome, outcome) != 0)
                k++;
        return k;
}

/* Somebody may type a My Number where a name is asked for. NULL stays null, and "" what it is. */
static json_t *masked(const char *s) {
        return s && *s ? ocsf_masked(s) : text_json(s);
}

static json_t *person(const char *name, int64_t uid) {
        json_t *user = json_pack("{s:o, s:i, s:s}", "name", masked(name), "type_id", 0, "type", "Unknown");
        if (user && uid >= 0)
                (void) json_object_set_new(user, "uid", json_sprintf("%" PRId64, uid));
        return user;
}

/* The code is the second factor; that the password was right is the PAM stack's knowledge, and the order of the stack
 * is what this relies on. */
static void put_authentication(json_t *event, const struct audit_login *l, int *failed) {
        bool second = l->factor != NULL && strcmp(l->outcome, "accepted") == 0;
        ocsf_put(event, "is_mfa", json_boolean(second), failed);
        ocsf_put(event, "is_remote", json_boolean(l->rhost && *l->rhost), failed);
        if (l->service)
                ocsf_put(event, "service", json_pack("{s:o}", "name", text_json(l->service)), failed);
        if (l->rhost && *l->rhost)
                ocsf_put(event, "src_endpoint", json_pack("{s:o}", "hostname", masked(l->rhost)), failed);
}

static json_t *details(const struct audit_login *l) {
        json_t *by = l->by >= 0 ? json_integer(l->by) : json_null();
        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:b}", "phase", l->phase, "user", masked(l->user),
                         "service", text_json(l->service), "tty", masked(l->tty), "rhost", masked(l->rhost), "factor",
                         l->factor, "escort", masked(l->escort), "by", by, "clock_suspect", l->clock_suspect);
}

json_t *audit_event_login(const struct audit_terminal *t, int64_t now, const struct audit_login *given,
                          const struct verdict *v) {
        /* Who is no account here may have typed anything in place of a name. */
        CLEANUP(free_p) char *typed = strdup(given->user);
        if (!typed)
                return NULL;
        if (given->uid < 0)
                mask_numbers(typed);
        struct audit_login masked = *given;
        masked.user = typed;
        const struct audit_login *l = &masked;

        const struct login_kind *k = kind_of(l->outcome);
        bool is_change = strcmp(l->phase, "factor") == 0;
        int activity = is_change ? k->change : k->logon;
        json_t *event = ocsf_event_new(t, now, is_change ? &account_change : &authentication, activity,
                                       activity == 99 ? "Other" : k->caption, k->kind);
        json_t *own = ocsf_own(v ? v->rule : NULL, v ? reason_code(v->reason) : NULL, v ? v->policy_serial : 0,
                               v && v->explicit_rule);
        int failed = 0;
        CLEANUP(free_p) char *user = strdup(l->user ? l->user : "");
        if (user)
                mask_numbers(user);
        if (event && own) {
                ocsf_put(event, "user", person(l->user, l->uid), &failed);
                if (l->by >= 0)
                        ocsf_put(event, "actor",
                                 json_pack("{s:s, s:{s:o}}", "app_name", OCSF_PRODUCT, "user", "uid",
                                           json_sprintf("%" PRId64, l->by)),
                                 &failed);
                if (!is_change)
                        put_authentication(event, l, &failed);
                ocsf_put(event, "status_id", json_integer(k->status), &failed);
                ocsf_put(event, "status", json_string(k->status == 1 ? "Success" : "Failure"), &failed);
                if (l->detail)
                        ocsf_put(event, "status_detail", text_json(l->detail), &failed);
                ocsf_put_text(event, "message", &failed, "%s %s%s%s%s%s", user ? user : "", audit_kinds[k->kind].name,
                              l->service ? " at " : "", l->service ? l->service : "", l->detail ? ": " : "",
                              l->detail ? l->detail : "");
                ocsf_put(own, "login", details(l), &failed);
                ocsf_put(own, "detail", text_json(l->detail), &failed);
                if (v) {
                        ocsf_put(own, "action", json_string(action_name(v->action)), &failed);
                        ocsf_put(own, "enforce", json_boolean(v->enforce), &failed);
                }
        }
        return ocsf_finish(event, own, failed);
}
