/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A login grant: lets one person, who lost the second factor, in once. Signed like a permit (GRANT_NAMESPACE, role
 * permit), bound to a terminal, a user and the nonce that the terminal showed. Owned by the policy library; pure.
 *
 *   sekisho-grant: 1
 *   header: {fleet: omura-mynumber, id: 6f1c2a, issued: ..., expires: ..., target: [host:...]}
 *   user: yamada
 *   nonce: K7QF-2M9D-...
 *   reason: 機器の紛失 様式第3号 令和8年度-0012
 *   approver: 情報政策課長
 */
#pragma once

#include <sekisho/policy.h>

struct grant {
        const char *fleet, *id;
        int64_t issued, expires; /* a grant never lasts: "never" is refused, and so is more than a day */
        struct strings target;   /* exactly one host:MACHINE-ID */
        const char *user, *nonce, *reason, *approver;
        struct arena *arena; /* private */
};

#define GRANT_LIFE_MAX (24 * 3600) /* seconds from issued to expires */

/* As policy_parse(). */
int grant_parse(const char *bytes, size_t size, struct problems *problems, struct grant **ret);
struct grant *grant_free(struct grant *g);
