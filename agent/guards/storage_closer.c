/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage_closer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

struct storage_closer {
        int fd;
        sd_event_source *source;
        void (*done)(int result, void *userdata);
        void *userdata;
};

DEFINE_FREEP(struct storage_closer, storage_closer_free)

static const char *const names[] = { [STORAGE_CLOSE_READ_ONLY] = "read-only", [STORAGE_CLOSE_DETACH] = "detach" };

static int parse_answer(char *answer) {
        char *end = NULL;
        long value = strtol(answer, &end, 10);
        return end == answer || strcmp(end, "\n") != 0 || value > 0 || value < -4095 ? -EPROTO : (int) value;
}

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct storage_closer *c = userdata;
        (void) revents;
        char answer[32];
        ssize_t n = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        answer[n > 0 ? n : 0] = '\0';
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        /* Nothing: it was killed at its work, or could not be started. */
        c->done(n == 0 ? -EPIPE : n < 0 ? -errno : parse_answer(answer), c->userdata);
        return 0;
}

static int connect_to(const struct root *root) {
        CLEANUP(close_p) int directory = root_openat(root, STORAGE_CLOSER_DIRECTORY, O_PATH | O_DIRECTORY, 0);
        if (directory < 0)
                return directory;
        CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void) snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" STORAGE_CLOSER_SOCKET,
                        directory);
        if (connect(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int storage_closer_new(sd_event *event, const struct root *root, const char *disk, uint64_t inode,
                       enum storage_close how, void (*done)(int result, void *userdata), void *userdata,
                       struct storage_closer **ret) {
        CLEANUP(storage_closer_freep) struct storage_closer *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->done = done;
        c->userdata = userdata;
        c->fd = connect_to(root);
        if (c->fd < 0)
                return c->fd;

        char request[128];
        int n = snprintf(request, sizeof request, "%s %" PRIu64 " %s\n", disk, inode, names[how]);
        if (send(c->fd, request, (size_t) n, MSG_NOSIGNAL) != n)
                return errno ? -errno : -EIO;
        int r = sd_event_add_io(event, &c->source, c->fd, EPOLLIN, on_answer, c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

struct storage_closer *storage_closer_free(struct storage_closer *c) {
        if (!c)
                return NULL;
        (void) sd_event_source_disable_unref(c->source);
        close_p(&c->fd);
        free(c);
        return NULL;
}
