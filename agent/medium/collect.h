/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files in SEKISHO/ of a medium. Private to agent/medium. */
#pragma once

#include "carried.h"
#include "source.h"

/* Hears each file, or that it is none to be had. name, bytes: borrowed. < 0 ends the walk. */
typedef int collect_fn(enum carried_kind kind, const char *name, const uint8_t *bytes, uint32_t size, void *userdata);

/* How it went, as a word of carried.h; of the first volume that has the folder. */
const char *collect(struct source *s, collect_fn *each, void *userdata);
