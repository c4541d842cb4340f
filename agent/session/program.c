/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static void closedir_p(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* The link's text and the file behind it are read by one descriptor of /proc/PID, which dies with the process: a pid
 * that is given to another meanwhile leads nowhere. */
void program_of(pid_t pid, char ret[PROGRAM_MAX]) {
        ret[0] = '\0';
        char path[32];
        (void) snprintf(path, sizeof path, "/proc/%d", (int) pid);
        CLEANUP(close_p) int process = pid > 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        char text[PROGRAM_MAX];
        struct stat running, there;
        ssize_t n = process < 0 ? -1 : readlinkat(process, "exe", text, sizeof text - 1);
        if (n <= 0 || n == (ssize_t) sizeof text - 1 || text[0] != '/')
                return;
        text[n] = '\0';
        if (fstatat(process, "exe", &running, 0) < 0 || stat(text, &there) < 0 || running.st_dev != there.st_dev ||
            running.st_ino != there.st_ino)
                return;
        memcpy(ret, text, (size_t) n + 1);
}

/* A link to a descriptor has the rights with which it was opened. */
bool program_holds_pipe(pid_t pid, ino_t inode, bool writing) {
        char path[64], wanted[64];
        (void) snprintf(path, sizeof path, "/proc/%d/fd", (int) pid);
        (void) snprintf(wanted, sizeof wanted, "pipe:[%llu]", (unsigned long long) inode);
        CLEANUP(closedir_p) DIR *d = opendir(path);
        for (struct dirent *e; d && (e = readdir(d));) {
                char text[64];
                struct stat st;
                ssize_t n = readlinkat(dirfd(d), e->d_name, text, sizeof text - 1);
                if (n <= 0)
                        continue;
                text[n] = '\0';
                if (strcmp(text, wanted) == 0 && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    (st.st_mode & (writing ? S_IWUSR : S_IRUSR)))
                        return true;
        }
        return false;
}

static bool is_skipped(pid_t pid, const pid_t *skip) {
        if (pid == getpid())
                return true;
        for (; skip && *skip; skip++)
                if (*skip == pid)
                        return true;
        return false;
}

/* Another program beside the one that was found: nobody can say which of them it goes to. */
void program_of_pipe(ino_t inode, bool writing, const pid_t *skip,
                     bool (*same)(const char *a, const char *b, void *userdata), void *userdata,
                     char ret[PROGRAM_MAX]) {
        ret[0] = '\0';
        char found[PROGRAM_MAX] = "", program[PROGRAM_MAX];
        CLEANUP(closedir_p) DIR *proc = opendir("/proc");
        for (struct dirent *e; proc && (e = readdir(proc));) {
                pid_t pid = isdigit((unsigned char) e->d_name[0]) ? (pid_t) strtol(e->d_name, NULL, 10) : 0;
                if (pid <= 0 || is_skipped(pid, skip) || !program_holds_pipe(pid, inode, writing))
                        continue;
                program_of(pid, program);
                if (!*program || (*found && !same(found, program, userdata)))
                        return;
                memcpy(found, program, strlen(program) + 1);
        }
        memcpy(ret, found, strlen(found) + 1);
}
