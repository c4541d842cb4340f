/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As write(1) does, but by the user's own process: it needs no privilege, because a terminal belongs to who logged in
 * there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "front.h"

static void strings_p(char ***list) {
        for (size_t i = 0; *list && (*list)[i]; i++)
                free((*list)[i]);
        free(*list);
}

/* /dev/tty1, not /dev/ttyS0, whose other end is a terminal of its own kind. */
bool console_is_vt(const char *path) {
        const char *number = strncmp(path, "/dev/tty", 8) == 0 ? path + 8 : "";
        return *number && strspn(number, "0123456789") == strlen(number);
}

/* The lines of a notice as one, on a line of its own. free() */
static char *compose(const struct notice *notice) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        (void) fprintf(f, "\r\n[Sekisho] %s", notice->title);
        for (const char *p = notice->body; *p;) {
                size_t n = strcspn(p, "\n");
                (void) fprintf(f, " / %.*s", (int) n, p);
                p += n + (p[n] == '\n');
        }
        (void) fputs("\r\n", f);
        return fclose(f) == 0 ? text : (free(text), NULL);
}

/* It does not wait for a terminal that is stopped: the record has it anyway. */
static bool put(const char *path, const char *text) {
        CLEANUP(close_p) int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || !isatty(fd) || fstat(fd, &st) < 0 || st.st_uid != getuid() || !(st.st_mode & S_IWGRP))
                return false;
        return write(fd, text, strlen(text)) > 0;
}

static bool tty_of(const char *session, char *path, size_t size) {
        CLEANUP(free_p) char *type = NULL;
        CLEANUP(free_p) char *class = NULL;
        CLEANUP(free_p) char *tty = NULL;
        if (sd_session_get_type(session, &type) < 0 || strcmp(type, "tty") != 0 ||
            sd_session_get_class(session, &class) < 0 || strcmp(class, "user") != 0 ||
            sd_session_get_tty(session, &tty) < 0)
                return false;
        int n = snprintf(path, size, "/dev/%s", tty);
        return n > 0 && (size_t) n < size && !strstr(path, "..");
}

unsigned console_show(enum console_kind kind, const char *only, const struct notice *notice) {
        CLEANUP(free_p) char *text = compose(notice);
        CLEANUP(strings_p) char **sessions = NULL;
        unsigned n = 0;
        if (!text)
                return 0;
        if (only)
                return console_is_vt(only) == (kind == CONSOLE_VT) && put(only, text);
        if (sd_uid_get_sessions(getuid(), 0, &sessions) < 0)
                return 0;
        for (size_t i = 0; sessions && sessions[i]; i++) {
                char path[128];
                if (tty_of(sessions[i], path, sizeof path) && console_is_vt(path) == (kind == CONSOLE_VT))
                        n += put(path, text);
        }
        return n;
}
