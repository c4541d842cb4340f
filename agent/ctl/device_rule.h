/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule that would list a plugged device. Private to agent/ctl. */
#pragma once

#include <jansson.h>

#include "ctl.h"

/* device: of the agent's interface (type Device). Prints it as an entry of the policy's devices.rules, ready to be
 * pasted: everything that the device can be told by is in its match. */
enum outcome device_rule_print(const json_t *device);
