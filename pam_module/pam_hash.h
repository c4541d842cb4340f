/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The time that a password takes. Private to the PAM module. */
#pragma once

/* pam_unix computes a hash only for an account that has one, so that the next prompt comes sooner to who typed a name
 * that does not exist. This computes one for those, of the kind that this machine's passwords have; for all others, and
 * for whoever may not read the shadow file (and can ask about himself alone), it does nothing. password: may be NULL.
 */
void pam_hash_spend(const char *user, const char *password);
