/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sekisho/document.h>
#include <sekisho/receipt.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "ipc/otp_interface.h"
#include "receipts.h"

#define GRANT_USEC UINT64_C(3000000) /* the verifier is started by its socket */

static void problems_p(struct problems *p) {
        problems_clear(p);
}

static void json_p(json_t **j) {
        json_decref(*j);
}

static void client_p(struct ipc_client **c) {
        (void) ipc_client_free(*c);
}

/* Each has the document judged and recorded. 0: it is in force. */
static int take_policy(struct agent *a, const struct submission *s) {
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c;
        return agent_install_policy(a, s, &problems, &c);
}

static int take_trust(struct agent *a, const struct submission *s) {
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c;
        return agent_install_trust(a, s, &problems, &c);
}

static void record(struct agent *a, const struct submission *s, const char *what, const char *outcome,
                   const char *detail, const struct trust_check *c) {
        char sha256[DIGEST_HEX_SIZE];
        uint8_t digest[DIGEST_BYTES];
        if (s->text) {
                digest_sha256(s->text, s->size, digest);
                digest_hex(digest, sha256);
        }
        log_notice("%s \"%s\" from %s: %s%s%s", what, s->name ? s->name : "", s->via, outcome, detail ? ": " : "",
                   detail ? detail : "");
        (void) agent_record_document(a, s,
                                     (struct audit_document){ .what = what,
                                                              .sha256 = s->text ? sha256 : NULL,
                                                              .source = "signed",
                                                              .outcome = outcome,
                                                              .detail = detail,
                                                              .signatures = c },
                                     AUDIT_BATCH);
        agent_tell(a, "policy", NULL, detail ? detail : outcome);
}

void delivery_refuse(struct agent *a, const struct submission *s, const char *reason) {
        record(a, s, "document", "refused", reason, NULL);
}

/* The verifier judges it for itself; it alone holds what a grant opens. */
static int take_grant(struct agent *a, const struct submission *s) {
        CLEANUP(client_p) struct ipc_client *client = NULL;
        CLEANUP(json_p) json_t *reply = NULL;
        CLEANUP(free_p) char *error = NULL;
        int r = ipc_client_connect_at(&a->root, OTP_SOCKET, GRANT_USEC, &client);
        json_t *parameters = r < 0 ? NULL
                                   : json_pack("{s:s%, s:s%}", "document", s->text, s->size, "signature", s->signatures,
                                               s->signatures_size);
        if (r == 0 && !parameters)
                r = -EINVAL;
        if (r == 0)
                r = ipc_client_call(client, OTP_METHOD(OTP_GRANT), parameters, &reply, &error);
        const char *reason = NULL;
        if (r < 0)
                reason = "verifier-unreachable";
        else if (error) {
                reason = json_string_value(json_object_get(reply, "reason")); /* of GrantRefused */
                reason = reason ? reason : error;
        }
        record(a, s, "grant", reason ? "refused" : "installed", reason, NULL);
        return r;
}

/* Its life has records of its own; this one says how it came, and whose signatures it had. */
static int take_permit(struct agent *a, const struct submission *s) {
        const struct permit_submission p = { .text = s->text,
                                             .size = s->size,
                                             .signatures = s->signatures,
                                             .signatures_size = s->signatures_size,
                                             .uid = s->uid };
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c = { 0 };
        int r = agent_install_permit(a, &p, &problems, &c, NULL);
        if (r != -ENOMEM)
                record(a, s, "permit", r == 0 ? "installed" : "refused", permit_refusal_name(r), &c);
        return r;
}

static int take_receipt(struct agent *a, const struct submission *s) {
        CLEANUP(problems_p) struct problems problems = { 0 };
        struct trust_check c;
        return agent_install_receipt(a, s, &problems, &c);
}

static const struct route {
        const char *first_key;
        enum trust_role role;
        const char *namespace;
        int (*take)(struct agent *a, const struct submission *s);
} routes[] = {
        { "sekisho-trust", TRUST_ROLE_TRUST, TRUST_NAMESPACE, take_trust },
        { "sekisho", TRUST_ROLE_POLICY, POLICY_NAMESPACE, take_policy },
        { "sekisho-permit", TRUST_ROLE_PERMIT, PERMIT_NAMESPACE, take_permit },
        { "sekisho-grant", TRUST_ROLE_PERMIT, GRANT_NAMESPACE, take_grant },
        { "sekisho-receipt", TRUST_ROLE_AUDIT, RECEIPT_NAMESPACE, take_receipt },
};

static const struct route *find_route(const char *text) {
        for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
                if (document_has_first_key(text, routes[i].first_key))
                        return &routes[i];
        return NULL;
}

/* Brought again, as by a tool that sees to it that a file is there: nothing happens, and nobody needs to hear of it. */
static bool is_in_force(const struct agent *a, const struct submission *s) {
        char sha256[DIGEST_HEX_SIZE];
        uint8_t digest[DIGEST_BYTES];
        digest_sha256(s->text, s->size, digest);
        digest_hex(digest, sha256);
        return strcmp(sha256, a->trust.sha256) == 0 || (!a->active.trial.on && strcmp(sha256, a->active.sha256) == 0);
}

/* Whether it says of itself that it is a version after the next one: those between may be on their way. Only how long
 * it is waited for hangs on that; the parser is not shown what nobody has signed. */
static bool seems_early(const struct agent *a, const struct submission *s) {
        static const char key[] = "version";
        for (const char *v = s->text; (v = strstr(v, key));) {
                v += strlen(key);
                v += strspn(v, "\"': \t");
                if (strtoull(v, NULL, 10) > a->trust.trust->version + 1)
                        return true;
        }
        return false;
}

enum delivery delivery_take(struct agent *a, const struct submission *s, bool last) {
        const struct route *route = find_route(s->text);
        if (!route && !last)
                return DELIVERY_UNFINISHED;
        if (route && a->trust.trust && is_in_force(a, s))
                return DELIVERY_DONE;
        if (s->signatures_size == 0 && !last)
                return DELIVERY_UNSIGNED;
        if (!route || !a->trust.trust || s->signatures_size == 0) {
                /* Even where the trust document lets root install what nobody signed: this is not root's hand. */
                delivery_refuse(a, s, !route ? "unknown-kind" : !a->trust.trust ? "no-trust" : "no-signature");
                return DELIVERY_REFUSED;
        }
        /* Good signatures prove that all has arrived; without them it is only believed when nothing comes any more. */
        struct trust_check c;
        if (!last && route->role == TRUST_ROLE_TRUST && seems_early(a, s))
                return DELIVERY_EARLY;
        if (!last && trust_check(a->trust.trust, route->role, route->namespace, s->text, s->size, s->signatures,
                                 s->signatures_size, &c) != 0)
                return DELIVERY_UNFINISHED;
        return route->take(a, s) == 0 ? DELIVERY_DONE : DELIVERY_REFUSED;
}
