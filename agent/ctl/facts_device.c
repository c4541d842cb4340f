/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "facts.h"

static bool wrong(char **ret_problem, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(char **ret_problem, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        if (vasprintf(ret_problem, format, arguments) < 0)
                *ret_problem = NULL;
        va_end(arguments);
        return false;
}

/* Exactly 2 * n lower-case hex digits. */
static bool hex_bytes(const char *text, size_t n, uint8_t *ret) {
        for (size_t i = 0; i < n; i++) {
                int high = facts_hex_digit(text[2 * i]);
                int low = high < 0 ? -1 : facts_hex_digit(text[2 * i + 1]);
                if (low < 0)
                        return false;
                ret[i] = (uint8_t) (high << 4 | low);
        }
        return true;
}

static bool read_id(const json_t *v, uint16_t *ret) {
        const char *text = json_string_value(v);
        uint8_t bytes[2];
        if (!text || strlen(text) != 4 || !hex_bytes(text, 2, bytes))
                return false;
        *ret = (uint16_t) (bytes[0] << 8 | bytes[1]);
        return true;
}

static bool read_text(const json_t *v, char *ret, size_t size) {
        const char *text = json_string_value(v);
        if (!text || strlen(text) >= size)
                return false;
        memcpy(ret, text, strlen(text) + 1);
        return true;
}

static bool read_interface(const json_t *v, struct interface_triple *ret) {
        const char *text = json_string_value(v);
        if (!text || strlen(text) != 8 || text[2] != ':' || text[5] != ':')
                return false;
        return hex_bytes(text, 1, &ret->class) && hex_bytes(text + 3, 1, &ret->subclass) &&
               hex_bytes(text + 6, 1, &ret->protocol);
}

static bool has_interface(const struct device_facts *d, struct interface_triple t) {
        for (size_t i = 0; i < d->n_interfaces; i++)
                if (memcmp(&d->interfaces[i], &t, sizeof t) == 0)
                        return true;
        return false;
}

static bool set_kind(const json_t *v, struct device_facts *d) {
        (void) d;
        return json_is_string(v) && strcmp(json_string_value(v), "device") == 0;
}

static bool set_bus(const json_t *v, struct device_facts *d) {
        d->bus = json_is_string(v) ? bus_from_name(json_string_value(v)) : BUS_INVALID;
        return d->bus != BUS_INVALID;
}

static bool set_vendor(const json_t *v, struct device_facts *d) {
        return read_id(v, &d->vendor);
}

static bool set_product(const json_t *v, struct device_facts *d) {
        return read_id(v, &d->product);
}

static bool set_serial(const json_t *v, struct device_facts *d) {
        return read_text(v, d->serial, sizeof d->serial);
}

static bool set_name(const json_t *v, struct device_facts *d) {
        return read_text(v, d->name, sizeof d->name);
}

static bool set_known_as(const json_t *v, struct device_facts *d) {
        return read_text(v, d->known_as, sizeof d->known_as);
}

static bool set_port(const json_t *v, struct device_facts *d) {
        return read_text(v, d->port, sizeof d->port);
}

static bool set_node(const json_t *v, struct device_facts *d) {
        return read_text(v, d->node, sizeof d->node);
}

static bool set_interfaces(const json_t *v, struct device_facts *d) {
        if (!json_is_array(v))
                return false;
        for (size_t i = 0; i < json_array_size(v); i++) {
                struct interface_triple t;
                if (!read_interface(json_array_get(v, i), &t))
                        return false;
                if (has_interface(d, t))
                        continue;
                if (d->n_interfaces == DEVICE_INTERFACES_MAX)
                        return false;
                d->interfaces[d->n_interfaces++] = t;
        }
        return true;
}

static bool set_descriptors(const json_t *v, struct device_facts *d) {
        const char *text = json_string_value(v);
        d->has_digest = text && strncmp(text, "sha256:", 7) == 0 && strlen(text) == 7 + 2 * sizeof d->digest &&
                        hex_bytes(text + 7, sizeof d->digest, d->digest);
        return d->has_digest;
}

static bool set_present(const json_t *v, struct device_facts *d) {
        d->present_at_boot = json_is_true(v);
        return json_is_boolean(v);
}

static bool set_returned(const json_t *v, struct device_facts *d) {
        d->returned = json_is_true(v);
        return json_is_boolean(v);
}

static const struct key {
        const char *name;
        bool required;
        bool (*set)(const json_t *v, struct device_facts *d);
        const char *expected;
} keys[] = {
        { "kind", true, set_kind, "\"device\"" },
        { "bus", true, set_bus, "\"usb\", \"mmc\", ..." },
        { "vendor", true, set_vendor, "\"0781\"" },
        { "product", true, set_product, "\"5591\"" },
        { "serial", false, set_serial, "\"4C53\"" },
        { "name", false, set_name, "\"SanDisk Ultra\"" },
        { "known_as", false, set_known_as, "\"SanDisk Corp. Ultra\"" },
        { "interfaces", true, set_interfaces, "[\"08:06:50\", ...]" },
        { "descriptors", false, set_descriptors, "\"sha256:...\"" },
        { "port", false, set_port, "\"1-2\"" },
        { "node", false, set_node, "\"sda\"" },
        { "present_at_boot", false, set_present, "true, false" },
        { "returned", false, set_returned, "true, false" },
};

static const struct key *find_key(const char *name) {
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

bool facts_from_json(const json_t *object, struct device_facts *ret, char **ret_problem) {
        if (!json_is_object(object))
                return wrong(ret_problem, _("A JSON object was expected."));

        const char *name;
        json_t *value;
        json_object_foreach((json_t *) object, name, value) {
                if (!find_key(name))
                        return wrong(ret_problem, _("Key '%s' is unknown."), name);
        }

        struct device_facts d = { .descriptors_valid = true };
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
                const json_t *v = json_object_get(object, keys[i].name);
                if (!v && keys[i].required)
                        return wrong(ret_problem, _("Key '%s' is missing; expected: %s."), keys[i].name,
                                     keys[i].expected);
                if (v && !keys[i].set(v, &d))
                        return wrong(ret_problem, _("Key '%s' is wrong; expected: %s."), keys[i].name,
                                     keys[i].expected);
        }
        *ret = d;
        return true;
}
