/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fleet as a table, CSV, JSON or a page. Private to agent/ctl/fleet*.c. */
#pragma once

#include "ctl.h"
#include "fleet.h"

struct fleet_view {
        const struct fleet *fleet;
        int64_t stale;   /* seconds since the epoch: who was last seen before is stale */
        uint64_t policy; /* the newest serial that any terminal has */
        size_t n_stale, n_behind, n_broken, n_gaps, n_overflow;
        uint64_t records, twice, missing, denied[FLEET_DENIED_MAX];
        size_t open, overdue;
};

void fleet_view_init(struct fleet_view *v, const struct fleet *f, int64_t stale);
/* Something needs attention. */
bool fleet_view_falls_short(const struct fleet_view *v);

enum outcome fleet_print_table(const struct fleet_view *v);
enum outcome fleet_print_csv(const struct fleet_view *v);
enum outcome fleet_print_json(const struct fleet_view *v);
enum outcome fleet_print_html(const struct fleet_view *v);
