/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hears from logind that the machine woke up. Best effort: without it the slow tick finds out. Owned by agent/sys. */
#pragma once

#include <systemd/sd-event.h>

struct logind;

/* resumed: called after PrepareForSleep(false). 0; -errno: no system bus now (try again later). */
int logind_new(sd_event *event, void (*resumed)(void *userdata), void *userdata, struct logind **ret);
struct logind *logind_free(struct logind *l); /* NULL allowed */
