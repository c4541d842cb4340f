/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets below the injected root that keep messages apart (SOCK_SEQPACKET), between root's own processes.
 *
 * Owned by agent/sys; used by guards and by agent/transfer.
 */
#pragma once

#include "base/file.h"

/* Makes path (mode 0600), in place of an old socket. A non-blocking descriptor or -errno; -EEXIST: something else than
 * a socket stands there. */
int packet_listen(const struct root *root, const char *path);
/* The next caller, if the kernel says that it is root; others are hung up on. A non-blocking descriptor; -EAGAIN:
 * nobody (more) is there; -EPERM: it was not root; other -errno. */
int packet_accept(int listener);
/* Sends one message and a descriptor (borrowed) beside it; never waits. 0 or -errno. */
int packet_send_with(int socket, const void *message, size_t size, int attached);
/* The next message, at most size bytes of it. Its length, greater where it was cut; 0: hung up; -errno. *ret_attached:
 * a descriptor that came beside it, the caller's; -1: none, or more than one. */
ssize_t packet_receive_with(int socket, void *message, size_t size, int *ret_attached);
/* A non-blocking descriptor or -errno. */
int packet_connect(const struct root *root, const char *path);
