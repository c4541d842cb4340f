/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What pam_sekisho.so asks. What it learns is the same for a wrong code, a locked user and nobody at all. */
#include "methods.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define CALLS_USEC 5000000u

int method_answer(struct ipc_call *call, json_t *parameters) {
        return parameters ? ipc_reply(call, parameters) : -ENOMEM;
}

int method_user_error(struct ipc_call *call, const char *error, const char *user) {
        return ipc_error(call, error, json_pack("{s:s%}", "user", user, strnlen(user, OTPD_NAME_MAX)));
}

bool method_is_root(const struct ipc_call *call) {
        return ipc_call_uid(call) == 0 || ipc_call_uid(call) == geteuid();
}

int method_may_ask(const struct account *who, struct ipc_call *call) {
        if (method_is_root(call) || (who->known && who->uid == ipc_call_uid(call)))
                return 0;
        (void) ipc_error(call, IPC_ERROR_PERMISSION_DENIED, NULL);
        return 1;
}

static int flush(sd_event_source *source, uint64_t usec, void *userdata) {
        struct otpd *o = userdata;
        (void) usec;
        sd_event_source_unref(source);
        o->flush = NULL;
        if (o->log && audit_log_flush(o->log) < 0)
                method_schedule_flush(o);
        return 0;
}

void method_schedule_flush(struct otpd *o) {
        uint64_t now;
        if (o->flush || !o->log || audit_log_deadline(o->log) == UINT64_MAX ||
            sd_event_now(o->event, CLOCK_MONOTONIC, &now) < 0)
                return;
        (void) sd_event_add_time(o->event, &o->flush, CLOCK_MONOTONIC, now + AUDIT_BATCH_USEC / 2, AUDIT_BATCH_USEC / 2,
                                 flush, o);
}

/* ---- one login ---- */

static struct login_request request_of(const json_t *parameters) {
        return (struct login_request){ .user = text_of(parameters, "user"),
                                       .service = text_of(parameters, "service"),
                                       .tty = text_of(parameters, "tty"),
                                       .rhost = text_of(parameters, "rhost") };
}

static bool flag_of(const json_t *parameters, const char *name) {
        return json_is_true(json_object_get(parameters, name));
}

static const char *contact_of(const struct otpd *o) {
        return o->active.policy->contact ? o->active.policy->contact : "";
}

/* Begins a record about l. */
static struct audit_login record_of(const struct login *l, const struct ipc_call *call, const char *phase,
                                    const char *outcome) {
        return (struct audit_login){ .phase = phase,
                                     .outcome = outcome,
                                     .user = l->account.name,
                                     .uid = l->account.known ? (int64_t) l->account.uid : -1,
                                     .service = l->request->service,
                                     .tty = l->request->tty,
                                     .rhost = l->request->rhost,
                                     .by = (int64_t) ipc_call_uid(call) };
}

static void record(struct otpd *o, const struct login *l, const struct audit_login *a, enum audit_when when) {
        otpd_record(o, a, &l->verdict, when);
        method_schedule_flush(o);
}

/* Judges, and refuses the caller who asks about somebody else. 0: go on, login_clear() is due; 1: answered; -errno. */
static int begin(struct otpd *o, struct ipc_call *call, const struct login_request *q, struct login *ret) {
        int r = login_judge(o, q, ret);
        if (r < 0)
                return r;
        r = method_may_ask(&ret->account, call);
        if (r != 0)
                login_clear(ret);
        return r;
}

/* An escort is asked for where somebody enters; not when a process of the user himself, a screen locker, asks. */
static bool needs_escort(const struct login *l, const struct ipc_call *call) {
        return l->demand == DEMAND_CODE && l->rule && l->rule->escort.n > 0 && method_is_root(call);
}

static void record_open_door(struct otpd *o, const struct login *l, const struct ipc_call *call) {
        const char *outcome = !l->verdict.enforce ? "observed" : l->break_glass ? "break-glass" : "exempt";
        struct audit_login a = record_of(l, call, "auth", outcome);
        a.detail = l->enrolment_open ? "enrolment-open" : NULL;
        if (l->break_glass)
                otpd_break_glass(o, l->account.name);
        record(o, l, &a, AUDIT_DURABLE);
}

