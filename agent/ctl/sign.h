/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signing by ssh-keygen, for whoever has something to sign. Private to agent/ctl. */
#pragma once

#include <sekisho/sshsig.h>

#include "ctl.h"

/* The block that ssh-keygen -Y sign makes of bytes, checked. key: a private key, or the .pub of one that ssh-agent or
 * hardware holds. free(). OUTCOME_YES, or another after a complaint. sodium_init() must have been called. */
enum outcome sign_bytes(const char *key, const char *namespace, const void *bytes, size_t size, char **ret);
