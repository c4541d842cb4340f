/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that appear, change and go on media: fanotify(7) events with handles of folders (FAN_REPORT_DFID_NAME). A new
 * name is told when no file of that name was closed soon after: folders, links, files that are still being written, or
 * whose medium was pulled. Private to agent/transfer. */
#pragma once

#include <systemd/sd-event.h>

#include "base/transfer.h"
#include "media.h"
#include "sys/outbox.h"
#include "sys/who.h"

struct names;

/* All borrowed. lost: something could not be told. 0 or -errno. */
int names_new(sd_event *event, const struct media *media, struct who_cache *people, struct outbox *outbox,
              void (*lost)(const char *why, void *userdata), void *userdata, struct names **ret);
struct names *names_free(struct names *n); /* NULL allowed */

/* One event of the kernel's, of size bytes. */
void names_event(struct names *n, const void *event, size_t size);
/* A file was closed there, which tells more than that it was created. */
void names_closed(struct names *n, const struct medium *medium, const char *path);
/* Tells what still waits, at once. */
void names_flush(struct names *n);
