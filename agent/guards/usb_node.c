/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/sysfs.h"

#define ROOT_ONLY (S_IRUSR | S_IWUSR)
#define OTHERS    (S_IRWXG | S_IRWXO)

int usb_node_mark(const struct root *root, const char *name, bool root_only) {
        CLEANUP(close_p) int marks = sysfs_open_directory(root, USB_NODE_MARKS);
        if (marks == -ENOENT && !root_only)
                return 0;
        if (marks == -ENOENT) {
                int r = root_mkdirs(root, USB_NODE_MARKS, 0755);
                if (r < 0)
                        return r;
                marks = sysfs_open_directory(root, USB_NODE_MARKS);
        }
        if (marks < 0)
                return marks;
        if (!root_only)
                return unlinkat(marks, name, 0) < 0 && errno != ENOENT ? -errno : 0;
        CLEANUP(close_p) int mark = openat(marks, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        return mark < 0 ? -errno : 0;
}

static int sweep_one(const char *name, void *userdata) {
        const struct root *root = userdata;
        char path[sizeof USB_DEVICES + 256];
        (void) snprintf(path, sizeof path, USB_DEVICES "/%.255s", name);
        CLEANUP(close_p) int device = sysfs_open_directory(root, path);
        return device == -ENOENT ? usb_node_mark(root, name, false) : 0;
}

int usb_node_sweep(const struct root *root) {
        CLEANUP(close_p) int marks = sysfs_open_directory(root, USB_NODE_MARKS);
        if (marks < 0)
                return marks == -ENOENT ? 0 : marks;
        struct root copy = *root;
        return sysfs_each_name(marks, sweep_one, &copy);
}

/* Of a node with an access control list the group's bits are the list's mask: without them no entry grants anything.
 * Source: acl(5), "Correspondence between ACL entries and file permission bits". */
int usb_node_close(const struct root *root, const struct usb_device *d) {
        CLEANUP(close_p) int node = usb_device_open_node(root, d);
        if (node < 0)
                return node == -ENOENT || node == -ENXIO ? 0 : node;
        struct stat st;
        if (fstat(node, &st) < 0)
                return -errno;
        if (st.st_uid == 0 && !(st.st_mode & OTHERS))
                return 0;

        char path[64];
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", node);
        if (chmod(path, ROOT_ONLY) < 0 || fstat(node, &st) < 0)
                return -errno;
        return st.st_uid == 0 && !(st.st_mode & OTHERS) ? 0 : -EPERM;
}
