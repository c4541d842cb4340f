/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signed documents that came as files, by whatever carries files: which kind each is, and who takes it.
 *
 * Owned by agent.c and its helpers. inbox.c and medium.c bring them. What becomes of a document is in the record, with
 * the name of its file and how it came.
 */
#pragma once

#include <stdbool.h>

#include "agent.h"

enum delivery {
        DELIVERY_DONE,       /* it was installed, or was in force already */
        DELIVERY_REFUSED,    /* the record says why */
        DELIVERY_UNFINISHED, /* its signatures do not suffice: it or they may not have arrived whole */
        DELIVERY_UNSIGNED,   /* there are no signatures yet */
        DELIVERY_EARLY,      /* a trust document, and versions before it are missing */
        DELIVERY_MAX,
};

/* last: it will not change any more; the answer is one of the first two. text is NUL-terminated. */
enum delivery delivery_take(struct agent *a, const struct submission *s, bool last);

/* Puts into the record that a file was refused before it could be looked at. reason: untranslated; see
 * sekisho-record(5). s->text may be NULL. */
void delivery_refuse(struct agent *a, const struct submission *s, const char *reason);
