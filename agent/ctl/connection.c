/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connection.h"

#include <string.h>

#include "screen.h"
#include "talk.h"

static const struct {
        const char *direction, *text;
} directions[] = {
        { "out", N_("out to") },
        { "in", N_("in from") },
        { "forward", N_("through, from") },
};

static const char *direction_text(const char *word) {
        for (size_t i = 0; i < sizeof directions / sizeof *directions; i++)
                if (strcmp(directions[i].direction, word) == 0)
                        return _(directions[i].text);
        return word;
}

static void put_faint(const char *text) {
        fputs(", ", stdout);
        screen_put(TONE_FAINT, text);
}

void connection_put(const json_t *c, bool observed) {
        bool one = strcmp(talk_string(c, "kind"), "flow") == 0;
        const char *peer = talk_string(c, "peer"), *interface = talk_string(c, "interface");
        CLEANUP(free_p) char *what = NULL;
        if (asprintf(&what, "%s %s %s", one ? talk_string(c, "protocol") : "-",
                     direction_text(talk_string(c, "direction")),
                     *peer ? peer
                     : one ? "-"
                           : _("many")) >= 0)
                screen_put(observed ? TONE_NOTE : TONE_BAD, what);
        const json_t *port = json_object_get(c, "port"), *uid = json_object_get(c, "uid");
        if (json_is_integer(port))
                printf(_(" port %lld"), (long long) json_integer_value(port));
        printf(_(": packets: %lld"), talk_integer(c, "count"));
        CLEANUP(free_p) char *user = NULL;
        if (json_is_integer(uid) && asprintf(&user, _("user %lld"), (long long) json_integer_value(uid)) >= 0)
                put_faint(user);
        const char *parts[] = { talk_string(c, "program"), interface, talk_string(c, "layer") };
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                if (*parts[i])
                        put_faint(parts[i]);
}
