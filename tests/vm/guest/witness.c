/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The witness: writes down every device that the kernel shows, from before the first driver.
 *
 * Started in the initramfs ahead of udev and never stopped: it holds /run/witness.log and
 * its place in /dev open, so both survive the switch to the real root. "Did a block node
 * ever exist?" is answered from its log, not from a look that may come too late.
 *
 * Three sources that do not depend on each other:
 *   uevent  the kernel's own broadcast (not udev's, which a rule could hold back)
 *   node    inotify on /dev: the file that a program would open
 *   key     keys that arrive on /dev/input/event*: the proof that a keyboard types
 *
 * A line: SECONDS KIND FIELDS...   on the monotonic clock, as the kernel's log.
 *   0.812331 start 107           (its process id)
 *   4.100251 uevent add block /devices/.../block/sda sda
 *   4.100388 node create sda
 *   6.901120 key press event2 30
 *   9.000000 lost                (events were dropped: nothing negative may be concluded)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { POLL_UEVENT, POLL_NODES, POLL_KEYS, POLL_MAX = POLL_KEYS + 24 };

struct witness {
        int log;
        struct pollfd poll[POLL_MAX];
        char input[POLL_MAX][32]; /* name of the event node behind each POLL_KEYS entry */
        char folder[8][32];       /* watched folder, "" for /dev itself, by inotify descriptor */
};

/* What a port can bring. The rest of the kernel's broadcast (memory, workqueues, ...) is noise. */
static const char *const subsystems[] = {
        "block", "bluetooth",      "bsg",    "hidraw", "ieee80211",   "input",       "mmc",          "net",
        "nvme",  "nvme-subsystem", "rfkill", "scsi",   "scsi_device", "scsi_disk",   "scsi_generic", "scsi_host",
        "sound", "thunderbolt",    "tty",    "usb",    "usbmisc",     "video4linux",
};

/* Folders of /dev with nodes of their own; the others hold only links. */
static const char *const folders[] = { "bsg", "input", "mapper" };

__attribute__((format(printf, 2, 3))) static void note(struct witness *w, const char *format, ...) {
        char line[1024];
        struct timespec now;
        va_list arguments;

        clock_gettime(CLOCK_MONOTONIC, &now);
        int n = snprintf(line, 32, "%ld.%06ld ", (long) now.tv_sec, now.tv_nsec / 1000);
        va_start(arguments, format);
        n += vsnprintf(line + n, sizeof line - (size_t) n - 1, format, arguments);
        va_end(arguments);
        if ((size_t) n > sizeof line - 2)
                n = sizeof line - 2;
        line[n++] = '\n';
        if (write(w->log, line, (size_t) n) != n)
                _exit(1); /* a witness that cannot write must not look alive */
}

static int listed(const char *word, const char *const *list, size_t count) {
        for (size_t i = 0; i < count; i++)
                if (!strcmp(word, list[i]))
                        return 1;
        return 0;
}
#define LISTED(word, list) listed(word, list, sizeof(list) / sizeof *(list))

/* A new input device: listen to it, so that key presses can be told to have arrived. */
static void listen_to_keys(struct witness *w, const char *node) {
        for (int i = POLL_KEYS; i < POLL_MAX; i++) {
                if (w->poll[i].fd >= 0)
                        continue;
                w->poll[i].fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                w->poll[i].events = POLLIN;
                snprintf(w->input[i], sizeof w->input[i], "%s", strrchr(node, '/') + 1);
                return;
        }
}

