/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy files as verbs take them. Private to agent/ctl. */
#pragma once

#include <jansson.h>
#include <sekisho/document.h>
#include <sekisho/policy.h>

#include "ctl.h"

/* path "-": standard input. OUTCOME_YES (document_clear()), or another after a complaint. */
enum outcome policy_file_read(const char *path, struct document *ret);

/* Reads and parses; problems go to stderr. *ret: policy_free(). OUTCOME_BAD when there is an error. */
enum outcome policy_file_load(const char *path, struct policy **ret);

void policy_file_print_problems(FILE *f, const char *path, const struct problems *problems);
json_t *policy_file_problems_json(const struct problems *problems); /* new reference or NULL */

DEFINE_FREEP(struct policy, policy_free)
