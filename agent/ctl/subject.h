/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a device of the agent's interface (type Device) is put in words. Private to agent/ctl. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "screen.h"

/* One of a list, by its number in the table of `devices`, or by its port, which does not change when another device is
 * pulled out; NULL: none. Borrowed. */
const json_t *subject_find(const json_t *devices, const char *which);
/* Whether it is storage and nothing else. */
bool subject_is_media(const json_t *device);
/* The name that it gives itself, and behind it what the hardware database calls it; free() */
char *subject_name(const json_t *device);
char *subject_classes(const json_t *device); /* "storage, keyboard"; free() */
/* "rule card-reader, line 17", "default", or the reason in words; free() */
char *subject_why(const json_t *device);
/* "blocked", "open (would be blocked)"; translated, not to be freed */
const char *subject_verdict(const json_t *device);
enum tone subject_tone(const json_t *device);
const char *subject_effect(const json_t *device); /* translated */
bool subject_effect_is_good(const json_t *device);
