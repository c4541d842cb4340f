/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that were closed after writing: each waits here, open, until its hash is known, and is then told. Private to
 * agent/transfer. */
#pragma once

#include <systemd/sd-event.h>

#include "base/transfer.h"
#include "media.h"
#include "sys/outbox.h"
#include "sys/who.h"

#define FILES_MAX 4096u /* open at one time; the descriptor limit of the unit is twice that */

struct files;

/* drained: called when there is room again after files_is_full(), and when the last one was told. lost: so many could
 * not be told. 0 or -errno. */
int files_new(sd_event *event, struct outbox *outbox, void (*drained)(void *userdata),
              void (*lost)(const char *why, void *userdata), void *userdata, struct files **ret);
struct files *files_free(struct files *f); /* NULL allowed */

/* Takes over fd; who and medium (may be NULL) are borrowed. *ret_path: where it is on the medium, borrowed until the
 * next call; "" if that is not known. */
void files_take(struct files *f, int fd, struct who *who, struct medium *medium, const char **ret_path);
/* After one or more files_take(): begins to hash, if it has not. The path of the last one may be gone then. */
void files_go_on(struct files *f);
bool files_is_full(const struct files *f);
bool files_is_empty(const struct files *f);

/* What all messages begin with. */
struct transfer files_message(enum transfer_kind kind, const struct who *who, const struct medium *medium);
