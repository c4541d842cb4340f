/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of values. Private to the policy library. Each is described by its `expected` text in values*.c. */
#pragma once

#include "keys.h"

extern const struct value value_version, value_text, value_serial, value_id, value_user, value_principal, value_group,
        value_service, value_target, value_interface, value_program, value_enum, value_number, value_hex16, value_hex32,
        value_digest, value_size, value_seconds, value_days, value_time, value_until, value_hours, value_prefix,
        value_ports, value_mac, value_zone;

/* s[0..length) as a decimal number without sign or leading zeros; false when it is not one, or does not fit. */
bool number_parse(const char *s, size_t length, uint64_t *ret);

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back. */
int64_t days_from_date(int64_t year, unsigned month, unsigned day);
void date_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);
