/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What network_check() finds, in words. Private to agent/ctl. */
#pragma once

#include "network/check.h"

const char *network_fault_word(enum network_fault fault); /* "missing": for JSON, never translated */
const char *network_fault_text(enum network_fault fault); /* translated; followed by its detail, if it has one */
