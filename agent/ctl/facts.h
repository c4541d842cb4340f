/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts as `policy explain` takes them: JSON for devices (interfaces.md), short words for the rest. Private to
 * agent/ctl.
 *
 * Each returns true, or false after saying in *ret_problem (free(); translated) what is wrong and what was expected. */
#pragma once

#include <jansson.h>
#include <sekisho/decision.h>
#include <stdbool.h>

bool facts_from_json(const json_t *object, struct device_facts *ret, char **ret_problem);

/* unmapped.sekisho.facts of a record, as JSON text. False: it does not say enough. */
bool facts_from_record(const char *text, size_t size, struct device_facts *ret);
/* A text of the record as it was before it was escaped. False: not of this form, or too long. */
bool facts_unescape(const char *s, char *ret, size_t size);
/* Of a lower-case digit; -1: it is none. */
int facts_hex_digit(char c);

/* "tcp:10.0.0.1:443", "udp:[2001:db8::1]:53", "icmp:10.0.0.1", "in:tcp:10.0.0.1:22" */
bool facts_from_connect(const char *text, struct connect_facts *ret, char **ret_problem);
bool facts_from_mac(const char *text, struct mac *ret);

/* "juminhyo:office", "juminhyo:office:text". *ret_storage: what the facts point into; free(). */
bool facts_from_paste(const char *text, struct paste_facts *ret, char **ret_storage, char **ret_problem);

/* "yamada:sshd", "yamada:sshd:joho,soumu". *ret_groups and *ret_storage: what the facts point into; free(). */
bool facts_from_login(const char *text, struct login_facts *ret, char **ret_storage, const char ***ret_groups,
                      char **ret_problem);
