/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "screen.h"

static enum outcome read_standard_input(struct document *ret) {
        CLEANUP(free_p) char *bytes = malloc(POLICY_MAX + 2);
        size_t n = bytes ? fread(bytes, 1, POLICY_MAX + 1, stdin) : 0;
        if (!bytes || ferror(stdin)) {
                complain(_("Standard input could not be read."));
                return OUTCOME_BAD;
        }
        if (n > POLICY_MAX) {
                complain("-: %s", document_outcome_text(DOCUMENT_TOO_LARGE));
                return OUTCOME_BAD;
        }
        bytes[n] = '\0';
        *ret = (struct document){ .bytes = TAKE_PTR(bytes), .size = n };
        return OUTCOME_YES;
}

enum outcome policy_file_read(const char *path, struct document *ret) {
        if (strcmp(path, "-") == 0)
                return read_standard_input(ret);

        int r = document_read(AT_FDCWD, path, POLICY_MAX, ret);
        if (r == 0)
                return OUTCOME_YES;
        complain("%s: %s", path, r > 0 ? document_outcome_text(r) : strerror(-r));
        return r == -EACCES || r == -EPERM ? OUTCOME_NOT_PERMITTED : OUTCOME_BAD;
}

void policy_file_print_problems(FILE *f, const char *path, const struct problems *problems) {
        for (size_t i = 0; i < problems->n; i++) {
                CLEANUP(free_p) char *line = NULL;
                if (problem_format(&problems->list[i], path, &line) < 0)
                        continue;
                CLEANUP(free_p) char *printable = screen_text(line);
                fprintf(f, "%s\n", printable ? printable : "");
        }
        if (problems->n_dropped > 0)
                fprintf(f, _("%s: and %zu more"), path, problems->n_dropped), fputc('\n', f);
}

json_t *policy_file_problems_json(const struct problems *problems) {
        static const char *const severities[SEVERITY_MAX] = { "error", "warning" };
        json_t *list = json_array();
        for (size_t i = 0; i < problems->n; i++) {
                const struct problem *p = &problems->list[i];
                json_t *entry =
                        json_pack("{s:s, s:i, s:i, s:s, s:s}", "severity", severities[p->severity], "line",
                                  (int) p->line, "column", (int) p->column, "path", p->path, "message", p->message);
                if (!entry || json_array_append_new(list, entry) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }
        return list;
}

enum outcome policy_file_load(const char *path, struct policy **ret) {
        CLEANUP(document_clear) struct document document = { 0 };
        enum outcome outcome = policy_file_read(path, &document);
        if (outcome != OUTCOME_YES)
                return outcome;

        CLEANUP(problems_clear) struct problems problems = { 0 };
        int r = policy_parse(document.bytes, document.size, &problems, ret);
        if (r < 0)
                complain("%s: %s", path, strerror(-r));
        if (r != 0)
                policy_file_print_problems(stderr, path, &problems);
        return r == 0 ? OUTCOME_YES : OUTCOME_BAD;
}
