/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that were held back, counted: the first of its kind is told at once, then once a minute how many there were.
 * Private to agent/netlog; no clock of its own.
 *
 * Bounded in memory and in what is told, however many different packets there are, and nothing is left uncounted: what
 * finds no place is counted together with others of the same user and direction (a storm), and beyond that with others
 * of the same direction. Outbound packets have places of their own, so that a scan from outside does not hide them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "nflog.h"

#define FLOWS_OUT_MAX     512u
#define FLOWS_IN_MAX      256u /* and as many that would be forwarded */
#define FLOWS_STORMS      32u
#define FLOWS_BURST       64u /* new flows told at once; then FLOWS_REFILL_USEC for each further one */
#define FLOWS_REFILL_USEC UINT64_C(1000000)
#define FLOWS_PERIOD_USEC UINT64_C(60000000)

struct flows;

struct flows_teller {
        /* Who sends this, as far as it can be seen; called before the first telling of a period. The texts are borrowed
         * until the next call. May be NULL. */
        void (*identify)(const struct sighting *s, struct blocked *b, void *userdata);
        /* 0: told; -errno: not now, the count goes on and it is told later. */
        int (*tell)(const struct blocked *b, void *userdata);
        void *userdata;
};

int flows_new(const struct flows_teller *teller, struct flows **ret); /* teller is copied. 0 or -errno */
struct flows *flows_free(struct flows *f);                            /* NULL allowed */

/* now: microseconds of a clock that only goes forward; wall: milliseconds since the epoch. */
void flows_count(struct flows *f, const struct sighting *s, uint64_t now, int64_t wall);
void flows_count_lost(struct flows *f, uint64_t n, uint64_t now, int64_t wall);
/* Tells what is due, forgets what was quiet for a period. Call about once a second. false: nothing is counted, and
 * there is nothing to do before the next is. */
bool flows_tick(struct flows *f, uint64_t now);
void flows_tell_all(struct flows *f, uint64_t now); /* at the end */
