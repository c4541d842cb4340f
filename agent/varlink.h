/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that serve the agent's interface share. Private to varlink*.c. New references; NULL: no memory. */
#pragma once

#include "agent.h"

json_t *varlink_time(int64_t seconds); /* "never" for POLICY_NEVER */
json_t *varlink_problems(const struct problems *p, bool warnings_only);
/* A reply that could not be built closes the connection: the client must not take half an answer for a whole one. */
int varlink_answer(struct ipc_call *call, json_t *parameters);
bool varlink_anybody_watches(const struct agent *a);
json_t *varlink_message(const struct agent *a, const char *event); /* for them, with the time */
/* To all who watch. message: stolen. */
void varlink_tell(struct agent *a, json_t *message);

/* ---- varlink_permit.c ---- */

int varlink_install_permit(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_activate_permit(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_close_permit(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_list_permits(struct ipc_call *call, json_t *parameters, void *userdata);
extern const struct ipc_param varlink_activate_params[], varlink_close_params[];

/* ---- varlink_own.c: refusals, told to those whom they concern ---- */

int varlink_watch_own(struct ipc_call *call, json_t *parameters, void *userdata);
void varlink_own_free(struct agent *a);
void varlink_own_settings(struct agent *a); /* after a policy came into force */
/* Tells it if it is a refusal. is_effect: after the door was read back; else after it was decided. */
void varlink_own_device(struct agent *a, const struct subject *s, bool is_effect);
/* connection: as Watch tells it. */
void varlink_own_blocked(struct agent *a, const struct blocked *b, const struct verdict *v, const json_t *connection);
void varlink_own_paste(struct agent *a, const struct paste *p, const struct verdict *v);
/* left: seconds that it is still open. */
void varlink_own_permit(struct agent *a, const struct stored_permit *p, const char *detail, int64_t left);
void varlink_own_screen(struct agent *a, int64_t uid, const char *session);
int varlink_report_idle(struct ipc_call *call, json_t *parameters, void *userdata);
extern const struct ipc_param varlink_idle_params[];

/* ---- varlink_session.c ---- */

int varlink_join_session(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_session_alive(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_report_paste(struct ipc_call *call, json_t *parameters, void *userdata);
extern const struct ipc_param varlink_join_params[], varlink_alive_params[], varlink_paste_params[];
/* The clipboard section in force, for helpers. New reference; NULL: no memory. */
json_t *varlink_clipboard(const struct agent *a);
/* varlink_record.c */
int varlink_install_receipt(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_sign_export(struct ipc_call *call, json_t *parameters, void *userdata);
extern const struct ipc_param varlink_sign_params[];
