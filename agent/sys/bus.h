/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system bus, reached through the root like everything else: a fake machine may have one of its own. Owned by
 * agent/sys. */
#pragma once

#include <systemd/sd-bus.h>

#include "base/file.h"

/* 0; -ENOENT: there is no bus; other -errno. The caller owns *ret (sd_bus_close_unref()). */
int bus_open(const struct root *root, sd_bus **ret);
