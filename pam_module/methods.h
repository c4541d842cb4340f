/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two tables of methods share. Private to pam_module. */
#pragma once

#include <string.h>

#include "ipc/otp_interface.h"
#include "otpd.h"

/* Parameters that the server has checked. NULL: absent. */
static inline const char *text_of(const json_t *parameters, const char *name) {
        return json_string_value(json_object_get(parameters, name));
}

/* What was typed does not stay in the message that brought it. */
static inline void wipe_text(const json_t *parameters, const char *name) {
        const json_t *v = json_object_get(parameters, name);
        if (json_is_string(v))
                explicit_bzero((char *) json_string_value(v), json_string_length(v));
}

/* A reply that could not be built closes the connection: half an answer must not be taken for a whole one. */
int method_answer(struct ipc_call *call, json_t *parameters);
int method_user_error(struct ipc_call *call, const char *error, const char *user);

/* 0: the caller is root, or the account itself. 1: it is not, and has been told. */
int method_may_ask(const struct account *who, struct ipc_call *call);
bool method_is_root(const struct ipc_call *call);

/* Makes sure that what was recorded in a batch reaches the disk soon. */
void method_schedule_flush(struct otpd *o);

/* methods_state.c */
int method_list(struct ipc_call *call, json_t *parameters, void *userdata);
int method_status(struct ipc_call *call, json_t *parameters, void *userdata);
int method_grant(struct ipc_call *call, json_t *parameters, void *userdata);

extern const char otp_description[]; /* org.sekisho.Otp.varlink */
extern const struct ipc_method otp_admin_methods[];
extern const size_t otp_n_admin_methods;