/* "add@/devices/...\0ACTION=add\0DEVPATH=...\0SUBSYSTEM=block\0..." */
static void on_uevent(struct witness *w) {
        char message[8192], *end;
        const char *subsystem = "", *node = "-";
        ssize_t n = recv(w->poll[POLL_UEVENT].fd, message, sizeof message - 1, 0);

        if (n < 0) {
                if (errno == ENOBUFS)
                        note(w, "lost");
                return;
        }
        message[n] = 0;
        end = message + n;
        char *path = strchr(message, '@');
        if (!path)
                return;
        *path++ = 0;
        for (char *field = path + strlen(path) + 1; field < end; field += strlen(field) + 1) {
                if (!strncmp(field, "SUBSYSTEM=", 10))
                        subsystem = field + 10;
                else if (!strncmp(field, "DEVNAME=", 8))
                        node = field + 8;
        }
        if (!LISTED(subsystem, subsystems))
                return;
        note(w, "uevent %s %s %s %s", message, subsystem, path, node);
        if (!strcmp(message, "add") && !strncmp(node, "input/event", 11))
                listen_to_keys(w, node);
}

static void watch_folder(struct witness *w, const char *path, const char *prefix) {
        int wd = inotify_add_watch(w->poll[POLL_NODES].fd, path, IN_CREATE | IN_DELETE);

        if (wd > 0 && wd < (int) (sizeof w->folder / sizeof *w->folder))
                snprintf(w->folder[wd], sizeof w->folder[wd], "%s", prefix);
}

static void on_node(struct witness *w) {
        char data[8192] __attribute__((aligned(8)));
        ssize_t n = read(w->poll[POLL_NODES].fd, data, sizeof data);

        for (char *p = data; n > 0 && p < data + n;) {
                struct inotify_event *e = (struct inotify_event *) (void *) p;
                p += sizeof *e + e->len;
                if (e->mask & IN_Q_OVERFLOW) {
                        note(w, "lost");
                        continue;
                }
                if (e->wd >= (int) (sizeof w->folder / sizeof *w->folder) || !e->len)
                        continue;
                const char *folder = w->folder[e->wd];
                note(w, "node %s %s%s%s", e->mask & IN_CREATE ? "create" : "delete", folder, *folder ? "/" : "",
                     e->name);
                if ((e->mask & IN_CREATE) && !*folder && LISTED(e->name, folders))
                        watch_folder(w, e->name, e->name);
        }
}

static void on_key(struct witness *w, int i) {
        struct input_event e;

        while (read(w->poll[i].fd, &e, sizeof e) == (ssize_t) sizeof e)
                if (e.type == EV_KEY && e.value != 2)
                        note(w, "key %s %s %d", e.value ? "press" : "release", w->input[i], e.code);
        if (errno != EAGAIN) { /* unplugged */
                close(w->poll[i].fd);
                w->poll[i].fd = -1;
        }
}

/* The broadcast must be heard before anything is looked at, else something falls between. */
static int start(struct witness *w) {
        struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 };
        int room = 32 << 20;

        for (int i = 0; i < POLL_MAX; i++)
                w->poll[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
        w->log = open("/run/witness.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        int uevents = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        int nodes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (w->log < 0 || uevents < 0 || nodes < 0 || chdir("/dev") < 0)
                return -1;
        if (bind(uevents, (struct sockaddr *) &group, sizeof group) < 0)
                return -1;
        setsockopt(uevents, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
        w->poll[POLL_UEVENT].fd = uevents;
        w->poll[POLL_NODES].fd = nodes;
        watch_folder(w, ".", "");
        return 0;
}

int main(int argc, char **argv) {
        static struct witness w;

        if (start(&w) < 0)
                return 1;
        if (argc > 0) /* systemd spares processes named so when it kills what is left over */
                argv[0][0] = '@';
        if (daemon(1, 0) < 0)
                return 1;
        note(&w, "start %d", (int) getpid());
        for (;;) {
                if (poll(w.poll, POLL_MAX, -1) < 0)
                        continue;
                if (w.poll[POLL_NODES].revents)
                        on_node(&w);
                if (w.poll[POLL_UEVENT].revents)
                        on_uevent(&w);
                for (int i = POLL_KEYS; i < POLL_MAX; i++)
                        if (w.poll[i].fd >= 0 && w.poll[i].revents)
                                on_key(&w, i);
        }
}
