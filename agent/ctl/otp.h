/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs about second factors share: asking the verifier, and saying what went wrong. Private to agent/ctl. */
#pragma once

#include <jansson.h>

#include "ctl.h"
#include "ipc/otp_client.h"

/* Says yes, or complains. method: OTP_ENROLL and so on; parameters: stolen. *ret: new reference. */
enum outcome otp_call(const struct invocation *i, const char *method, json_t *parameters, json_t **ret);

/* The same without a complaint. 0; 1: *ret_error (free()) with the error's own parameters in *ret; -errno. */
int otp_try(const struct invocation *i, const char *method, json_t *parameters, json_t **ret, char **ret_error);

/* What a refusal means. OTP_REFUSAL_MAX characters at most; the sentence names nobody. */
#define OTP_REFUSAL_MAX 400u
enum outcome otp_refusal(int r, const char *error, const json_t *parameters, char *ret, size_t size);

/* All users that the verifier knows, as objects of its List; root only. YES, or another after a complaint. */
enum outcome otp_list(const struct invocation *i, json_t **ret);
/* The entry of a user; borrowed. NULL: none. */
const json_t *otp_find(const json_t *users, const char *name);

/* Wipes the text of a string, in place. */
void otp_wipe(const json_t *string);

/* No core file and no debugger of the same user for what follows. */
void otp_keep_to_oneself(void);

/* Of people_list(), those who have no second factor in force. New reference. */
json_t *otp_missing(const struct invocation *i, const json_t *users);

/* The argument, or else the name of whoever asks. NULL after a complaint. free(). */
char *otp_user(const struct invocation *i);
