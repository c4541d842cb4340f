/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command agent: what the host asks through a virtio-serial port is done in the guest.
 *
 * Built statically and started early. Serves one request at a time, so that the host always
 * knows which answer belongs to which question. All integers are little endian.
 *
 *   request:  u32 operation, u32 length, then that many bytes
 *   reply:    u32 status,    u32 length, then that many bytes
 *
 * Reading and writing a file need no fork: in an emulated guest that is 0.3 ms against 60 ms,
 * and it is what lets a test watch a condition closely without disturbing the guest.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORTS     "/sys/class/virtio-ports"
#define PORT_NAME "sekisho.test.agent"

enum operation {
        OP_PING,  /* nothing -> nothing */
        OP_CLOCK, /* u64 nanoseconds since 1970 -> nothing; sets the clock after a restore */
        OP_READ,  /* path -> the file's content */
        OP_WRITE, /* u32 mode, path, NUL, content -> nothing; fails like open(2) and write(2) */
        OP_SHELL, /* command line -> stdout and stderr together; status is the exit code */
        OP_LIST,  /* path -> names in a folder, one per line */
};

struct buffer {
        char *data;
        size_t length, room;
};

static int port = -1;

static void receive(void *data, size_t length) {
        for (char *p = data; length > 0;) {
                ssize_t n = read(port, p, length);
                if (n <= 0) { /* nobody holds the other end: wait for the host to come back */
                        usleep(20000);
                        continue;
                }
                p += n;
                length -= (size_t) n;
        }
}

static void send_all(const void *data, size_t length) {
        for (const char *p = data; length > 0;) {
                ssize_t n = write(port, p, length);
                if (n < 0) {
                        usleep(10000);
                        continue;
                }
                p += n;
                length -= (size_t) n;
        }
}

static void reply(int status, const void *data, size_t length) {
        uint32_t header[2] = { (uint32_t) status, (uint32_t) length };

        send_all(header, sizeof header);
        send_all(data, length);
}

/* Room for at least one more read; the caller owns the buffer and frees its data. */
static void buffer_reserve(struct buffer *b) {
        if (b->room - b->length >= 4096)
                return;
        b->room = b->room ? b->room * 2 : 65536;
        b->data = realloc(b->data, b->room);
        if (!b->data)
                abort();
}

static void do_clock(const char *data) {
        uint64_t ns;

        memcpy(&ns, data, sizeof ns);
        struct timespec now = { (time_t) (ns / 1000000000), (long) (ns % 1000000000) };
        reply(clock_settime(CLOCK_REALTIME, &now) ? errno : 0, "", 0);
}

static void do_read(const char *path) {
        struct buffer b = { 0 };
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : 1;

        while (n > 0) {
                buffer_reserve(&b);
                n = read(fd, b.data + b.length, b.room - b.length);
                if (n > 0)
                        b.length += (size_t) n;
        }
        if (n < 0)
                reply(errno, "", 0);
        else
                reply(0, b.data, b.length);
        if (fd >= 0)
                close(fd);
        free(b.data);
}

static void do_write(const char *request, size_t length) {
        uint32_t mode;
        memcpy(&mode, request, sizeof mode);
        const char *path = request + sizeof mode, *data = path + strlen(path) + 1;
        size_t left = length - (size_t) (data - request);
        int error = 0, fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        if (fd < 0) {
                reply(errno, "", 0);
                return;
        }
        while (left > 0) {
                ssize_t n = write(fd, data, left);
                if (n < 0) {
                        error = errno;
                        break;
                }
                data += n;
                left -= (size_t) n;
        }
        if (close(fd) < 0 && !error)
                error = errno;
        reply(error, "", 0);
}

static void do_list(const char *path) {
        struct buffer b = { 0 };
        DIR *d = opendir(path);

        if (!d) {
                reply(errno, "", 0);
                return;
        }
        for (struct dirent *e; (e = readdir(d));) {
                if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
                        continue;
                buffer_reserve(&b);
                b.length += (size_t) sprintf(b.data + b.length, "%s\n", e->d_name);
        }
        closedir(d);
        reply(0, b.data, b.length);
        free(b.data);
}

/* Collect what the child says until it ends. A daemon that it left behind may hold the pipe
 * open for ever, so once the child is dead only what already lies in the pipe is taken. */
static int collect(pid_t child, int fd, struct buffer *b) {
        int status = 0, dead = 0;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                if (poll(&p, 1, dead ? 0 : 20) > 0) {
                        buffer_reserve(b);
                        ssize_t n = read(fd, b->data + b->length, b->room - b->length);
                        if (n <= 0)
                                break;
                        b->length += (size_t) n;
                } else if (dead) {
                        break;
                } else {
                        dead = waitpid(child, &status, WNOHANG) == child;
                }
        }
        if (!dead)
                waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void do_shell(const char *line) {
        struct buffer b = { 0 };
        int pipes[2];

        if (pipe2(pipes, O_CLOEXEC) < 0) {
                reply(255, "", 0);
                return;
        }
        pid_t child = vfork();
        if (child == 0) {
                int null = open("/dev/null", O_RDONLY);
                setsid();
                dup2(null, 0);
                dup2(pipes[1], 1);
                dup2(pipes[1], 2);
                execl("/bin/sh", "sh", "-c", line, (char *) NULL);
                _exit(127);
        }
        close(pipes[1]);
        int status = child < 0 ? 255 : collect(child, pipes[0], &b);
        close(pipes[0]);
        reply(status, b.data, b.length);
        free(b.data);
}

/* Found by its name in sysfs, so that no udev is needed for it. */
static int open_port(void) {
        for (;; usleep(20000)) {
                DIR *d = opendir(PORTS);
                for (struct dirent *e; d && (e = readdir(d));) {
                        char path[512], name[64] = "";
                        snprintf(path, sizeof path, PORTS "/%s/name", e->d_name);
                        FILE *f = fopen(path, "re");
                        if (!f)
                                continue;
                        int found = fscanf(f, "%63s", name) == 1 && !strcmp(name, PORT_NAME);
                        fclose(f);
                        snprintf(path, sizeof path, "/dev/%s", e->d_name);
                        int fd = found ? open(path, O_RDWR | O_CLOEXEC) : -1;
                        if (fd >= 0) {
                                closedir(d);
                                return fd;
                        }
                }
                if (d)
                        closedir(d);
        }
}

int main(void) {
        port = open_port();
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        setenv("HOME", "/root", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        reply(0, "hello", 5);

        for (;;) {
                uint32_t header[2]; /* operation, length */
                receive(header, sizeof header);
                char *data = malloc((size_t) header[1] + 1);
                if (!data)
                        abort();
                receive(data, header[1]);
                data[header[1]] = 0;

                switch (header[0]) {
                case OP_PING:
                        reply(0, "", 0);
                        break;
                case OP_CLOCK:
                        do_clock(data);
                        break;
                case OP_READ:
                        do_read(data);
                        break;
                case OP_WRITE:
                        do_write(data, header[1]);
                        break;
                case OP_SHELL:
                        do_shell(data);
                        break;
                case OP_LIST:
                        do_list(data);
                        break;
                default:
                        reply(EINVAL, "", 0);
                }
                free(data);
        }
}