/* For those who type password and code in one: where the one ends. */
static int digits_of(const struct otpd *o, const struct login *l) {
        struct vault_user u;
        const struct seal_owner owner = { l->account.uid, l->account.name };
        int digits = o->active.policy->login.totp_digits;
        if (o->vault_error < 0 || !l->account.known)
                return digits;
        int r = vault_user_open(&o->vault, &owner, &u);
        if (r == VAULT_OK)
                digits = u.enrolment.totp.digits;
        if (r >= 0 && r != VAULT_UNKNOWN)
                vault_user_close(&u);
        return digits;
}

static int challenge(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        const struct login_request q = request_of(parameters);
        bool decoy = flag_of(parameters, "decoy");
        struct login l;
        int r = begin(o, call, &q, &l);
        if (r != 0)
                return r < 0 ? r : 0;
        /* Who gave a wrong password is asked whoever he says he is: also he who says he is exempt, or needs an escort.
         */
        bool ask = decoy ? login_asks_strangers(o, &q) : l.demand != DEMAND_NOTHING;
        if (!ask && !decoy)
                record_open_door(o, &l, call);
        bool escort = !decoy && needs_escort(&l, call);
        r = method_answer(call,
                          json_pack("{s:b, s:b, s:b, s:i, s:s, s:s}", "ask", ask, "escort", escort, "echo", 0, "digits",
                                    decoy ? o->active.policy->login.totp_digits : digits_of(o, &l), "notice",
                                    l.enrolment_open && !decoy ? "enrol" : "", "contact", contact_of(o)));
        login_clear(&l);
        return r;
}

/* ---- Verify ---- */

struct verification {
        struct verify_result user, escort;
        char escort_name[OTPD_NAME_MAX];
        const char *escort_fault; /* NULL, or why there is no escort */
        bool with_escort, accepted;
        char ticket[TICKET_SIZE]; /* "": none */
};

static const char *escort_fault(const struct login *l, const struct account *e) {
        if (!e->known || e->uid == l->account.uid)
                return e->known ? "escort-is-the-user" : "escort-unknown";
        return account_is_one_of(e, &l->rule->escort) ? NULL : "escort-not-listed";
}

/* Both codes are used up, whichever is wrong. The second is not tried for nothing: who has no code of his own cannot
 * lock out an escort. */
static int verify_escort(struct otpd *o, const struct login *l, const json_t *parameters, struct verification *v) {
        const char *name = text_of(parameters, "escort"), *code = text_of(parameters, "escort_code");
        struct account e;
        int r = account_find(o, name ? name : "", &e);
        if (r < 0)
                return r;
        v->escort_fault = escort_fault(l, &e);
        bool decoy = v->escort_fault || v->user.reason != VERIFY_ACCEPTED;
        verify_code(o, &e, code ? code : "", decoy, &v->escort);
        memcpy(v->escort_name, e.name, sizeof v->escort_name);
        account_clear(&e);
        return 0;
}

/* The user's own code; or, when that was right a moment ago, what was given for it. */
static void verify_user(struct otpd *o, const struct login *l, const json_t *parameters, bool decoy,
                        struct verification *v) {
        const char *ticket = text_of(parameters, "ticket");
        const char *factor = ticket && !decoy ? ticket_redeem(o, l->account.uid, ticket) : NULL;
        if (factor) {
                v->user = (struct verify_result){ .reason = VERIFY_ACCEPTED, .factor = factor };
                return;
        }
        verify_code(o, &l->account, text_of(parameters, "code"), decoy, &v->user);
        /* Only now is it told that there is to be an escort: to a stranger all names look alike. */
        if (v->with_escort && v->user.reason == VERIFY_ACCEPTED && !text_of(parameters, "escort"))
                ticket_issue(o, l->account.uid, v->user.factor, v->ticket);
}

