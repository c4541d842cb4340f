/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's interface with answers from files, for tests of what talks to it: the real server library, the real
 * method table's permissions, a real socket below a fake root.
 *
 *   fake_agent ROOT ANSWERS [GROUP]
 *
 * ANSWERS/METHOD.json holds {"parameters": {...}}, {"error": "...", "parameters": {...}}, or a list of parameters for a
 * stream, which then stays open. InstallPolicy's text is kept in ANSWERS/installed. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ipc/agent_interface.h"
#include "ipc/ipc.h"

static const char *answers;

static json_t *load(const char *name) {
        CLEANUP(free_p) char *path = NULL;
        if (asprintf(&path, "%s/%s.json", answers, name) < 0)
                return NULL;
        return json_load_file(path, 0, NULL);
}

static int answer(struct ipc_call *call, const char *name) {
        CLEANUP(json_decrefp) json_t *a = load(name);
        if (!a)
                return ipc_error(call, IPC_ERROR_METHOD_NOT_IMPLEMENTED, json_pack("{s:s}", "method", name));
        const char *error = json_string_value(json_object_get(a, "error"));
        json_t *parameters = json_incref(json_object_get(a, "parameters"));
        return error ? ipc_error(call, error, parameters) : ipc_reply(call, parameters);
}

static int get_status(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters, (void) userdata;
        return answer(call, AGENT_GET_STATUS);
}

static int list_devices(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters, (void) userdata;
        return answer(call, AGENT_LIST_DEVICES);
}

static int get_policy(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters, (void) userdata;
        return answer(call, AGENT_GET_POLICY);
}

static int keep_installed(const json_t *text) {
        CLEANUP(free_p) char *path = NULL;
        if (asprintf(&path, "%s/installed", answers) < 0)
                return -ENOMEM;
        CLEANUP(fclose_p) FILE *f = fopen(path, "we");
        if (!f || fwrite(json_string_value(text), 1, json_string_length(text), f) != json_string_length(text))
                return -EIO;
        return 0;
}

static int install_policy(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) userdata;
        int r = keep_installed(json_object_get(parameters, "text"));
        return r < 0 ? r : answer(call, AGENT_INSTALL_POLICY);
}

static int watch(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters, (void) userdata;
        CLEANUP(json_decrefp) json_t *events = load(AGENT_WATCH);
        size_t n;
        json_t *event;
        json_array_foreach(events, n, event) if (ipc_reply_continues(call, json_incref(event)) < 0) break;
        return 0;
}

static const struct ipc_param text_only[] = { { "text", IPC_STRING, false }, { 0 } };
static const struct ipc_method methods[] = {
        { .name = AGENT_GET_STATUS, .permission = IPC_ANYONE, .call = get_status },
        { .name = AGENT_LIST_DEVICES, .permission = IPC_ANYONE, .call = list_devices },
        { .name = AGENT_WATCH, .permission = IPC_AUDITOR, .more = true, .call = watch },
        { .name = AGENT_GET_POLICY, .permission = IPC_AUDITOR, .call = get_policy },
        { .name = AGENT_INSTALL_POLICY, .permission = IPC_ROOT, .call = install_policy, .params = text_only },
};
static const struct ipc_interface interface = { AGENT_INTERFACE_NAME, ipc_agent_description, methods,
                                                sizeof methods / sizeof methods[0] };

static int serve(const char *root_path, const char *group) {
        struct root root;
        int r = root_open(root_path, &root);
        if (r < 0)
                return r;
        r = root_mkdirs(&root, AGENT_SOCKET_DIRECTORY, 0755);
        int fd = r < 0 ? r : ipc_listen_at(&root, AGENT_SOCKET, 0666);
        root_close(&root);
        if (fd < 0)
                return fd;

        sd_event *event = NULL;
        CLEANUP(ipc_server_freep) struct ipc_server *server = NULL;
        const struct ipc_server_options options = { .vendor = "Sekisho",
                                                    .product = "fake agent",
                                                    .version = SEKISHO_VERSION,
                                                    .url = "about:blank",
                                                    .auditor_group = group };
        r = sd_event_new(&event);
        if (r < 0)
                return r;
        r = ipc_server_new(event, fd, &options, &server);
        if (r == 0)
                r = ipc_server_add(server, &interface, NULL);
        if (r == 0)
                r = sd_event_add_signal(event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
        if (r >= 0) {
                puts("ready");
                (void) fflush(stdout);
                r = sd_event_loop(event);
        }
        server = ipc_server_free(server);
        sd_event_unref(event);
        return r;
}

int main(int argc, char **argv) {
        if (argc < 3 || argc > 4) {
                fprintf(stderr, "usage: %s ROOT ANSWERS [GROUP]\n", argv[0]);
                return 2;
        }
        (void) umask(022);
        answers = argv[2];
        int r = serve(argv[1], argc > 3 ? argv[3] : NULL);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));
        return r < 0 ? 1 : 0;
}
