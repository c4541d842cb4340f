/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the record says of itself. Private to agent/audit. New reference or NULL (no memory). */
#pragma once

#include "audit/anchor.h"

/* detail: "first-key", "key-lost", or NULL. */
json_t *ocsf_record_opened(const struct audit_terminal *t, int64_t now, const char *log, uint32_t segment,
                           const char *key, const char *detail);
json_t *ocsf_record_anchor(const struct audit_terminal *t, const struct anchor *a);
json_t *ocsf_record_deleted(const struct audit_terminal *t, int64_t now, const char *log, uint32_t segment,
                            uint64_t last_seq);
