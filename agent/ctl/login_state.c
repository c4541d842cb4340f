/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "login_state.h"

#include <fcntl.h>
#include <sekisho/policy.h>
#include <string.h>

#include "otp.h"
#include "talk.h"

#define PAM_DIRECTORY "etc/pam.d"
#define PAM_FILE      "common-auth"
#define PAM_MODULE    "pam_sekisho.so"
#define FILE_MAX      65536u

enum login_switch login_switch_state(const struct invocation *i) {
        CLEANUP(free_p) char *text = malloc(FILE_MAX + 1);
        CLEANUP(close_p) int directory = root_openat(&i->root, PAM_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        if (!text || directory < 0 || file_read_at(directory, PAM_FILE, text, FILE_MAX) < 0)
                return LOGIN_NOT_TOLD;
        char *rest = NULL;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                if (line[strspn(line, " \t")] != '#' && strstr(line, PAM_MODULE))
                        return LOGIN_ON;
        return LOGIN_OFF;
}

static void add_finding(json_t *attention, const char *code) {
        (void) json_array_append_new(attention,
                                     json_pack("{s:s, s:s, s:s}", "severity", "short", "code", code, "detail", ""));
}

void login_status_add(const struct invocation *i, json_t *status) {
        CLEANUP(json_decrefp) json_t *verifier = NULL;
        CLEANUP(free_p) char *error = NULL;
        enum login_switch state = login_switch_state(i);
        json_t *attention = json_object_get(status, "attention");
        bool answers = otp_try(i, OTP_STATUS, NULL, &verifier, &error) == 0;
        if (!answers && state != LOGIN_ON)
                return;
        if (answers)
                (void) json_array_extend(attention, json_object_get(verifier, "attention"));
        else
                add_finding(attention, "verifier-down");
        /* A policy that demands what nobody asks for. */
        if (answers && state == LOGIN_OFF && strcmp(talk_string(verifier, "mode"), mode_name(MODE_ENFORCE)) == 0)
                add_finding(attention, "login-off");
        (void) json_object_set_new(status, "login",
                                   json_pack("{s:b, s:b, s:O, s:O, s:O}", "switched_on", state == LOGIN_ON, "verifier",
                                             answers, "mode", answers ? json_object_get(verifier, "mode") : json_null(),
                                             "enrolled", answers ? json_object_get(verifier, "enrolled") : json_null(),
                                             "key", answers ? json_object_get(verifier, "key") : json_null()));
}
