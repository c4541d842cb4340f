/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.varlink.service: what every Varlink service says about itself. */
#include <string.h>

#include "connection.h"

static const char description[] =
        "# The Varlink service interface, provided by every Varlink service.\n"
        "interface org.varlink.service\n"
        "\n"
        "method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)\n"
        "\n"
        "method GetInterfaceDescription(interface: string) -> (description: string)\n"
        "\n"
        "error InterfaceNotFound (interface: string)\n"
        "error MethodNotFound (method: string)\n"
        "error MethodNotImplemented (method: string)\n"
        "error InvalidParameter (parameter: string)\n"
        "error PermissionDenied ()\n"
        "error ExpectedMore ()\n";

static int get_info(struct ipc_call *call, json_t *parameters, void *userdata) {
        (void) parameters;
        const struct ipc_server *s = userdata;
        json_t *interfaces = json_array();
        for (size_t i = 0; i < s->n_served; i++)
                if (json_array_append_new(interfaces, json_string(s->served[i].interface->name)) < 0) {
                        json_decref(interfaces);
                        interfaces = NULL;
                        break;
                }
        return ipc_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", s->vendor, "product", s->product,
                                         "version", s->version, "url", s->url, "interfaces", interfaces));
}

static int get_description(struct ipc_call *call, json_t *parameters, void *userdata) {
        const struct ipc_server *s = userdata;
        const char *wanted = json_string_value(json_object_get(parameters, "interface"));
        for (size_t i = 0; i < s->n_served; i++) {
                const struct ipc_interface *interface = s->served[i].interface;
                if (strcmp(interface->name, wanted) == 0)
                        return ipc_reply(call, json_pack("{s:s}", "description", interface->description));
        }
        return ipc_error(call, IPC_ERROR_INTERFACE_NOT_FOUND, json_pack("{s:s}", "interface", wanted));
}

static const struct ipc_param description_params[] = { { "interface", IPC_STRING, false }, { 0 } };

static const struct ipc_method methods[] = {
        { .name = "GetInfo", .permission = IPC_ANYONE, .call = get_info },
        { .name = "GetInterfaceDescription",
          .permission = IPC_ANYONE,
          .call = get_description,
          .params = description_params },
};

const struct ipc_interface ipc_service_interface = {
        .name = "org.varlink.service",
        .description = description,
        .methods = methods,
        .n_methods = sizeof methods / sizeof methods[0],
};
