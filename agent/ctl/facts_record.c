/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device as the record describes it, so that it can be judged again. Its texts are escaped there (sekisho-record(5)):
 * what a device said may be no text at all. */
#include <string.h>

#include "base/cleanup.h"
#include "facts.h"

int facts_hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool facts_unescape(const char *s, char *ret, size_t size) {
        size_t n = 0;
        for (; *s; s++) {
                char c = *s;
                if (c == '\\' && s[1] == '\\') {
                        s++;
                } else if (c == '\\') {
                        int high = s[1] == 'x' ? facts_hex_digit(s[2]) : -1,
                            low = high >= 0 ? facts_hex_digit(s[3]) : -1;
                        if (low < 0 || high + low == 0)
                                return false;
                        c = (char) (high << 4 | low);
                        s += 3;
                }
                if (n + 1 >= size)
                        return false;
                ret[n++] = c;
        }
        ret[n] = '\0';
        return true;
}

static bool take_text(json_t *object, const char *key, char *ret, size_t size) {
        const json_t *v = json_object_get(object, key);
        bool ok = !v || (json_is_string(v) && facts_unescape(json_string_value(v), ret, size));
        (void) json_object_del(object, key);
        return ok;
}

bool facts_from_record(const char *text, size_t size, struct device_facts *ret) {
        CLEANUP(json_decrefp) json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(object))
                return false;
        struct device_facts said = { 0 }, d;
        bool ok = take_text(object, "serial", said.serial, sizeof said.serial) &&
                  take_text(object, "name", said.name, sizeof said.name) &&
                  take_text(object, "known_as", said.known_as, sizeof said.known_as) &&
                  take_text(object, "port", said.port, sizeof said.port) &&
                  take_text(object, "node", said.node, sizeof said.node);
        bool is_valid = !json_is_false(json_object_get(object, "descriptors_valid"));
        bool is_root_hub = json_is_true(json_object_get(object, "root_hub"));
        if (json_is_null(json_object_get(object, "descriptors")))
                (void) json_object_del(object, "descriptors");
        (void) json_object_del(object, "descriptors_valid");
        (void) json_object_del(object, "root_hub");
        (void) json_object_del(object, "classes"); /* they follow from the interfaces */

        CLEANUP(free_p) char *problem = NULL;
        if (!ok || !facts_from_json(object, &d, &problem))
                return false;
        memcpy(d.serial, said.serial, sizeof d.serial);
        memcpy(d.name, said.name, sizeof d.name);
        memcpy(d.known_as, said.known_as, sizeof d.known_as);
        memcpy(d.port, said.port, sizeof d.port);
        memcpy(d.node, said.node, sizeof d.node);
        d.descriptors_valid = is_valid;
        d.is_root_hub = is_root_hub;
        *ret = d;
        return true;
}
