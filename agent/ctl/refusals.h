/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a document was refused, in the words that an admin needs on the phone. Private to agent/ctl. */
#pragma once

#include <jansson.h>

#include "ctl.h"

/* what: "policy", "trust", ...; reason: as the agent says it. Translated; NULL: nobody has words for it. *ret: how a
 * verb ends that hears it. */
const char *refusal_text(const char *what, const char *reason, enum outcome *ret);

/* How many have signed, and where it is told who. details: of the agent's error. */
void refusal_complain_signatures(const json_t *details);
