/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sekisho-media: holds disks that are media as the agent decided, with the rights that the agent does without.
 *
 *   udev SYSPATH    from the udev rules, before anybody hears of the device: makes the kernel refuse writes where the
 *                   mark says so, and tells the rules what becomes of the node
 *   acl SYSPATH     from the udev rules, after the node has its mode: lets the listed users in
 *   may NODE USER   from the polkit rule: may this user have it mounted or unlocked?
 *   close           one request on standard input, from the agent: takes the disk away from those who have it mounted
 *
 * It decides nothing: the mark does (base/media.h), and without one a medium is shut. See README.md beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/media.h"
#include "media_close.h"
#include "media_device.h"
#include "media_users.h"

#define LUKS_TYPE   "crypto_LUKS" /* as udev's blkid names it */
#define REQUEST_MAX 256

enum state {
        STATE_SHUT,      /* a root-only node, which nobody is offered */
        STATE_LOCKED,    /* a LUKS volume: root unlocks it on behalf of a user */
        STATE_READ_ONLY, /* as the kernel holds it, too */
        STATE_OPEN,
        STATE_MAX,
};
static const char *const state_names[STATE_MAX] = { "shut", "locked", "read-only", "open" };

static const char *environment(const char *name) {
        const char *value = getenv(name);
        return value ? value : "";
}

/* Of a medium of which only encrypted volumes are open, everything else is shut, the whole disk included. */
static enum state judge(const struct media_device *d, const char *type) {
        if (d->hold.access == MEDIA_SHUT)
                return STATE_SHUT;
        if (d->is_block && d->hold.encrypted && !d->unlocked)
                return strcmp(type, LUKS_TYPE) == 0 ? STATE_LOCKED : STATE_SHUT;
        if (!d->is_block) /* SCSI commands know no partitions, and write without asking the block layer */
                return d->hold.access == MEDIA_OPEN && !d->hold.encrypted && !d->hold.users ? STATE_OPEN : STATE_SHUT;
        return d->hold.access == MEDIA_READ_ONLY ? STATE_READ_ONLY : STATE_OPEN;
}

/* 0 when the kernel says that it is so; -errno. */
static int set_read_only(const struct root *root, const struct media_device *d, bool wanted) {
        CLEANUP(close_p) int node = media_device_open_node(root, d);
        if (node < 0)
                return node;
        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", node);
        /* For reading, or udev would look at the disk again for our sake; not waiting for a medium. */
        CLEANUP(close_p) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        int value = wanted, now = !wanted;
        if (fd < 0 || ioctl(fd, BLKROSET, &value) < 0 || ioctl(fd, BLKROGET, &now) < 0)
                return -errno;
        return !wanted || now ? 0 : -EIO; /* a disk may have a switch of its own */
}

static int run_udev(const struct root *root, const char *syspath) {
        CLEANUP(media_device_clear) struct media_device d = { .path = NULL };
        int r = media_device_find(root, syspath, &d);
        if (r < 0)
                return r;
        if (!d.is_media)
                return 0;

        enum state state = judge(&d, environment("ID_FS_TYPE"));
        /* What has been made read-only by us, and by nobody else, is made writable by us. */
        bool was = strcmp(environment("SEKISHO_READ_ONLY"), "1") == 0, wanted = d.hold.access != MEDIA_OPEN;
        if (d.is_block && (wanted || was)) {
                r = set_read_only(root, &d, wanted);
                if (r < 0 && wanted)
                        state = STATE_SHUT; /* then nobody but root has it */
        }
        (void) printf("SEKISHO_MEDIA=%s\nSEKISHO_READ_ONLY=%d\nSEKISHO_USERS=%d\n", state_names[state],
                      d.is_block && wanted, d.hold.users && (state == STATE_READ_ONLY || state == STATE_OPEN));
        return 0;
}

