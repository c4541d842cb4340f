/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static void set_locale(void) {
        /* What we print is UTF-8 whatever the locale says, and its width must be counted as such. */
        if (!setlocale(LC_ALL, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
                (void) setlocale(LC_CTYPE, "C.UTF-8");
        (void) setlocale(LC_NUMERIC, "C"); /* numbers in files are for programs */
        const char *term = getenv("TERM"); /* the text console has no kanji */
        if (term && strncmp(term, "linux", 5) == 0 && isatty(STDOUT_FILENO))
                (void) setlocale(LC_MESSAGES, "C");
        (void) bindtextdomain("sekisho", SEKISHO_LOCALEDIR);
        (void) bind_textdomain_codeset("sekisho", "UTF-8");
        (void) textdomain("sekisho");
}

static enum outcome run(struct command *c) {
        struct invocation *i = &c->invocation;
        if (c->help) {
                if (i->verb)
                        help_print_verb(i->verb);
                else
                        help_print_all();
                return OUTCOME_YES;
        }
        if (c->version)
                return run_version(i);

        int r = root_open(i->root_path, &i->root);
        if (r < 0) {
                complain(_("%s cannot be opened: %s."), i->root_path, strerror(-r));
                return OUTCOME_BAD;
        }
        enum outcome outcome = i->verb->run(i);
        root_close(&i->root);
        return outcome;
}

int main(int argc, char **argv) {
        set_locale();
        struct command command;
        enum outcome outcome = command_read(argc, argv, &command);
        if (outcome == OUTCOME_YES)
                outcome = run(&command);

        /* An answer that did not arrive (full disk) is no answer. */
        if (fflush(stdout) != 0 || ferror(stdout)) {
                complain(_("The answer could not be written."));
                outcome = OUTCOME_BAD;
        }
        return (int) outcome;
}