static const char *true_reason(const struct login *l, const struct verification *v, bool decoy) {
        if (decoy)
                return "wrong-password";
        if (v->user.reason != VERIFY_ACCEPTED)
                return verify_reason_name(v->user.reason);
        if (v->escort_fault)
                return v->escort_fault;
        if (v->with_escort && v->escort.reason != VERIFY_ACCEPTED)
                return "escort-refused";
        return l->demand == DEMAND_REFUSE ? reason_code(l->verdict.reason) : NULL;
}

static void record_verification(struct otpd *o, const struct login *l, const struct ipc_call *call,
                                const struct verification *v, bool decoy) {
        struct audit_login a = record_of(l, call, "auth", v->accepted ? "accepted" : "refused");
        a.factor = v->user.factor;
        a.escort = v->with_escort ? v->escort_name : NULL;
        a.detail = true_reason(l, v, decoy);
        a.clock_suspect = v->user.clock_suspect;
        record(o, l, &a, v->accepted ? AUDIT_DURABLE : AUDIT_BATCH);
        if (v->user.now_locked) {
                a.outcome = "locked";
                record(o, l, &a, AUDIT_BATCH);
        }
        if (v->user.reason == VERIFY_ROLLED_BACK)
                otpd_trouble(o, l->account.name, "state-rolled-back");
}

/* What may be said: to whom gave both factors, the policy's reason; to all others nothing. */
static const char *public_reason(const struct login *l, const struct verification *v) {
        if (v->accepted)
                return "ok";
        if (v->user.reason == VERIFY_PHONE)
                return "phone";
        if (v->ticket[0])
                return "escort";
        if (v->user.reason == VERIFY_ACCEPTED && l->demand == DEMAND_REFUSE)
                return l->verdict.reason == REASON_OUTSIDE_HOURS ? "outside-hours" : "blocked";
        return "refused";
}

static int verify(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        const struct login_request q = request_of(parameters);
        struct login l;
        int r = begin(o, call, &q, &l);
        if (r != 0)
                return r < 0 ? r : 0;

        bool decoy = flag_of(parameters, "decoy");
        struct verification v = { .with_escort = needs_escort(&l, call) };
        verify_user(o, &l, parameters, decoy, &v);
        if (v.with_escort && !v.ticket[0])
                r = verify_escort(o, &l, parameters, &v);
        wipe_text(parameters, "code");
        wipe_text(parameters, "escort_code");
        v.accepted = r == 0 && !decoy && v.user.reason == VERIFY_ACCEPTED && l.demand != DEMAND_REFUSE &&
                     (!v.with_escort || (!v.escort_fault && v.escort.reason == VERIFY_ACCEPTED)) && !v.ticket[0];
        if (r == 0) {
                if (!v.ticket[0]) /* else nothing is decided yet */
                        record_verification(o, &l, call, &v, decoy);
                r = method_answer(call, json_pack("{s:b, s:s, s:b, s:s*, s:s*, s:s}", "accepted", v.accepted, "reason",
                                                  public_reason(&l, &v), "reenrol", v.accepted && v.user.reenrol,
                                                  "nonce", v.user.reason == VERIFY_PHONE ? v.user.nonce : NULL,
                                                  "ticket", v.ticket[0] ? v.ticket : NULL, "contact", contact_of(o)));
        }
        login_clear(&l);
        return r;
}

/* ---- account and session ---- */

static const char *account_fault(struct otpd *o, const struct login *l) {
        const struct login_policy *p = &o->active.policy->login;
        if (l->verdict.enforce && l->demand == DEMAND_REFUSE)
                return l->verdict.reason == REASON_OUTSIDE_HOURS ? "outside-hours" : "blocked";
        /* The built-in policy asks nothing of the agent: it is what holds when the agent's own files are gone. Nobody
         * is more of an admin than root, whose are the machine's own jobs and the repair. */
        bool root = l->account.known && l->account.uid == 0;
        if (l->verdict.enforce && p->guard_required && o->active.from != FROM_BUILTIN && !root &&
            !account_is_one_of(&l->account, &p->guard_except) && !l->break_glass && !login_guard_enforces(o))
                return "guard-required";
        return NULL;
}

