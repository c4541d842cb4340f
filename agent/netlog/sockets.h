/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which process owns the socket that a packet came from. Private to agent/netlog.
 *
 * sock_diag(7) tells the socket's inode, /proc/PID/fd who has it open. For TCP, UDP and UDP-Lite; a socket that is
 * gone, or whose process is, has no owner any more. Needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH for other users'
 * processes.
 */
#pragma once

#include <sys/types.h>

#include "base/file.h"
#include "packet.h"

/* A NETLINK_SOCK_DIAG socket, or -errno. */
int sockets_open(void);
/* Inode of the socket with this source and destination; 0: there is none, or the protocol has no such table; -errno. */
int64_t sockets_inode(int diag, const struct packet *p);
/* A process that has it open; 0: none. */
pid_t sockets_owner(const struct root *root, int64_t inode);
