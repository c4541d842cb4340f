/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pam_client.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "base/cleanup.h"
#include "ipc/ipc.h"

static void json_p(json_t **j) {
        json_decref(*j);
}

static void root_p(struct root *r) {
        root_close(r);
}

/* Whoever made the socket listen is root (systemd), or the verifier itself. Below a fake root it is who runs the test.
 */
static int check_peer(const struct ipc_client *c, const struct root *root) {
        uid_t uid;
        int r = ipc_client_peer(c, &uid);
        if (r < 0 || uid == 0 || (!root->is_machine && uid == geteuid()))
                return r;
        char buffer[4096];
        struct passwd p, *found = NULL;
        bool is_verifier = getpwnam_r(OTP_USER, &p, buffer, sizeof buffer, &found) == 0 && found && uid == p.pw_uid;
        return is_verifier ? 0 : -EPERM;
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
                r = ipc_client_connect_at(&root, OTP_SOCKET, PAM_CLIENT_USEC, &c);
        if (r == 0)
                r = check_peer(c, &root);
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
