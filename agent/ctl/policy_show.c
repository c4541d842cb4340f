/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "screen.h"
#include "talk.h"

/* To a file or a pipe go the document's exact bytes; to a terminal, only what cannot harm it. */
static void print(const char *text) {
        if (!isatty(STDOUT_FILENO)) {
                fputs(text, stdout);
                return;
        }
        while (*text) {
                size_t n = strcspn(text, "\n");
                CLEANUP(free_p) char *line = screen_text_n(text, n);
                puts(line ? line : "");
                text += n + (text[n] == '\n');
        }
}

enum outcome run_policy_show(const struct invocation *i) {
        CLEANUP(json_decrefp) json_t *reply = NULL;
        enum outcome outcome = talk_call(i, AGENT_METHOD(AGENT_GET_POLICY), NULL, &reply);
        if (outcome != OUTCOME_YES)
                return outcome;
        if (i->json)
                return screen_json(json_incref(reply));

        const char *text = talk_string(reply, "text");
        if (!*text) {
                complain(_("No policy file is in force; the built-in policy shuts everything but keyboards."));
                return OUTCOME_NO;
        }
        print(text);
        return OUTCOME_YES;
}
