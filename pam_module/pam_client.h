/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to the verifier. Private to the PAM module: no global state, nothing from the environment, no signals.
 */
#pragma once

#include <jansson.h>

#include "ipc/otp_interface.h"

#define PAM_CLIENT_USEC 5000000u /* for connecting, and for the answer */

/* parameters: stolen; strings named "code" in it are wiped. *ret: new reference. 0; 1: the verifier said no (an error);
 * -errno: it is not there, not in time, or not who it should be (-EPERM). */
int pam_client_ask(const char *root, const char *method, json_t *parameters, json_t **ret);