static int run_acl(const struct root *root, const char *syspath) {
        CLEANUP(media_device_clear) struct media_device d = { .path = NULL };
        int r = media_device_find(root, syspath, &d);
        if (r < 0)
                return r;
        /* udev has given it to root alone; whether somebody is let in, the mark of now says. */
        if (!d.is_media || !d.is_block || !d.hold.users || d.hold.access == MEDIA_SHUT ||
            (d.hold.encrypted && !d.unlocked))
                return 0;
        CLEANUP(close_p) int node = media_device_open_node(root, &d);
        if (node < 0)
                return node;
        CLEANUP(free_p) char *text = NULL;
        r = media_users_acl(root, d.hold.users, d.hold.access == MEDIA_OPEN, &text);
        if (r < 0)
                return r;

        acl_t list = acl_from_text(text);
        if (!list)
                return -errno;
        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", node);
        r = acl_set_file(path, ACL_TYPE_ACCESS, list) < 0 ? -errno : 0;
        (void) acl_free(list);
        return r;
}

static bool device_number(const struct root *root, const struct media_device *d, char ret[32]) {
        CLEANUP(free_p) char *path = NULL;
        if (asprintf(&path, "sys%s", d->path) < 0)
                return false;
        CLEANUP(close_p) int directory = root_openat(root, path, O_PATH | O_DIRECTORY, 0);
        return directory >= 0 && file_read_line_at(directory, "dev", ret, 31) > 0;
}

/* "yes", "no", or "other" for what is no medium. What cannot be told is "no". */
static int run_may(const struct root *root, const char *node, const char *user) {
        CLEANUP(media_device_clear) struct media_device d = { .path = NULL };
        const char *answer = "no";
        char number[32], type[64] = "";
        int r = media_device_find_node(root, node, &d);
        if (r == 0 && !d.is_media)
                answer = "other";
        else if (r == 0 && device_number(root, &d, number)) {
                (void) media_property(root, number, "ID_FS_TYPE", type, sizeof type);
                if (judge(&d, type) != STATE_SHUT && (!d.hold.users || media_users_contain(root, d.hold.users, user)))
                        answer = "yes";
        }
        (void) puts(answer);
        return 0;
}

/* "DISK INODE HOW" on standard input, the result on standard output: 0 or a negative errno. */
static int run_close(const struct root *root) {
        static const char *const names[] = { [MEDIA_CLOSE_DETACH] = "detach", [MEDIA_CLOSE_READ_ONLY] = "read-only" };
        char line[REQUEST_MAX];
        ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
        line[n > 0 ? n : 0] = '\0';
        char *rest = line;
        const char *disk = strsep(&rest, " "), *inode = strsep(&rest, " "), *how = strsep(&rest, "\n");
        int r = -EINVAL;
        if (how && *inode >= '0' && *inode <= '9') {
                char *end;
                uint64_t number = strtoull(inode, &end, 10);
                for (size_t i = 0; *end == '\0' && i < sizeof names / sizeof *names; i++)
                        if (strcmp(how, names[i]) == 0)
                                r = media_close(root, disk, number, (enum media_close) i);
        }
        (void) printf("%d\n", r);
        return 0;
}

int main(int argc, char **argv) {
        const char *root_path = "/";
        if (argc > 3 && strcmp(argv[1], "--root") == 0) {
                root_path = argv[2];
                argv += 2;
                argc -= 2;
        }
        struct root root;
        if (root_open(root_path, &root) < 0)
                return 1;

        int r = -EINVAL;
        if (argc == 3 && strcmp(argv[1], "udev") == 0)
                r = run_udev(&root, argv[2]);
        else if (argc == 3 && strcmp(argv[1], "acl") == 0)
                r = run_acl(&root, argv[2]);
        else if (argc == 4 && strcmp(argv[1], "may") == 0)
                r = run_may(&root, argv[2], argv[3]);
        else if (argc == 2 && strcmp(argv[1], "close") == 0)
                r = run_close(&root);
        else
                (void) fputs("Usage: sekisho-media [--root DIR] udev SYSPATH | acl SYSPATH | may NODE USER | close\n",
                             stderr);
        if (r < 0)
                (void) fprintf(stderr, "sekisho-media: %s\n", strerrordesc_np(-r));
        root_close(&root);
        return r < 0 ? 1 : 0;
}
