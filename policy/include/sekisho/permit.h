/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A permit: opens one medium on one terminal for named people, once and for a while, with a ticket that says why.
 * Signed (PERMIT_NAMESPACE, role permit). Owned by the policy library; pure. The language is described in
 * sekisho-permit(5).
 *
 *   sekisho-permit: 1
 *   header: {fleet: omura-mynumber, id: 6f1c2a, issued: ..., expires: ..., target: [host:...]}
 *   ticket: 様式第1号の2 令和8年度-0123
 *   applicant: 市民課 山田
 *   approver: 市民課長
 *   purpose: 県への異動分の提出
 *   device: {vendor: 0781, product: 5591, serial: 4C530001230524112084, descriptors: sha256:...}
 *   action: read-only
 *   users: [yamada]
 *   duration: 4h
 */
#pragma once

#include <sekisho/policy.h>

#define PERMIT_LIFE_MAX   (366 * 86400) /* seconds from issued to expires: a fiscal year, and not a day more */
#define PERMIT_CODE_CHARS 16            /* of the code by phone: 80 random bits, five in each */
#define PERMIT_TRIES_MAX  5             /* then the permit is of no use any more */

struct permit {
        const char *fleet, *id;
        int64_t issued, expires; /* never "never" */
        struct strings target;   /* exactly one host:MACHINE-ID */
        const char *ticket, *applicant, *approver, *purpose;
        /* What it matches, and what it opens: action allow or read-only, users (never empty), encrypted. Storage alone.
         * serial is "" for a medium that has none; id and note are the permit's own id and ticket. */
        struct device_rule rule;
        uint32_t duration;         /* seconds of the boot clock, from the first use */
        uint32_t return_within;    /* seconds after the end of its use in which the medium is to be back */
        uint64_t max_bytes;        /* UINT64_MAX: no limit. Of no meaning where nothing can be written */
        const uint8_t *activation; /* DIGEST_SIZE bytes, see permit_code_digest(); NULL: it needs no code */
        struct arena *arena;       /* private */
};

/* As policy_parse(). */
int permit_parse(const char *bytes, size_t size, struct problems *problems, struct permit **ret);
struct permit *permit_free(struct permit *p);
int permit_schema(char **ret); /* as policy_schema() */

/* The code as a person says or types it, in one form: capitals, without spaces and hyphens, O as 0, I and L as 1.
 * False: it is none. Alphabet: Crockford, "Base 32". */
bool permit_code_read(const char *text, char ret[static PERMIT_CODE_CHARS + 1]);
/* From random[10] to a code. */
void permit_code_make(const uint8_t random[static 10], char ret[static PERMIT_CODE_CHARS + 1]);
/* SHA-256 over "ID:CODE", as `activation` holds it. code: in its one form. */
void permit_code_digest(const char *id, const char *code, uint8_t ret[static DIGEST_SIZE]);
/* Whether it is the code that the permit waits for; takes the same time for each wrong one. */
bool permit_code_fits(const struct permit *p, const char *code);
