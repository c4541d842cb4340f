/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "address.h"
#include "base/cleanup.h"
#include "codec.h"
#include "ipc.h"

#define USEC_PER_SEC 1000000u

struct ipc_client {
        int fd;
        uint64_t timeout_usec;
        struct ipc_buffer in, out;
        bool streaming; /* a "more" call has replies to come */
};

static uint64_t now_usec(void) {
        struct timespec ts;
        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

static uint64_t deadline_of(const struct ipc_client *c) {
        return c->timeout_usec == UINT64_MAX ? UINT64_MAX : now_usec() + c->timeout_usec;
}

static int wait_for(const struct ipc_client *c, short events, uint64_t deadline) {
        for (;;) {
                int milliseconds = -1;
                if (deadline != UINT64_MAX) {
                        uint64_t now = now_usec();
                        if (now >= deadline)
                                return -ETIMEDOUT;
                        uint64_t left = (deadline - now) / 1000 + 1;
                        milliseconds = left > 60000 ? 60000 : (int) left;
                }
                struct pollfd p = { .fd = c->fd, .events = events };
                int n = poll(&p, 1, milliseconds);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

/* The kernel makes a connect() to a full backlog wait for as long as a send may. */
static int connect_within(int fd, const struct sockaddr_un *un, uint64_t timeout_usec) {
        if (timeout_usec != UINT64_MAX) {
                struct timeval tv = { .tv_sec = (time_t) (timeout_usec / USEC_PER_SEC),
                                      .tv_usec = (suseconds_t) (timeout_usec % USEC_PER_SEC) };
                if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) < 0)
                        return -errno;
        }
        while (connect(fd, (const struct sockaddr *) un, sizeof *un) < 0) {
                if (errno == EINTR)
                        continue;
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        }
        return 0;
}

int ipc_client_connect_at(const struct root *root, const char *path, uint64_t timeout_usec, struct ipc_client **ret) {
        CLEANUP(ipc_address_clear) struct ipc_address address = { .dirfd = -1 };
        int r = ipc_address_at(root, path, &address);
        if (r < 0)
                return r;

        CLEANUP(ipc_client_freep) struct ipc_client *c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        c->timeout_usec = timeout_usec;
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
                return -errno;

        r = connect_within(c->fd, &address.un, timeout_usec);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

struct ipc_client *ipc_client_free(struct ipc_client *c) {
        if (!c)
                return NULL;
        close_p(&c->fd);
        ipc_buffer_clear(&c->in);
        ipc_buffer_clear(&c->out);
        free(c);
        return NULL;
}

int ipc_client_peer(const struct ipc_client *c, uid_t *ret) {
        struct ucred peer;
        socklen_t size = sizeof peer;
        if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        *ret = peer.uid;
        return 0;
}

static int send_all(struct ipc_client *c) {
        uint64_t deadline = deadline_of(c);
        while (c->out.n > 0) {
                ssize_t n = send(c->fd, c->out.bytes, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n > 0) {
                        ipc_buffer_consume(&c->out, (size_t) n);
                        continue;
                }
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                int r = wait_for(c, POLLOUT, deadline);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* flag: "more", "oneway" or NULL. */
static int send_request(struct ipc_client *c, const char *method, json_t *parameters, const char *flag) {
        json_t *request = json_pack("{s:s, s:o*}", "method", method, "parameters", parameters);
        if (request && flag && json_object_set_new(request, flag, json_true()) < 0) {
                json_decref(request);
                request = NULL;
        }
        int r = ipc_message_add(&c->out, request, IPC_MESSAGE_MAX);
        return r < 0 ? r : send_all(c);
}

/* -EAGAIN: nothing is there. */
static int read_some(struct ipc_client *c) {
        char bytes[16384];
        ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0)
                return -ECONNRESET;
        if (n < 0)
                return errno == EINTR ? -EAGAIN : -errno;
        int r = ipc_buffer_add(&c->in, bytes, (size_t) n, IPC_MESSAGE_MAX);
        return r == -ENOBUFS ? -EMSGSIZE : r;
}

static int receive_frame(struct ipc_client *c, size_t *ret_size) {
        uint64_t deadline = deadline_of(c);
        while (!ipc_buffer_frame(&c->in, ret_size)) {
                int r = wait_for(c, POLLIN, deadline);
                if (r == 0)
                        r = read_some(c);
                if (r < 0 && r != -EAGAIN)
                        return r;
        }
        return 0;
}

/* The frame at the front. */
static int take_message(struct ipc_client *c, size_t size, json_t **ret_reply, char **ret_error, bool *ret_continues) {
        json_t *message;
        int r = ipc_message_parse(c->in.bytes, size, &message);
        ipc_buffer_consume(&c->in, size + 1);
        if (r < 0)
                return r;

        struct ipc_response response;
        char *error = NULL;
        r = ipc_response_read(message, &response);
        if (r == 0 && response.error && !(error = strdup(response.error)))
                r = -ENOMEM;
        json_t *reply = NULL;
        if (r == 0 && !(reply = response.parameters ? json_incref(response.parameters) : json_object()))
                r = -ENOMEM;
        json_decref(message);
        if (r < 0) {
                free(error);
                return r;
        }

        *ret_reply = reply;
        *ret_continues = response.continues;
        if (!error)
                return 0;
        *ret_error = error;
        return 1;
}

static int receive(struct ipc_client *c, json_t **ret_reply, char **ret_error, bool *ret_continues) {
        size_t size;
        int r = receive_frame(c, &size);
        return r < 0 ? r : take_message(c, size, ret_reply, ret_error, ret_continues);
}

int ipc_client_call(struct ipc_client *c, const char *method, json_t *parameters, json_t **ret_reply,
                    char **ret_error) {
        if (c->streaming) {
                json_decref(parameters);
                return -EBUSY;
        }
        int r = send_request(c, method, parameters, NULL);
        /* A server that refuses us closes before it has read: what it said, if anything, is still there to read. */
        if (r < 0 && r != -EPIPE)
                return r;

        json_t *reply;
        bool continues;
        r = receive(c, &reply, ret_error, &continues);
        if (r < 0)
                return r;
        if (continues) { /* nobody asked for more */
                json_decref(reply);
                return -EBADMSG;
        }
        *ret_reply = reply;
        return r;
}

int ipc_client_call_more(struct ipc_client *c, const char *method, json_t *parameters) {
        if (c->streaming) {
                json_decref(parameters);
                return -EBUSY;
        }
        int r = send_request(c, method, parameters, "more");
        if (r < 0)
                return r;
        c->streaming = true;
        return 0;
}

static int streamed(struct ipc_client *c, int r, bool continues) {
        if (r < 0)
                return r;
        c->streaming = r == 0 && continues;
        return r == 0 && !continues ? 2 : r;
}

int ipc_client_next(struct ipc_client *c, json_t **ret_reply, char **ret_error) {
        if (!c->streaming)
                return -ENODATA;
        bool continues = false;
        int r = receive(c, ret_reply, ret_error, &continues);
        return streamed(c, r, continues);
}

int ipc_client_next_now(struct ipc_client *c, json_t **ret_reply, char **ret_error) {
        if (!c->streaming)
                return -ENODATA;
        size_t size;
        while (!ipc_buffer_frame(&c->in, &size)) {
                int r = read_some(c);
                if (r < 0)
                        return r;
        }
        bool continues = false;
        int r = take_message(c, size, ret_reply, ret_error, &continues);
        return streamed(c, r, continues);
}

int ipc_client_fd(const struct ipc_client *c) {
        return c->fd;
}

int ipc_client_tell(struct ipc_client *c, const char *method, json_t *parameters) {
        if (c->streaming) {
                json_decref(parameters);
                return -EBUSY;
        }
        return send_request(c, method, parameters, "oneway");
}
