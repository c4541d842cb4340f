/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "focus.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "program.h"

#define MAGIC      "i3-ipc"
#define MAGIC_SIZE 6u
#define HEAD_SIZE  (MAGIC_SIZE + 2 * sizeof(uint32_t))
#define ANSWER_MAX (8u * 1024u * 1024u)
#define EVENTS     "[\"window\",\"workspace\"]"

enum message {
        MESSAGE_SUBSCRIBE = 2,
        MESSAGE_GET_TREE = 4,
};
#define EVENT_WORKSPACE UINT32_C(0x80000000)
#define EVENT_WINDOW    UINT32_C(0x80000003)

struct focus {
        int fd;
        sd_event_source *io;
        pid_t pid;
        char program[PROGRAM_MAX];
        bool asked, again; /* for the tree */
        char head[HEAD_SIZE], *answer;
        size_t have; /* of the head, and then of the answer, too */
        void (*changed)(void *userdata);
        void *userdata;
};

/* ---- what sway says ---- */

static void json_p(json_t **j) {
        json_decref(*j);
}

static pid_t pid_of(const json_t *window) {
        const char *shell = json_string_value(json_object_get(window, "shell"));
        json_int_t pid = json_integer_value(json_object_get(window, "pid"));
        return shell && strcmp(shell, "xdg_shell") == 0 && pid > 0 && pid <= INT_MAX ? (pid_t) pid : 0;
}

/* At most as deep as jansson reads. */
static const json_t *find_focused(const json_t *node) { /* NOLINT(misc-no-recursion) */
        static const char *const lists[] = { "nodes", "floating_nodes" };
        if (json_is_true(json_object_get(node, "focused")))
                return node;
        for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
                const json_t *children = json_object_get(node, lists[k]), *found;
                for (size_t i = 0; i < json_array_size(children); i++)
                        if ((found = find_focused(json_array_get(children, i))))
                                return found;
        }
        return NULL;
}

int focus_of_tree(const char *text, size_t size, pid_t *ret) {
        CLEANUP(json_p) json_t *tree = json_loadb(text, size, 0, NULL);
        if (!json_is_object(tree))
                return -EBADMSG;
        const json_t *focused = find_focused(tree);
        *ret = focused ? pid_of(focused) : 0;
        return 0;
}

int focus_of_event(const char *text, size_t size, pid_t *ret) {
        CLEANUP(json_p) json_t *event = json_loadb(text, size, 0, NULL);
        const char *change = json_string_value(json_object_get(event, "change"));
        if (!change)
                return -EBADMSG;
        if (strcmp(change, "focus") == 0) {
                *ret = pid_of(json_object_get(event, "container"));
                return 0;
        }
        return strcmp(change, "title") == 0 || strcmp(change, "urgent") == 0 || strcmp(change, "mark") == 0 ? 1 : 2;
}

/* ---- the connection ---- */

static void set(struct focus *f, pid_t pid) {
        char program[PROGRAM_MAX];
        program_of(pid, program);
        if (pid == f->pid && strcmp(program, f->program) == 0)
                return;
        f->pid = pid;
        memcpy(f->program, program, strlen(program) + 1);
        f->changed(f->userdata);
}

/* From now on nothing is known. */
static void lose(struct focus *f) {
        f->io = sd_event_source_disable_unref(f->io);
        close_p(&f->fd);
        f->fd = -1;
        set(f, 0);
}

static int say(int fd, enum message type, const char *text) {
        uint32_t head[2] = { (uint32_t) strlen(text), (uint32_t) type };
        struct iovec parts[] = { { .iov_base = (char[]){ MAGIC }, .iov_len = MAGIC_SIZE },
                                 { .iov_base = head, .iov_len = sizeof head },
                                 { .iov_base = (void *) (uintptr_t) text, .iov_len = head[0] } };
        const struct msghdr message = { .msg_iov = parts, .msg_iovlen = sizeof parts / sizeof *parts };
        return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) (HEAD_SIZE + head[0]) ? 0 : -EIO;
}

