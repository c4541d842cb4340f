/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of /etc/pam.d as libpam takes them: what it makes of a line that is wrong matters as much as the rest, since
 * such a line fails where it stands instead of being skipped. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "pam.h"

#define UNSET INT8_MIN

/* ---- one logical line ---- */

/* Comments cut, continuations joined in place. As pam_file_next(). */
static int assemble(char **text, unsigned *number, unsigned *ret_first, char **ret) {
        char *start = NULL, *end = NULL;
        for (char *line; (line = text_line(text));) {
                ++*number;
                if (strlen(line) > PAM_LINE_MAX)
                        return -E2BIG;
                char *s = line + strspn(line, " \t");
                if (*s == '\0' || *s == '#')
                        continue; /* also in the middle of a continued line */
                char *comment = strchr(s, '#');
                if (comment)
                        *comment = '\0';
                if (!start) {
                        start = end = s;
                        *ret_first = *number;
                }
                size_t n = strlen(s);
                memmove(end, s, n + 1);
                end += n;
                while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
                        end--;
                bool goes_on = !comment && end > start && end[-1] == '\\';
                if (goes_on)
                        end[-1] = ' ';
                *end = '\0';
                if (end - start > (ptrdiff_t) PAM_LINE_MAX)
                        return -E2BIG;
                if (!goes_on) {
                        *ret = start;
                        return 1;
                }
        }
        return start ? -EBADMSG : 0;
}

/* A word, or what stands between brackets (without them; "\]" is a bracket inside). */
static char *next_word(char **text) {
        char *s = *text + strspn(*text, " \t");
        if (*s == '\0')
                return NULL;
        if (*s != '[') {
                char *end = s + strcspn(s, " \t");
                *text = *end ? end + 1 : end;
                *end = '\0';
                return s;
        }
        char *to = ++s, *from = s;
        for (; *from && *from != ']'; from++) {
                if (from[0] == '\\' && from[1] == ']')
                        from++;
                *to++ = *from;
        }
        *text = *from ? from + 1 : from;
        *to = '\0';
        return s;
}

/* ---- the control field ---- */

static void set_default(int *actions, int action) {
        for (unsigned i = 0; i < PAM_CODES; i++)
                if (actions[i] == UNSET)
                        actions[i] = action;
}

static bool read_action(const char *s, size_t n, int *ret) {
        static const struct {
                const char *name;
                int action;
        } names[] = { { "ignore", PAM_DO_IGNORE }, { "ok", PAM_DO_OK },   { "done", PAM_DO_DONE },
                      { "bad", PAM_DO_BAD },       { "die", PAM_DO_DIE }, { "reset", PAM_DO_RESET } };
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strlen(names[i].name) == n && memcmp(names[i].name, s, n) == 0) {
                        *ret = names[i].action;
                        return true;
                }
        int lines = 0;
        for (size_t i = 0; i < n; i++) {
                if (!isdigit((unsigned char) s[i]) || lines > (int) PAM_ENTRIES_MAX)
                        return false;
                lines = lines * 10 + (s[i] - '0');
        }
        *ret = lines;
        return n > 0;
}

/* "success=1 default=ignore". What cannot be read makes everything bad. */
static void read_pairs(const char *s, int *actions) {
        for (;;) {
                s += strspn(s, " \t");
                if (*s == '\0')
                        return;
                size_t n = strcspn(s, "= \t");
                int code = pam_code_find(s, n), action = 0;
                s += n + strspn(s + n, " \t");
                bool good = code >= 0 && *s == '=';
                if (good) {
                        s++;
                        s += strspn(s, " \t");
                        n = strcspn(s, " \t");
                        good = read_action(s, n, &action);
                        s += n;
                }
                if (!good) {
                        for (unsigned i = 0; i < PAM_CODES; i++)
                                actions[i] = PAM_DO_BAD;
                        return;
                }
                if (code == (int) PAM_CODES)
                        set_default(actions, action);
                else
                        actions[code] = action;
        }
}

static const struct {
        const char *name;
        int success, ignore, others; /* success: also of new_authtok_reqd */
} controls[] = {
        { "required", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_BAD },
        { "requisite", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_DIE },
        { "optional", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_IGNORE },
        { "sufficient", PAM_DO_DONE, PAM_DO_IGNORE, PAM_DO_IGNORE },
};

static void read_control(const char *word, struct pam_line *l) {
        enum { SUCCESS = 0, NEW_AUTHTOK_REQD = 12, IGNORE = 25 };
        for (unsigned i = 0; i < PAM_CODES; i++)
                l->actions[i] = UNSET;
        for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
                if (strcasecmp(word, controls[i].name) == 0) {
                        l->actions[SUCCESS] = l->actions[NEW_AUTHTOK_REQD] = controls[i].success;
                        l->actions[IGNORE] = controls[i].ignore;
                        set_default(l->actions, controls[i].others);
                        return;
                }
        if (strcasecmp(word, "include") == 0 || strcasecmp(word, "substack") == 0)
                l->kind = strcasecmp(word, "include") == 0 ? PAM_INCLUDE : PAM_SUBSTACK;
        else
                read_pairs(word, l->actions);
        set_default(l->actions, PAM_DO_BAD);
}

/* ---- the whole ---- */

static enum pam_type find_type(const char *word) {
        for (enum pam_type t = 0; t < PAM_TYPE_MAX; t++)
                if (strcasecmp(word, pam_type_name(t)) == 0)
                        return t;
        return PAM_TYPE_MAX;
}

/* False: for another type than the one wanted. */
static bool read_line(char *text, enum pam_type of, struct pam_line *l) {
        for (unsigned i = 0; i < PAM_CODES; i++)
                l->actions[i] = PAM_DO_BAD;
        char *word = next_word(&text);
        if (word && strcasecmp(word, "@include") == 0) {
                l->type = of;
                l->kind = PAM_INCLUDE;
                l->usable = l->at = true;
                l->target = next_word(&text);
                return true;
        }
        l->type = word ? find_type(word + (word[0] == '-')) : PAM_TYPE_MAX;
        bool known = l->type != PAM_TYPE_MAX;
        if (!known) /* libpam takes it for the most sensitive, and has it fail */
                l->type = of != PAM_TYPE_MAX ? of : PAM_TYPE_AUTH;
        if (of != PAM_TYPE_MAX && l->type != of)
                return false;
        word = next_word(&text);
        if (word)
                read_control(word, l);
        l->target = word ? next_word(&text) : NULL;
        l->usable = known && word && (l->target || l->kind != PAM_MODULE);
        l->arguments = text_trim(text);
        return true;
}

int pam_file_next(char **text, unsigned *number, enum pam_type of, struct pool *pool, struct pam_line *ret) {
        for (;;) {
                struct pam_line l = { 0 };
                char *line;
                int r = assemble(text, number, &l.number, &line);
                if (r <= 0)
                        return r;
                if (!read_line(line, of, &l))
                        continue;
                l.arguments = pool_copy(pool, l.arguments ? l.arguments : "", l.arguments ? strlen(l.arguments) : 0);
                if (!l.arguments)
                        return -ENOMEM;
                *ret = l;
                return 1;
        }
}
