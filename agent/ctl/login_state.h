/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the second factor is asked for at all, and what its verifier says of itself. Private to agent/ctl. */
#pragma once

#include <jansson.h>

#include "ctl.h"

enum login_switch { LOGIN_NOT_TOLD, LOGIN_OFF, LOGIN_ON };

/* By Debian's common-auth; unknown where there is none. */
enum login_switch login_switch_state(const struct invocation *i);

/* Adds "login" to the agent's status, and what needs attention about it to "attention". Nothing where there is neither
 * verifier nor PAM. */
void login_status_add(const struct invocation *i, json_t *status);
