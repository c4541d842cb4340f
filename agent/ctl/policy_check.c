/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "policy_file.h"
#include "screen.h"

static enum outcome print(const char *path, const struct problems *problems) {
        policy_file_print_problems(stdout, path, problems);
        CLEANUP(free_p) char *name = screen_text(path);
        if (problems->n_errors > 0)
                printf(_("%s: errors: %zu, warnings: %zu"), name ? name : "", problems->n_errors, problems->n_warnings);
        else if (problems->n_warnings > 0)
                printf(_("%s: valid; warnings: %zu"), name ? name : "", problems->n_warnings);
        else
                printf(_("%s: valid"), name ? name : "");
        putchar('\n');
        return OUTCOME_YES;
}

static enum outcome print_json(const char *path, const struct problems *problems) {
        return screen_json(json_pack("{s:s, s:b, s:I, s:I, s:I, s:o}", "file", path, "valid", problems->n_errors == 0,
                                     "errors", (json_int_t) problems->n_errors, "warnings",
                                     (json_int_t) problems->n_warnings, "dropped", (json_int_t) problems->n_dropped,
                                     "problems", policy_file_problems_json(problems)));
}

enum outcome run_policy_check(const struct invocation *i) {
        const char *path = i->arguments[0];
        CLEANUP(document_clear) struct document document = { 0 };
        enum outcome outcome = policy_file_read(path, &document);
        if (outcome != OUTCOME_YES)
                return outcome;

        CLEANUP(problems_clear) struct problems problems = { 0 };
        CLEANUP(policy_freep) struct policy *policy = NULL;
        int r = policy_parse(document.bytes, document.size, &problems, &policy);
        if (r < 0) {
                complain("%s: %s", path, strerror(-r));
                return OUTCOME_BAD;
        }
        outcome = i->json ? print_json(path, &problems) : print(path, &problems);
        return r == 0 ? outcome : OUTCOME_BAD;
}