/* 0 or -errno. */
static int ask_tree(struct focus *f) {
        f->again = f->asked;
        if (f->asked)
                return 0;
        f->asked = true;
        return say(f->fd, MESSAGE_GET_TREE, "");
}

static int take_answer(struct focus *f, uint32_t type, uint32_t size) {
        pid_t pid = 0;
        int r = 0;
        if (type == MESSAGE_GET_TREE) {
                f->asked = false;
                r = focus_of_tree(f->answer, size, &pid);
                if (r == 0 && f->again)
                        return ask_tree(f);
        } else if (type == EVENT_WINDOW)
                r = focus_of_event(f->answer, size, &pid);
        else
                r = type == EVENT_WORKSPACE ? 2 : 1;
        if (r == 0)
                set(f, pid);
        return r == 2 ? ask_tree(f) : r < 0 ? r : 0;
}

/* What is there of one message. 1: more has to come; 0: it was taken; -errno. */
static int read_some(struct focus *f) {
        uint32_t head[2] = { 0, 0 };
        if (f->have >= HEAD_SIZE)
                memcpy(head, f->head + MAGIC_SIZE, sizeof head);
        char *to = f->have < HEAD_SIZE ? f->head + f->have : f->answer + (f->have - HEAD_SIZE);
        ssize_t n = read(f->fd, to, HEAD_SIZE + head[0] - f->have);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        if (n == 0)
                return -EPIPE;
        f->have += (size_t) n;
        if (f->have < HEAD_SIZE)
                return 1;
        if (!f->answer) {
                memcpy(head, f->head + MAGIC_SIZE, sizeof head);
                if (memcmp(f->head, MAGIC, MAGIC_SIZE) != 0 || head[0] > ANSWER_MAX)
                        return -EBADMSG;
                f->answer = malloc(head[0] + 1u);
                if (!f->answer)
                        return -ENOMEM;
        }
        if (f->have < HEAD_SIZE + head[0])
                return 1;
        int r = take_answer(f, head[1], head[0]);
        free(f->answer);
        f->answer = NULL;
        f->have = 0;
        return r;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct focus *f = userdata;
        (void) source;
        (void) fd;
        (void) events;
        if (read_some(f) < 0)
                lose(f);
        return 0;
}

static int connect_sway(const struct ucred *compositor) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        if (!runtime || snprintf(address.sun_path, sizeof address.sun_path, "%s/sway-ipc.%u.%d.sock", runtime,
                                 (unsigned) compositor->uid, (int) compositor->pid) >= (int) sizeof address.sun_path)
                return -ENOENT;
        CLEANUP(close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return -errno;
        struct ucred peer = { 0 };
        socklen_t size = sizeof peer;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid != compositor->pid)
                return -EPERM;
        return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : TAKE_FD(fd);
}

int focus_new(sd_event *event, const struct ucred *compositor, void (*changed)(void *userdata), void *userdata,
              struct focus **ret) {
        struct focus *f = calloc(1, sizeof *f);
        if (!f)
                return -ENOMEM;
        f->changed = changed;
        f->userdata = userdata;
        int r = f->fd = connect_sway(compositor);
        if (r >= 0)
                r = say(f->fd, MESSAGE_SUBSCRIBE, EVENTS);
        if (r >= 0)
                r = ask_tree(f);
        if (r >= 0)
                r = sd_event_add_io(event, &f->io, f->fd, EPOLLIN, on_io, f);
        if (r >= 0)
                r = sd_event_source_set_priority(f->io, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0) {
                (void) focus_free(f);
                return r;
        }
        *ret = f;
        return 0;
}

struct focus *focus_free(struct focus *f) {
        if (!f)
                return NULL;
        (void) sd_event_source_disable_unref(f->io);
        close_p(&f->fd);
        free(f->answer);
        free(f);
        return NULL;
}

const char *focus_program(const struct focus *f) {
        return f ? f->program : "";
}
