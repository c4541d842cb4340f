/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device_rule.h"

#include <stdio.h>
#include <string.h>

#include "subject.h"
#include "talk.h"

/* A YAML scalar in double quotes, which the strict parser takes: printable ASCII as it is, the rest of UTF-8 as well.
 * What is written with a backslash stays one character. */
static void print_quoted(const char *text) {
        putchar('"');
        for (const char *p = text; *p; p++) {
                if (*p == '"' || *p == '\\')
                        putchar('\\');
                putchar(*p);
        }
        putchar('"');
}

/* What the agent could not show byte for byte (see json_text()) cannot be matched either, and the parser refuses what
 * could harm a terminal. */
static bool is_plain(const char *text) {
        for (const char *p = text; *p; p++)
                if (*p < ' ' || *p > '~')
                        return false;
        return true;
}

static void print_match(const json_t *d) {
        CLEANUP(free_p) char *classes = subject_classes(d);
        const char *serial = talk_string(d, "serial");
        const json_t *descriptors = json_object_get(d, "descriptors");
        printf("      match:\n");
        printf("        bus: %s\n", talk_string(d, "bus"));
        if (classes && *classes)
                printf("        class: [%s]\n", classes);
        if (strcmp(talk_string(d, "vendor"), "0000") != 0)
                printf("        vendor: %s\n        product: %s\n", talk_string(d, "vendor"),
                       talk_string(d, "product"));
        if (*serial && is_plain(serial)) {
                fputs("        serial: ", stdout);
                print_quoted(serial);
                putchar('\n');
        } else
                printf("        # %s\n",
                       *serial ? _("its serial number cannot be written here") : _("no serial number"));
        if (json_is_string(descriptors))
                printf("        descriptors: %s\n", json_string_value(descriptors));
}

enum outcome device_rule_print(const json_t *d) {
        CLEANUP(free_p) char *name = subject_name(d);
        printf("    - id: %s-%s-%s\n", talk_string(d, "bus"), talk_string(d, "vendor"), talk_string(d, "product"));
        if (name && *name && is_plain(name)) {
                fputs("      note: ", stdout);
                print_quoted(name);
                putchar('\n');
        }
        print_match(d);
        printf("      action: %s\n", subject_is_media(d) ? "read-only" : "allow");
        return ferror(stdout) ? OUTCOME_BAD : OUTCOME_YES;
}
