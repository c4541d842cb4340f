/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moments as people write them. Private to agent/ctl. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "2026-11-23T09:00:00+09:00", "...Z" (RFC 3339, whole seconds). Seconds since the epoch. */
bool when_moment(const char *text, int64_t *ret);

/* A moment, or how long ago: "90s", "15min", "1h", "30d". */
bool when_since(const char *text, int64_t now, int64_t *ret);
