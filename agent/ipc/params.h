/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks a call's parameters against its method's table. Private to agent/ipc. */
#pragma once

#include "ipc.h"

/* NULL: all is well. Otherwise the name of the first parameter at fault, borrowed from the table or from parameters. */
const char *ipc_params_check(const struct ipc_param *table, const json_t *parameters);
