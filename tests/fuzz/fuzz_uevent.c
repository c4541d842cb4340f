/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arbitrary bytes as one of the kernel's messages: what it says lies within them. */
#include <string.h>

#include "fuzz.h"
#include "sys/uevent_message.h"

static bool within(const uint8_t *data, size_t size, const char *text) {
        const uint8_t *p = (const uint8_t *) text;
        return p > data && p + strlen(text) < data + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct uevent_message m;
        if (!uevent_message_parse((const char *) data, size, &m))
                return 0;
        REQUIRE(within(data, size, m.action) && within(data, size, m.name) && within(data, size, m.subsystem));
        REQUIRE(*m.name != '\0' && !strchr(m.name, '/'));
        REQUIRE(!m.devtype || within(data, size, m.devtype));
        return 0;
}
