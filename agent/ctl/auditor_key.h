/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The public key that an export is sealed to. Private to agent/ctl. */
#pragma once

#include <sekisho/sshsig.h>

#include "ctl.h"

/* word: a line "ssh-ed25519 AAAA..."; a file with such a line, told by a slash or by ending in ".pub"; or the name of a
 * holder of the role audit in the trust document in force. OUTCOME_YES, or another after a complaint. */
enum outcome auditor_key_find(const struct invocation *i, const char *word, struct ssh_key *ret);
