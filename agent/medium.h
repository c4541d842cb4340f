/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signed documents on a medium that is otherwise shut: SEKISHO/ at its top, read by the agent alone.
 *
 * Owned by agent.c and its helpers. Once there is a trust document, each USB stick that the policy keeps shut, and that
 * is nothing but mass storage, is read once after it was plugged: for that moment it answers to sekisho-reader, a
 * process that can do nothing else (see agent/medium), and to nobody besides; no driver, no disk, no mount. Then it is
 * shut again, and what was found goes the way of every document. The record says when a medium was opened like that and
 * what for.
 */
#pragma once

#include <stdint.h>

struct agent;
struct medium;
struct guard;

struct medium *medium_free(struct medium *m); /* NULL allowed; always NULL. Kills the reader */
/* After something was shut: medium_look() soon, from the loop. */
void medium_soon(struct agent *a);
/* Reads the next medium that was not read yet. */
void medium_look(struct agent *a);
/* The callback of guard_env; userdata is the agent. */
void medium_on_lent(struct guard *g, uint64_t handle, int node, int authorized, void *userdata);
