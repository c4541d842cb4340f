/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which program a process is, for the zones: never what it says of itself. Owned by agent/session. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define PROGRAM_MAX 4096

/* The path of its executable, which must lead to that very file in our own view of the file system, too: a process in a
 * namespace of its own may have put another file there. "": not known, which is in no zone. */
void program_of(pid_t pid, char ret[PROGRAM_MAX]);

/* It holds the end of the pipe that is written to, or read from. */
bool program_holds_pipe(pid_t pid, ino_t inode, bool writing);

/* The program of the processes that hold an end of a pipe open. "": nobody does, or they are not the same.
 * inode: the pipe's. writing: the end that is written to. skip: processes that do not count (the compositor that passes
 * it on), up to a 0; we ourselves do not either. same: whether two programs are as good as one. */
void program_of_pipe(ino_t inode, bool writing, const pid_t *skip,
                     bool (*same)(const char *a, const char *b, void *userdata), void *userdata, char ret[PROGRAM_MAX]);
