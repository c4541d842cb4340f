/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the disk is an older one. Where terminal.yaml names a counter in the TPM, each policy and trust document that
 * is accepted makes it one more, and state.json says how much it was: a disk image that is put back says less than the
 * TPM. What it opens may have been taken back since, so that exceptions are suspended until a newer document is
 * accepted. Keyboards, logins and listed paths of the network go on: the way back needs them.
 *
 * Owned by agent.c and its helpers. A TPM that is broken, cleared or exchanged is a finding and suspends nothing.
 */
#pragma once

#include <stdint.h>

struct agent;

/* At start, before there are guards. */
void counter_check(struct agent *a);
/* Before a document is accepted: the value that state.json is to have with it. */
uint64_t counter_next(struct agent *a);
/* After state.json has it. Whatever was suspended is over. */
void counter_reach(struct agent *a, uint64_t value);
