/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interfaces we put down: kept in run/sekisho, so that a later life, or the removal of the package, gives them
 * back.
 *
 * Owned by agent/network.
 */
#pragma once

#include "base/file.h"
#include "links.h"

/* 0 or -errno. */
int put_down_save(const struct root *root, const struct links *l);
/* Marks those among l that an earlier life put down. */
void put_down_load(const struct root *root, struct links *l);
