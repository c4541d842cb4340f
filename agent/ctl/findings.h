/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What needs attention, in plain words: codes of the agent's fail table. Private to agent/ctl. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

void findings_print(const json_t *findings);
bool findings_fall_short(const json_t *findings); /* one of them has the severity "short" */
/* Translated sentence, or NULL for a code that this version does not know. */
const char *findings_sentence(const char *code);
