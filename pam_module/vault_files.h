/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a user's folder. Private to vault*.c. */
#pragma once

#include "vault.h"

#define VAULT_SECRET         "secret"
#define VAULT_PENDING_FILE   "pending"
#define VAULT_STATE          "state"
#define VAULT_GRANT          "grant"
#define VAULT_SEALED_ABSENT  1
#define VAULT_SEALED_DAMAGED 2

/* 0, VAULT_SEALED_ABSENT, VAULT_SEALED_DAMAGED, -errno. */
int vault_unseal(const struct vault_user *u, const char *name, struct enrolment *ret, const struct seal_key **ret_key);

/* The state as it was last stored since the machine started. 0; 1: none of this enrolment; 2: damaged. */
int vault_witness_read(const struct vault_user *u, struct otp_state *ret);
/* Best effort: without it a state that is put back goes unnoticed until the next one is stored. */
void vault_witness_write(const struct vault_user *u);
void vault_witness_drop(const struct vault_user *u);
