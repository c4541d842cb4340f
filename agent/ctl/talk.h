/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talking to the agent, and saying what went wrong. Private to agent/ctl. */
#pragma once

#include <jansson.h>

#include "ctl.h"
#include "ipc/agent_interface.h"
#include "ipc/ipc.h"

#define TALK_USEC         UINT64_C(10000000)
#define TALK_INSTALL_USEC UINT64_C(120000000) /* a dry run of every guard, and disks that are slow to sync */

/* Each returns OUTCOME_YES, or another after a complaint. */
enum outcome talk_open(const struct invocation *i, uint64_t timeout_usec, struct ipc_client **ret);

/* method: full name; parameters: stolen. *ret: new reference. */
enum outcome talk_call(const struct invocation *i, const char *method, json_t *parameters, json_t **ret);

/* What an error reply, or a negative errno of the client (error NULL), means. Complains. */
enum outcome talk_failed(int r, const char *error, const json_t *parameters);

/* Fields of a reply; what is absent or of another type is "", 0, false. */
const char *talk_string(const json_t *object, const char *key);
long long talk_integer(const json_t *object, const char *key);
bool talk_bool(const json_t *object, const char *key);
