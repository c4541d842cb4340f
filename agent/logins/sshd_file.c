/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sshd_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX 16u
#define FILES_MAX 64u

const char *const sshd_key_names[SSHD_KEY_MAX] = {
        [SSHD_USE_PAM] = "UsePAM",
        [SSHD_PUBKEY] = "PubkeyAuthentication",
        [SSHD_PASSWORD] = "PasswordAuthentication",
        [SSHD_KBD] = "KbdInteractiveAuthentication",
        [SSHD_HOSTBASED] = "HostbasedAuthentication",
        [SSHD_GSSAPI] = "GSSAPIAuthentication",
        [SSHD_EMPTY] = "PermitEmptyPasswords",
        [SSHD_METHODS] = "AuthenticationMethods",
};

static const struct {
        const char *old;
        enum sshd_key key;
} aliases[] = { { "ChallengeResponseAuthentication", SSHD_KBD },
                { "SkeyAuthentication", SSHD_KBD },
                { "DSAAuthentication", SSHD_PUBKEY } };

struct reader {
        struct report_builder *b;
        struct sshd_config *c;
        unsigned files;
};

static bool is_word(const char *line, size_t n, const char *word) {
        return strlen(word) == n && strncasecmp(line, word, n) == 0;
}

static enum sshd_key find_key(const char *line, size_t n) {
        for (int i = 0; i < SSHD_KEY_MAX; i++)
                if (is_word(line, n, sshd_key_names[i]))
                        return (enum sshd_key) i;
        for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
                if (is_word(line, n, aliases[i].old))
                        return aliases[i].key;
        return SSHD_KEY_MAX;
}

static void trouble(struct reader *r, const char *code, const char *file, unsigned line, const char *what) {
        if (r->c->trouble)
                return;
        r->c->trouble = code;
        r->c->where = (struct login_place){ .file = file, .line = line, .what = what };
}

/* A word, or what stands in quotes. */
static char *argument(char **text) {
        char *s = *text + strspn(*text, " \t\r");
        if (*s == '\0' || *s == '#')
                return NULL;
        const char *stop = *s == '"' ? "\"" : " \t\r";
        s += *s == '"';
        char *end = s + strcspn(s, stop);
        *text = *end ? end + 1 : end;
        *end = '\0';
        return s;
}

static int add(struct reader *r, enum sshd_key key, char *rest, const char *file, unsigned line, unsigned block) {
        char *value = NULL, *word = argument(&rest);
        bool on = word && (strcasecmp(word, "yes") == 0 || strcasecmp(word, "true") == 0);
        bool off = word && (strcasecmp(word, "no") == 0 || strcasecmp(word, "false") == 0);
        struct pool *pool = &r->b->pool->pool;
        for (; word; word = argument(&rest)) {
                value = pool_format(pool, "%s%s%s", value ? value : "", value ? " " : "", word);
                if (!value)
                        return -ENOMEM;
        }
        if (!value || (key != SSHD_METHODS && !on && !off)) {
                trouble(r, "bad-value", file, line, sshd_key_names[key]);
                return 0;
        }
        int grown = text_grow((void **) &r->c->settings, r->c->n, sizeof *r->c->settings);
        if (grown == 0)
                r->c->settings[r->c->n++] = (struct sshd_setting){
                        .key = key, .block = block, .on = on, .value = value, .file = file, .line = line
                };
        return grown;
}

static unsigned begin_block(struct reader *r, char *rest, const char *file, unsigned line) {
        struct sshd_config *c = r->c;
        const char *criteria = text_trim(rest);
        if (c->n_blocks == SSHD_BLOCKS_MAX) {
                trouble(r, "too-complex", file, line, "Match");
                return SSHD_BLOCKS_MAX;
        }
        criteria = pool_copy(&r->b->pool->pool, criteria, strlen(criteria));
        c->blocks[++c->n_blocks] = (struct sshd_block){ .criteria = criteria ? criteria : "",
                                                        .file = file,
                                                        .line = line,
                                                        .always = criteria && strcasecmp(criteria, "all") == 0 };
        return c->n_blocks;
}

static int read_file(struct reader *r, const char *path, unsigned block, unsigned depth);

static int include(struct reader *r, char *rest, unsigned block, unsigned depth) {
        int got = 0;
        for (char *pattern; got == 0 && (pattern = argument(&rest));) {
                char **paths = NULL;
                size_t n = 0;
                struct pool *pool = &r->b->pool->pool;
                const char *whole = pattern[0] == '/' ? pattern : pool_format(pool, "/etc/ssh/%s", pattern);
                got = whole ? r->b->files->list(r->b->files->userdata, whole, pool, &paths, &n) : -ENOMEM;
                for (size_t i = 0; i < n && got == 0; i++)
                        got = read_file(r, paths[i], block, depth + 1);
                free(paths);
                got = got > 0 ? 0 : got;
        }
        return got;
}

/* A Match inside an included file ends with that file. */
static int read_file(struct reader *r, const char *path, unsigned block, unsigned depth) {
        char *text = NULL;
        struct report_builder *b = r->b;
        const char *file = pool_copy(&b->pool->pool, path, strlen(path));
        if (!file)
                return -ENOMEM;
        if (depth > DEPTH_MAX || r->files++ > FILES_MAX) {
                trouble(r, "too-complex", file, 0, "Include");
                return 0;
        }
        int got = b->files->read(b->files->userdata, path, &b->pool->pool, &text);
        if (got == 2)
                trouble(r, "unreadable", file, 0, "");
        if (got != 0)
                return got == 2 ? 0 : got;
        unsigned number = 0;
        for (char *line; got == 0 && (line = text_line(&text));) {
                number++;
                line = text_trim(line);
                if (*line == '#' || *line == '\0')
                        continue;
                size_t n = strcspn(line, " \t=\"");
                char *rest = line + n + strspn(line + n, " \t");
                rest += *rest == '=';
                enum sshd_key key = find_key(line, n);
                if (is_word(line, n, "Match"))
                        block = begin_block(r, rest, file, number);
                else if (is_word(line, n, "Include"))
                        got = include(r, rest, block, depth);
                else if (key != SSHD_KEY_MAX)
                        got = add(r, key, rest, file, number, block);
        }
        return got;
}

int sshd_config_read(struct report_builder *b, const char *path, struct sshd_config *ret) {
        *ret = (struct sshd_config){ .n = 0 };
        struct reader r = { .b = b, .c = ret };
        return read_file(&r, path, 0, 0);
}

void sshd_config_clear(struct sshd_config *c) {
        free(c->settings);
        *c = (struct sshd_config){ .n = 0 };
}
