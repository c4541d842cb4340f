/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A box of hardware tokens: a CSV file of their secrets. Private to agent/ctl. */
#pragma once

#include "ctl.h"

/* Enrols all or, when one row is wrong, none; says what became of each line. */
enum outcome otp_enroll_box(const struct invocation *i, const char *path, bool replace);
