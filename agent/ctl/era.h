/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dates as an office writes them: the Japanese era and ISO 8601 together. Private to agent/ctl. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERA_MAX 96 /* bytes that any of these takes */

/* Local time; "2026-11-28 (Reiwa 8)", in Japanese with the era first. Before Reiwa, and what is no time: ISO alone,
 * "-". Returns ret. */
const char *era_date(int64_t seconds, char ret[static ERA_MAX]);
const char *era_moment(int64_t seconds, char ret[static ERA_MAX]); /* with hours and minutes */
const char *era_month(int year, int month, char ret[static ERA_MAX]);

/* "2026-11-28", local; for tables that have no room for more. */
const char *iso_date(int64_t seconds, char ret[static ERA_MAX]);
const char *iso_moment(int64_t seconds, char ret[static ERA_MAX]); /* "2026-11-28 14:03" */

/* Local midnight of "2026-11-28", plus days. False: no such day. */
bool day_start(const char *text, int days, int64_t *ret);
/* The month of "2026-11": from its first midnight to that of the next one. False: no such month. */
bool month_span(const char *text, int64_t *ret_from, int64_t *ret_to);
