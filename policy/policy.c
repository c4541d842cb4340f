/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From bytes to a struct policy, and the policy that holds when there is none. */
#include <errno.h>
#include <sekisho/document.h>
#include <sekisho/policy.h>

#include "index.h"
#include "parser.h"

static int read_policy(struct parser *p, const char *bytes, size_t size, void *object) {
        struct policy *policy = object;
        policy->arena = p->arena;
        policy->devices.mode = policy->network.mode = policy->clipboard.mode = policy->login.mode = MODE_INVALID;
        int r = parse_document(p, bytes, size, &policy_mapping, policy);
        if (r < 0)
                return r;
        if (r > 0 || parser_has_errors(p))
                return 1;
        return device_index_build(p->arena, policy->devices.rules, policy->devices.n_rules, &policy->devices.index);
}

int policy_parse_limited(const char *bytes, size_t size, const struct parse_limits *limits, struct problems *problems,
                         struct policy **ret) {
        void *object = NULL;
        int r = parse_whole(bytes, size, limits, sizeof(struct policy), problems, read_policy, &object);
        if (r == 0)
                *ret = object;
        return r;
}

int policy_parse(const char *bytes, size_t size, struct problems *problems, struct policy **ret) {
        const struct parse_limits limits = { .cap = POLICY_MAX };
        return policy_parse_limited(bytes, size, &limits, problems, ret);
}

struct policy *policy_free(struct policy *p) {
        if (p)
                (void) arena_free(p->arena); /* the policy itself is in it */
        return NULL;
}

/* Nothing is allowed, nothing is observed only, and nobody is locked out who can show a second factor. Without
 * guard-required: with no policy there is no list of those who may log in when the guard is down. */
static const struct policy builtin = {
        .header = { .fleet = "", .serial = 0, .issued = 0, .expires = POLICY_NEVER },
        .mode = MODE_ENFORCE,
        .contact = "",
        .devices = { .mode = MODE_ENFORCE, .default_action = ACTION_BLOCK, .keyboards = KEYBOARDS_PRESENT },
        .network = { .mode = MODE_ENFORCE, .default_action = ACTION_BLOCK },
        .clipboard = { .mode = MODE_ENFORCE,
                       .default_action = ACTION_BLOCK,
                       .clear_after = 60,
                       .without_helper = HELPER_LOCK },
        .login = { .mode = MODE_ENFORCE,
                   .default_action = ACTION_REQUIRED,
                   .totp_digits = 6,
                   .totp_period = 30,
                   .totp_algorithm = OTP_SHA1,
                   .totp_skew = 1,
                   .throttle_free = 3,
                   .throttle_max_delay = 900,
                   .throttle_stop_after = 50,
                   .enrolment_by = ENROLMENT_ADMIN,
                   .enrolment_until = POLICY_NEVER,
                   .screen_lock = 300 },
        .audit = { .retain_days = 7 * 366,
                   .reserve = UINT64_C(256) << 20,
                   .send = 1u << SINK_JOURNAL | 1u << SINK_AUDIT },
};

const struct policy *policy_builtin(void) {
        return &builtin;
}
