/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uevent_message.h"

#include <string.h>

/* The value, if the string begins with key ("ACTION="). */
static const char *value_of(const char *string, const char *key) {
        size_t length = strlen(key);
        return strncmp(string, key, length) == 0 ? string + length : NULL;
}

static const char *last_word(const char *path) {
        const char *slash = strrchr(path, '/');
        return slash && slash[1] ? slash + 1 : NULL;
}

bool uevent_message_parse(const char *bytes, size_t size, struct uevent_message *ret) {
        if (size == 0 || bytes[size - 1] != '\0' || !strchr(bytes, '@'))
                return false;

        struct uevent_message m = { .action = NULL };
        for (const char *p = bytes + strlen(bytes) + 1; p < bytes + size; p += strlen(p) + 1) {
                const char *value;
                if ((value = value_of(p, "ACTION=")))
                        m.action = value;
                else if ((value = value_of(p, "DEVPATH=")))
                        m.name = last_word(value);
                else if ((value = value_of(p, "SUBSYSTEM=")))
                        m.subsystem = value;
                else if ((value = value_of(p, "DEVTYPE=")))
                        m.devtype = value;
        }
        if (!m.action || !m.name || !m.subsystem)
                return false;
        *ret = m;
        return true;
}
