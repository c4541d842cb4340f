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
/* A non-blocking descriptor or -errno. */
int packet_connect(const struct root *root, const char *path);
