/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be done to the counter. Owned by agent/tpm. */
#pragma once

#include "base/tpm.h"

/* Does what m asks for, with the TPM behind fd, and makes m the answer. */
void counter_answer(int fd, struct tpm_message *m);
