/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Positions of the options of each verb in invocation.values. Private to agent/ctl. */
#pragma once

#include "ctl.h"

enum { EXPLAIN_DEVICE, EXPLAIN_CONNECT, EXPLAIN_PASTE, EXPLAIN_LOGIN, EXPLAIN_NEXT_HOP, EXPLAIN_AT };
enum { DEVICES_RULE };
enum { TAIL_LINES, TAIL_FOLLOW };
enum { SHOW_SINCE, SHOW_SEQ };
enum { SIGN_KEY };
enum { VERIFY_TRUST };
