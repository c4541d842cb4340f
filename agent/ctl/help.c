/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "screen.h"

static char *name_of(const struct verb *v) {
        char *name = NULL;
        if (asprintf(&name, "%s%s%s%s%s", v->name, v->subverb ? " " : "", v->subverb ? v->subverb : "",
                     *v->arguments ? " " : "", v->arguments) < 0)
                return NULL;
        return name;
}

static void print_options(const struct verb_option *options) {
        for (const struct verb_option *o = options; o && o->name; o++) {
                char left[80];
                (void) snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ',
                                o->letter ? ", " : "   ", o->name, o->argument ? " " : "",
                                o->argument ? o->argument : "");
                printf("  %-40s %s\n", left, _(o->help));
        }
}

static void print_verbs(const char *family) {
        for (const struct verb *v = verbs; v->name; v++) {
                if (family && strcmp(v->name, family) != 0)
                        continue;
                CLEANUP(free_p) char *name = name_of(v);
                printf("  %-26s %s\n", name ? name : v->name, _(v->help));
        }
}

void help_print_all(void) {
        printf("%s\n\n", _("Usage: sekishoctl VERB [ARGUMENT...] [OPTION...]"));
        print_verbs(NULL);
        printf("\n%s\n", _("Options of every verb:"));
        print_options(common_options);
        printf("\n%s\n", _("Exit status: 0 yes or done, 1 a clear no, 2 bad usage or input, 3 agent not reachable, 4 "
                           "not permitted."));
}

void help_print_verb(const struct verb *v) {
        CLEANUP(free_p) char *name = name_of(v);
        printf(_("Usage: sekishoctl %s"), name ? name : v->name);
        printf("\n\n  %s\n\n", _(v->help));
        print_options(v->options);
        print_options(common_options);
}

static json_t *options_json(const struct verb_option *options) {
        json_t *list = json_array();
        for (const struct verb_option *o = options; o && o->name; o++) {
                char letter[2] = { o->letter, '\0' };
                json_array_append_new(list, json_pack("{s:s, s:s?, s:s?, s:s}", "name", o->name, "letter",
                                                      o->letter ? letter : NULL, "argument", o->argument, "help",
                                                      _(o->help)));
        }
        return list;
}

static enum outcome print_table(void) {
        json_t *list = json_array();
        for (const struct verb *v = verbs; v->name; v++)
                json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:s, s:o}", "verb", v->name, "subverb",
                                                      v->subverb, "arguments", v->arguments, "help", _(v->help),
                                                      "options", options_json(v->options)));
        return screen_json(json_pack("{s:o, s:o}", "options", options_json(common_options), "verbs", list));
}

enum outcome run_help(const struct invocation *i) {
        if (i->json)
                return print_table();
        if (i->n_arguments == 0) {
                help_print_all();
                return OUTCOME_YES;
        }

        bool family = false;
        for (const struct verb *v = verbs; v->name; v++) {
                if (strcmp(v->name, i->arguments[0]) != 0)
                        continue;
                family = true;
                if (!v->subverb || (i->n_arguments == 2 && strcmp(v->subverb, i->arguments[1]) == 0)) {
                        help_print_verb(v);
                        return OUTCOME_YES;
                }
        }
        if (family && i->n_arguments == 1) {
                print_verbs(i->arguments[0]);
                return OUTCOME_YES;
        }
        complain(_("'%s' is unknown; 'sekishoctl help' lists what there is."), i->arguments[i->n_arguments - 1]);
        return OUTCOME_BAD;
}