static int answer_phase(struct otpd *o, struct ipc_call *call, struct login *l, const char *phase, const char *fault,
                        bool opens) {
        struct audit_login a = record_of(l, call, phase, fault ? "refused" : "session");
        a.detail = fault;
        if (fault || opens)
                record(o, l, &a, fault ? AUDIT_BATCH : AUDIT_DURABLE);
        int r = method_answer(call, json_pack("{s:b, s:s, s:s}", "accepted", !fault, "reason", fault ? fault : "ok",
                                              "contact", contact_of(o)));
        login_clear(l);
        return r;
}

static int account(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        const struct login_request q = request_of(parameters);
        struct login l;
        int r = begin(o, call, &q, &l);
        if (r != 0)
                return r < 0 ? r : 0;
        return answer_phase(o, call, &l, "account", account_fault(o, &l), false);
}

static int session(struct ipc_call *call, json_t *parameters, void *userdata) {
        struct otpd *o = userdata;
        const struct login_request q = request_of(parameters);
        struct login l;
        int r = begin(o, call, &q, &l);
        if (r != 0)
                return r < 0 ? r : 0;
        bool key_only = json_is_false(json_object_get(parameters, "interactive")) && l.demand != DEMAND_NOTHING;
        return answer_phase(o, call, &l, "session", key_only ? "key-only" : NULL, true);
}

/* ---- the table ---- */

static const struct ipc_param challenge_params[] = { { "user", IPC_STRING, false }, { "service", IPC_STRING, false },
                                                     { "tty", IPC_STRING, true },   { "rhost", IPC_STRING, true },
                                                     { "decoy", IPC_BOOL, true },   { NULL, IPC_BOOL, false } };
static const struct ipc_param verify_params[] = { { "user", IPC_STRING, false },  { "service", IPC_STRING, false },
                                                  { "tty", IPC_STRING, true },    { "rhost", IPC_STRING, true },
                                                  { "decoy", IPC_BOOL, true },    { "code", IPC_STRING, false },
                                                  { "escort", IPC_STRING, true }, { "escort_code", IPC_STRING, true },
                                                  { "ticket", IPC_STRING, true }, { NULL, IPC_BOOL, false } };
static const struct ipc_param session_params[] = { { "user", IPC_STRING, false },     { "service", IPC_STRING, false },
                                                   { "tty", IPC_STRING, true },       { "rhost", IPC_STRING, true },
                                                   { "interactive", IPC_BOOL, true }, { NULL, IPC_BOOL, false } };

/* Who may call what stands in the handlers here, not in the table: a uid may ask about itself, and only the handler
 * knows whom a name means. */
static const struct ipc_method login_methods[] = {
        { OTP_CHALLENGE, IPC_ANYONE, false, challenge, challenge_params },
        { OTP_VERIFY, IPC_ANYONE, false, verify, verify_params },
        { OTP_ACCOUNT, IPC_ANYONE, false, account, challenge_params },
        { OTP_SESSION, IPC_ANYONE, false, session, session_params },
};

int otpd_serve(struct otpd *o, int listen_fd) {
        static struct ipc_method all[32];
        static struct ipc_interface interface;
        size_t n = sizeof login_methods / sizeof *login_methods;
        memcpy(all, login_methods, sizeof login_methods);
        memcpy(all + n, otp_admin_methods, otp_n_admin_methods * sizeof *all);
        interface = (struct ipc_interface){ .name = OTP_INTERFACE_NAME,
                                            .description = otp_description,
                                            .methods = all,
                                            .n_methods = n + otp_n_admin_methods };
        const struct ipc_server_options options = { .vendor = "Sekisho",
                                                    .product = "sekisho-otpd",
                                                    .version = SEKISHO_VERSION,
                                                    .url = "",
                                                    .limits = { .message_max = 64 * 1024,
                                                                .message_ordinary_max = 8 * 1024,
                                                                .connections_max = 256,
                                                                .connections_for_root = 128,
                                                                .per_uid_max = 8,
                                                                .root_unlimited = true,
                                                                .frame_usec = CALLS_USEC,
                                                                .idle_usec = 60 * UINT64_C(1000000) } };
        int r = ipc_server_new(o->event, listen_fd, &options, &o->server);
        return r < 0 ? r : ipc_server_add(o->server, &interface, o);
}
