/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is acknowledged before the log's own file has been synced. Private to agent/audit.
 *
 * The log grows, and to sync what has grown is a commit of the file system's journal: several milliseconds, while
 * somebody waits at a device. This file beside it never grows. The lines that wait are written into one of its two
 * slots, over what was there, by a write that returns when they are on the disk (O_DSYNC); the log is synced with the
 * next batch. Should the machine stop in between, the next writer appends what the log lacks. Two slots, in turn: a
 * write that is cut off damages the one that is not needed yet.
 *
 * A slot: "sekisho-ahead 1 SIZE HEAD\n", then SIZE bytes of lines, each with its newline; HEAD is the hash of the last.
 * The lines vouch for each other by their chain, the last one by HEAD, and the first one by the log that it follows on.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "audit/chain.h"

#define AHEAD_FILE  "ahead"
#define AHEAD_SLOTS 2u
#define AHEAD_SLOT  16384u /* bytes */

/* Opens the file for ahead_write() alone; made, with all its blocks, where there is none. A descriptor or -errno;
 * -EPERM: something else has its name. */
int ahead_open(int directory);

/* Returns when the lines are on the disk. head: hash of the last one. 0; -EMSGSIZE: they do not fit; -errno. */
int ahead_write(int fd, unsigned slot, const char *lines, size_t size, const char *head);

/* Of one slot's bytes, whatever they are: the size of the lines that follow on a log that ends with seq and head; 0:
 * there are none. *ret: they, within slot; set unless 0. */
size_t ahead_find(const char slot[static AHEAD_SLOT], const char *log_name, uint64_t seq, const char *head,
                  const char **ret);

/* The lines that follow on a log that ends with seq and head, of the slot that has most of them. 0, *ret NULL when
 * there are none; it is the caller's. Only memory (-ENOMEM) is an error: what cannot be read holds no lines. */
int ahead_read(int directory, const char *log_name, uint64_t seq, const char *head, char **ret, size_t *ret_size);
