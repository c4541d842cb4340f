/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receipt: whoever collects a terminal's record says, signed, up to where it is held. Signed under RECEIPT_NAMESPACE
 * by holders of the role audit. Owned by the policy library; pure.
 *
 *   sekisho-receipt: 1
 *   header: {fleet: omura-mynumber, issued: 2026-12-01T09:00:00+09:00, target: [host:...]}
 *   log: agent
 *   seq: 18232
 *   head: sha256:e3b0...
 */
#pragma once

#include <sekisho/policy.h>

#define RECEIPT_NAMESPACE "receipt@sekisho"

struct receipt {
        const char *fleet;
        int64_t issued;
        struct strings target; /* exactly one host:MACHINE-ID */
        const char *log;
        uint64_t seq;        /* this line and all before it are held */
        const uint8_t *head; /* DIGEST_SIZE bytes: the SHA-256 of that line */
        struct arena *arena; /* private */
};

/* As policy_parse(). */
int receipt_parse(const char *bytes, size_t size, struct problems *problems, struct receipt **ret);
struct receipt *receipt_free(struct receipt *r);
