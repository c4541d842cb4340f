/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool ask_can(void) {
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static char *trimmed(char *line) {
        size_t n = strlen(line), start = strspn(line, " \t");
        while (n > start && strchr(" \t\r\n", line[n - 1]))
                n--;
        return strndup(line + start, n - start);
}

enum outcome ask_line(const char *question, const char *fallback, char **ret) {
        CLEANUP(free_p) char *line = NULL;
        size_t size = 0;
        if (ask_can()) {
                if (fallback)
                        (void) fprintf(stderr, "%s [%s]: ", question, fallback);
                else
                        (void) fprintf(stderr, "%s: ", question);
                (void) fflush(stderr);
        }
        if (getline(&line, &size, stdin) < 0) {
                complain(_("There was no answer to: %s"), question);
                return OUTCOME_BAD;
        }
        char *answer = trimmed(line);
        explicit_bzero(line, size);
        if (answer && !*answer && fallback) {
                free(answer);
                answer = strdup(fallback);
        }
        if (!answer || !*answer) {
                free(answer);
                complain(_("There was no answer to: %s"), question);
                return OUTCOME_BAD;
        }
        *ret = answer;
        return OUTCOME_YES;
}
