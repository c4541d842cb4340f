/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tokens.h"

#include <errno.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define SECRET_MIN   10u /* bytes */
#define SECRET_MAX   64u
#define PROBLEMS_MAX 1000u
#define COLUMNS_MAX  16u

enum column { USER, SECRET, SECRET_HEX, SERIAL, DIGITS, PERIOD, ALGORITHM, NOTE, N_COLUMNS };
static const char *const column_names[N_COLUMNS] = {
        [USER] = "user",     [SECRET] = "secret", [SECRET_HEX] = "secret-hex", [SERIAL] = "serial",
        [DIGITS] = "digits", [PERIOD] = "period", [ALGORITHM] = "algorithm",   [NOTE] = "note",
};
static const char *const algorithms[] = { "sha1", "sha256", "sha512" };

struct header {
        enum column columns[COLUMNS_MAX];
        size_t n;
        unsigned given; /* bits */
};

void tokens_problem(struct tokens *t, unsigned line, const char *format, ...) {
        if (t->n_problems == PROBLEMS_MAX)
                return;
        struct token_problem *grown = reallocarray(t->problems, t->n_problems + 1, sizeof *grown);
        char *text = NULL;
        va_list arguments;
        va_start(arguments, format);
        int n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (grown)
                t->problems = grown;
        if (!grown || n < 0) {
                t->out_of_memory = true;
                free(n < 0 ? NULL : text);
                return;
        }
        t->problems[t->n_problems++] = (struct token_problem){ line, text };
}

/* ---- fields ---- */

/* The next field, NUL-terminated in place and without its quotes; *p moves behind it, *ret_last: it was the line's
 * last. NULL: the quotes are wrong. */
static char *next_field(char **p, bool *ret_last) {
        char *start = *p, *to = start;
        bool quoted = *start == '"';
        char *from = quoted ? start + 1 : start;
        for (; *from && (quoted || *from != ','); from++) {
                if (quoted && *from == '"' && from[1] != '"')
                        break;
                if (quoted && *from == '"')
                        from++;
                else if (!quoted && *from == '"')
                        return NULL;
                *to++ = *from;
        }
        if (quoted && *from != '"')
                return NULL;
        if (quoted)
                from++;
        if (*from && *from != ',')
                return NULL;
        *ret_last = *from == '\0';
        *p = from + (*from == ',');
        *to = '\0';
        return start;
}

