/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reaching the verifier, and being sure that it is the verifier. For its clients (pam_module, ctl). */
#pragma once

#include "ipc.h"
#include "otp_interface.h"

/* Connects; whoever made the socket listen must be root (systemd) or the verifier's user, below a fake root whoever
 * runs the test. timeout: of the connection and of each call, in microseconds. 0; -EPERM: it is somebody else; else as
 * ipc_client_connect_at(). *ret: ipc_client_free(). */
int otp_client_connect(const struct root *root, uint64_t timeout_usec, struct ipc_client **ret);
