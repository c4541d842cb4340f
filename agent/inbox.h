/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inbox: signed documents that somebody put into var/lib/sekisho/inbox, as FILE and FILE.sig.
 *
 * Owned by agent.c and its helpers. The directory belongs to the agent's user; its group may write, nobody else, or it
 * is not read. Files come whole (by rename) or bit by bit (scp): one whose signatures suffice has arrived; one whose
 * signatures do not is waited for until nothing comes any more. What was looked at is taken away, whatever became of
 * it; names that begin with '.' are not looked at.
 */
#pragma once

struct agent;
struct inbox;

#define INBOX_DIRECTORY "var/lib/sekisho/inbox"

/* Makes the directory and watches it; a->inbox. What cannot be done is a finding, and tried again by the tick. */
void inbox_new(struct agent *a);
struct inbox *inbox_free(struct inbox *i); /* NULL allowed; always NULL */
/* Once a minute: where other machines write (a network file system), the kernel tells us nothing. */
void inbox_tick(struct agent *a);
