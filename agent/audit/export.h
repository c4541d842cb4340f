/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The signature of the terminal under the manifest of an export. Owned by agent/audit; for agent.c and ctl. */
#pragma once

#include "audit/anchor.h"

#define EXPORT_MANIFEST  "manifest.json"
#define EXPORT_SIGNATURE "manifest.sig"

struct audit_export {
        char log[64]; /* whose key signed: the agent's */
        char machine[64];
        int64_t time;    /* seconds since the epoch */
        char sha256[65]; /* of the manifest */
        char key[65];    /* a hint */
        char signature[129];
        bool has_handover;
        struct anchor
                handover; /* by which the key before this one named it: the record may have been copied before that */
};

/* Records the export, and signs. sha256: 64 lower-case hex digits, else -EINVAL. 0 or -errno; -ENOKEY: the log has no
 * key. */
int audit_log_sign_export(struct audit_log *l, const char *sha256, int64_t uid, struct audit_export *ret);
/* Whether key (hex) signed it, or the one that key handed over to: one step, for a segment that was closed between the
 * copying and the signing. */
bool audit_export_verify(const struct audit_export *e, const char *key);

/* As it lies beside the manifest. New reference or NULL; false: not of this form. */
json_t *audit_export_json(const struct audit_export *e);
bool audit_export_read(const json_t *j, struct audit_export *ret);
