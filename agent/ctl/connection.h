/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection that was held back, as Watch and the record say it, in one line. Private to agent/ctl. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* On stdout: "OUT tcp 10.9.9.9 port 443 via eno1: 5 packets, user 1000, /usr/bin/curl (inet)". */
void connection_put(const json_t *c, bool observed);
