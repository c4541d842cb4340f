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

/* ---- varlink_session.c ---- */

int varlink_join_session(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_session_alive(struct ipc_call *call, json_t *parameters, void *userdata);
int varlink_report_paste(struct ipc_call *call, json_t *parameters, void *userdata);
extern const struct ipc_param varlink_join_params[], varlink_alive_params[], varlink_paste_params[];
/* The clipboard section in force, for helpers. New reference; NULL: no memory. */
json_t *varlink_clipboard(const struct agent *a);
