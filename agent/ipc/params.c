/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "params.h"

#include <string.h>

static bool is_string_list(const json_t *v) {
        if (!json_is_array(v))
                return false;
        for (size_t i = 0; i < json_array_size(v); i++)
                if (!json_is_string(json_array_get(v, i)))
                        return false;
        return true;
}

static bool has_type(const json_t *v, enum ipc_type type) {
        switch (type) {
        case IPC_BOOL:
                return json_is_boolean(v);
        case IPC_INT:
                return json_is_integer(v);
        case IPC_STRING:
                return json_is_string(v);
        case IPC_STRING_LIST:
                return is_string_list(v);
        case IPC_OBJECT:
                return json_is_object(v);
        case IPC_TYPE_MAX:
                break;
        }
        return false;
}

static const struct ipc_param *find(const struct ipc_param *table, const char *name) {
        for (const struct ipc_param *p = table; p && p->name; p++)
                if (strcmp(p->name, name) == 0)
                        return p;
        return NULL;
}

const char *ipc_params_check(const struct ipc_param *table, const json_t *parameters) {
        for (const struct ipc_param *p = table; p && p->name; p++) {
                const json_t *v = json_object_get(parameters, p->name);
                /* Varlink writes an absent optional value as null too. */
                if (!v || json_is_null(v)) {
                        if (!p->optional)
                                return p->name;
                        continue;
                }
                if (!has_type(v, p->type))
                        return p->name;
        }

        const char *key;
        json_t *value;
        json_object_foreach((json_t *) parameters, key, value) {
                if (!find(table, key))
                        return key;
        }
        return NULL;
}