/* Cuts the white space that spreadsheets and people leave. */
static char *trimmed(char *s) {
        s += strspn(s, " \t");
        for (size_t n = strlen(s); n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'); n--)
                s[n - 1] = '\0';
        return s;
}

/* Fields of a line. Their number; 0 after a problem. */
static size_t split(struct tokens *t, unsigned line, char *text, char **fields) {
        size_t n = 0;
        for (bool last = false; !last;) {
                if (n == COLUMNS_MAX) {
                        tokens_problem(t, line, _("more than %u columns"), COLUMNS_MAX);
                        return 0;
                }
                char *field = next_field(&text, &last);
                if (!field) {
                        tokens_problem(t, line, "%s", _("the quotation marks do not fit"));
                        return 0;
                }
                fields[n++] = trimmed(field);
        }
        return n;
}

static void read_header(struct tokens *t, unsigned line, char *text, struct header *ret) {
        char *fields[COLUMNS_MAX];
        size_t n = split(t, line, text, fields);
        for (size_t i = 0; i < n; i++) {
                int found = -1;
                for (int c = 0; c < N_COLUMNS; c++)
                        found = strcmp(fields[i], column_names[c]) == 0 ? c : found;
                if (found < 0)
                        tokens_problem(t, line,
                                       _("column %zu is none of those that are known: user, secret, secret-hex, "
                                         "serial, digits, period, algorithm, note"),
                                       i + 1);
                else if (ret->given & 1u << found)
                        tokens_problem(t, line, _("column \"%s\" is there twice"), column_names[found]);
                ret->columns[i] = (enum column)(found < 0 ? NOTE : found);
                ret->given |= found < 0 ? 0 : 1u << found;
        }
        bool has_secret = (ret->given & 1u << SECRET) != 0, has_hex = (ret->given & 1u << SECRET_HEX) != 0;
        if (n > 0 && (!(ret->given & 1u << USER) || has_secret == has_hex))
                tokens_problem(t, line, "%s",
                               _("the first line names the columns: user, and one of secret and secret-hex, at least"));
        ret->n = t->n_problems == 0 ? n : 0;
}

/* ---- values ---- */

static int read_number(struct tokens *t, unsigned line, enum column column, const char *text, int least, int most) {
        char *end = NULL;
        errno = 0;
        long n = strtol(text, &end, 10);
        if (*text == '\0')
                return 0;
        if (errno || *end || n < least || n > most) {
                tokens_problem(t, line, _("%s: a number from %d to %d is expected"), column_names[column], least, most);
                return 0;
        }
        return (int) n;
}

static const char *read_algorithm(struct tokens *t, unsigned line, const char *text) {
        for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
                if (strcasecmp(algorithms[i], text) == 0)
                        return algorithms[i];
        if (*text)
                tokens_problem(t, line, "%s", _("algorithm: sha1, sha256 or sha512 is expected"));
        return NULL;
}

/* Bytes of a secret in either spelling. 0, or -EINVAL. */
static int decode(const char *text, bool hex, unsigned char *ret, size_t *ret_n) {
        size_t n = 0;
        const char *end = NULL;
        if (hex) {
                bool whole = sodium_hex2bin(ret, SECRET_MAX, text, strlen(text), " :-", &n, &end) == 0 && !*end;
                *ret_n = n;
                return whole ? 0 : -EINVAL;
        }
        char *bytes = NULL;
        if (oath_base32_decode(text, strlen(text), &bytes, &n) != OATH_OK)
                return -EINVAL;
        if (n <= SECRET_MAX)
                memcpy(ret, bytes, n);
        sodium_memzero(bytes, n);
        free(bytes);
        *ret_n = n;
        return n <= SECRET_MAX ? 0 : -EINVAL;
}

/* One spelling for all, so that the same secret is the same text. NULL after a problem, which does not repeat it. */
static char *read_secret(struct tokens *t, unsigned line, const char *text, bool hex) {
        unsigned char bytes[SECRET_MAX];
        char *secret = NULL;
        size_t n = 0;
        if (decode(text, hex, bytes, &n) < 0 || n < SECRET_MIN)
                tokens_problem(t, line,
                               hex ? _("secret-hex: %u to %u bytes in hexadecimal are expected")
                                   : _("secret: %u to %u bytes in base32 are expected"),
                               SECRET_MIN, SECRET_MAX);
        else if (oath_base32_encode((const char *) bytes, n, &secret, NULL) != OATH_OK)
                t->out_of_memory = true;
        sodium_memzero(bytes, sizeof bytes);
        if (secret)
                secret[strcspn(secret, "=")] = '\0';
        return secret;
}

static void read_row(struct tokens *t, const struct header *h, unsigned line, char *text) {
        char *fields[COLUMNS_MAX];
        const char *values[N_COLUMNS] = { "", "", "", "", "", "", "", "" };
        size_t n = split(t, line, text, fields);
        if (n == 0)
                return;
        if (n != h->n) {
                tokens_problem(t, line, _("%zu columns, but the first line names %zu"), n, h->n);
                return;
        }
        for (size_t i = 0; i < n; i++)
                values[h->columns[i]] = fields[i];
        if (!*values[USER])
                tokens_problem(t, line, "%s", _("user: nobody is named"));

        bool hex = (h->given & 1u << SECRET_HEX) != 0;
        struct token row = { .line = line, .user = values[USER], .serial = values[SERIAL] };
        row.secret = read_secret(t, line, values[hex ? SECRET_HEX : SECRET], hex);
        row.digits = read_number(t, line, DIGITS, values[DIGITS], 6, 8);
        row.period = read_number(t, line, PERIOD, values[PERIOD], 15, 300);
        row.algorithm = read_algorithm(t, line, values[ALGORITHM]);
        t->rows[t->n++] = row;
}

/* ---- what appears twice ---- */

static int by_user(const void *a, const void *b) {
        const struct token *x = *(const struct token *const *) a, *y = *(const struct token *const *) b;
        int r = strcmp(x->user, y->user);
        return r ? r : x->line < y->line ? -1 : 1;
}

static int by_secret(const void *a, const void *b) {
        const struct token *x = *(const struct token *const *) a, *y = *(const struct token *const *) b;
        int r = strcmp(x->secret ? x->secret : "", y->secret ? y->secret : "");
        return r ? r : x->line < y->line ? -1 : 1;
}

static void find_twins(struct tokens *t) {
        CLEANUP(free_p) const struct token **sorted = calloc(t->n + 1, sizeof *sorted);
        if (!sorted) {
                t->out_of_memory = true;
                return;
        }
        for (size_t i = 0; i < t->n; i++)
                sorted[i] = &t->rows[i];
        qsort(sorted, t->n, sizeof *sorted, by_user);
        for (size_t i = 1; i < t->n; i++)
                if (*sorted[i]->user && strcmp(sorted[i]->user, sorted[i - 1]->user) == 0)
                        tokens_problem(t, sorted[i]->line, _("user: the same as in line %u"), sorted[i - 1]->line);
        qsort(sorted, t->n, sizeof *sorted, by_secret);
        for (size_t i = 1; i < t->n; i++)
                if (sorted[i]->secret && sorted[i - 1]->secret && strcmp(sorted[i]->secret, sorted[i - 1]->secret) == 0)
                        tokens_problem(t, sorted[i]->line,
                                       _("secret: the same as in line %u; two people cannot share a token"),
                                       sorted[i - 1]->line);
}

static int by_line(const void *a, const void *b) {
        const struct token_problem *x = a, *y = b;
        return x->line < y->line ? -1 : x->line > y->line;
}

void tokens_sort_problems(struct tokens *t) {
        if (t->n_problems > 0)
                qsort(t->problems, t->n_problems, sizeof *t->problems, by_line);
}

/* ---- the file ---- */

static void read_lines(struct tokens *t, char *text) {
        struct header h = { .n = 0 };
        unsigned line = 0;
        for (char *end; *text; text = end) {
                end = text + strcspn(text, "\n");
                if (*end)
                        *end++ = '\0';
                size_t n = strlen(text);
                if (n > 0 && text[n - 1] == '\r')
                        text[n - 1] = '\0';
                line++;
                if (*text == '\0')
                        continue;
                if (h.n > 0)
                        read_row(t, &h, line, text);
                else
                        read_header(t, line, text, &h);
                if (h.n == 0 || t->n_problems == PROBLEMS_MAX)
                        return; /* without a header nothing else means anything */
        }
        if (t->n == 0 && t->n_problems == 0)
                tokens_problem(t, line ? line : 1, "%s", _("no token is listed"));
}

int tokens_parse(const char *bytes, size_t size, struct tokens *ret) {
        struct tokens t = { .text = malloc(size + 1), .size = size };
        size_t rows = 1;
        for (size_t i = 0; i < size; i++)
                rows += bytes[i] == '\n';
        t.rows = calloc(rows < TOKENS_MAX ? rows : TOKENS_MAX, sizeof *t.rows);
        if (!t.text || !t.rows) {
                tokens_clear(&t);
                return -ENOMEM;
        }
        memcpy(t.text, bytes, size);
        t.text[size] = '\0';
        char *text = t.text + (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
        if (rows > TOKENS_MAX)
                tokens_problem(&t, TOKENS_MAX, _("more than %u lines"), TOKENS_MAX);
        else if (memchr(bytes, '\0', size))
                tokens_problem(&t, 1, "%s", _("this is no text file"));
        else
                read_lines(&t, text);
        find_twins(&t);
        tokens_sort_problems(&t);
        if (t.out_of_memory) {
                tokens_clear(&t);
                return -ENOMEM;
        }
        *ret = t;
        return 0;
}

void tokens_clear(struct tokens *t) {
        for (size_t i = 0; i < t->n; i++) {
                if (t->rows[i].secret)
                        sodium_memzero(t->rows[i].secret, strlen(t->rows[i].secret));
                free(t->rows[i].secret);
        }
        for (size_t i = 0; i < t->n_problems; i++)
                free(t->problems[i].text);
        if (t->text)
                sodium_memzero(t->text, t->size);
        free(t->text);
        free(t->rows);
        free(t->problems);
        *t = (struct tokens){ 0 };
}
