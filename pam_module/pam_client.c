/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pam_client.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "ipc/otp_client.h"

static void json_p(json_t **j) {
        json_decref(*j);
}

static void root_p(struct root *r) {
        root_close(r);
}

/* jansson keeps a copy of what it was given; its own memory functions are the whole process's, and not ours to set. */
static void wipe(json_t *parameters) {
        static const char *const names[] = { "code", "escort_code" };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                const json_t *v = json_object_get(parameters, names[i]);
                if (json_is_string(v))
                        explicit_bzero((char *) json_string_value(v), json_string_length(v));
        }
}

int pam_client_ask(const char *root_path, const char *method, json_t *parameters_given, json_t **ret) {
        CLEANUP(json_p) json_t *parameters = parameters_given;
        CLEANUP(root_p) struct root root = { .fd = -1 };
        CLEANUP(ipc_client_freep) struct ipc_client *c = NULL;
        CLEANUP(free_p) char *error = NULL;
        if (!parameters)
                return -ENOMEM;
        int r = root_open(root_path, &root);
        if (r == 0)
                r = otp_client_connect(&root, PAM_CLIENT_USEC, &c);
        if (r == 0) {
                json_t *reply = NULL;
                r = ipc_client_call(c, method, json_incref(parameters), &reply, &error);
                if (r == 0)
                        *ret = reply;
                else if (r == 1)
                        json_decref(reply);
        }
        wipe(parameters);
        return r;
}
