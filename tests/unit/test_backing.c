/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hardware a file system's disk rests on, in a fake sysfs with the kernel's own paths. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/backing.h"

#define PCI "sys/devices/pci0000:00/"

static const struct row {
        const char *name, *directory;
        const char *file, *text; /* beside or below it */
        const char *slave;       /* what the disk is made of */
        const char *port, *disk;
        bool is_medium;
} rows[] = {
        { "USB stick", PCI "0000:00:14.0/usb1/1-3/1-3:1.0/host2/target2:0:0/2:0:0:0/block/sdb/sdb1", NULL, NULL, NULL,
          "1-3", "sdb1", true },
        { "USB stick behind hubs", PCI "0000:00:14.0/usb3/3-1/3-1.4/3-1.4.2/3-1.4.2:1.0/host2/block/sdb", NULL, NULL,
          NULL, "3-1.4.2", "sdb", true },
        { "own SATA disk", PCI "0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1", NULL, NULL, NULL, "",
          "sda1", false },
        { "own NVMe", PCI "0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1/nvme0n1p2", NULL, NULL, NULL, "", "nvme0n1p2",
          false },
        { "says that it is removable", PCI "0000:00:1f.2/ata2/block/sr0", "removable", "1\n", NULL, "", "sr0", true },
        { "says that it is not", PCI "0000:00:1f.2/ata3/block/sdc", "removable", "0\n", NULL, "", "sdc", false },
        { "partition of a removable disk", PCI "0000:00:1f.2/ata4/block/sdd/sdd1", "../removable", "1\n", NULL, "",
          "sdd1", true },
        { "SD card", PCI "0000:02:00.0/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0", "../../type", "SD\n", NULL, "mmc0:aaaa",
          "mmcblk0", true },
        { "soldered memory", PCI "0000:02:00.0/mmc_host/mmc1/mmc1:0001/block/mmcblk1", "../../type", "MMC\n", NULL, "",
          "mmcblk1", false },
        { "FireWire disk", PCI "0000:05:00.0/fw1/fw1.0/host6/target6:0:0/6:0:0:0/block/sde", NULL, NULL, NULL,
          "6:0:0:0", "sde", true },
        { "LUKS on a stick", "sys/devices/virtual/block/dm-0", NULL, NULL,
          PCI "0000:00:14.0/usb1/1-5/1-5:1.0/host7/block/sdf/sdf1", "1-5", "dm-0", true },
        { "LUKS on the own disk", "sys/devices/virtual/block/dm-1", NULL, NULL, PCI "0000:00:1f.2/ata9/block/sdg/sdg2",
          "", "dm-1", false },
        { "loop", "sys/devices/virtual/block/loop0", NULL, NULL, NULL, "", "loop0", false },
        { "a name like a port that is none", PCI "0000:00:1f.2/ata8/1-/x-1/1-2x/block/sdh", NULL, NULL, NULL, "", "sdh",
          false },
};

static char top[64];

static void make(const char *path) {
        char whole[512];
        (void) snprintf(whole, sizeof whole, "%s/%s", top, path);
        for (char *p = whole + strlen(top) + 1; *p; p++)
                if (*p == '/') {
                        *p = '\0';
                        (void) mkdir(whole, 0755);
                        *p = '/';
                }
        (void) mkdir(whole, 0755);
}

static void put(const char *directory, const char *file, const char *text) {
        char parent[512], path[1024];
        (void) snprintf(parent, sizeof parent, "%s/%s", directory, file);
        char *slash = strrchr(parent, '/');
        *slash = '\0';
        make(parent);
        (void) snprintf(path, sizeof path, "%s/%s/%s", top, directory, file);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        (void) close(fd);
}

static void link_to(const char *directory, const char *in, const char *name) {
        char path[1024], target[1024] = "";
        make(in);
        for (const char *p = in; p; p = strchr(p + 1, '/'))
                (void) strncat(target, "../", sizeof target - strlen(target) - 1);
        (void) strncat(target, directory, sizeof target - strlen(target) - 1);
        (void) snprintf(path, sizeof path, "%s/%s/%s", top, in, name);
        (void) unlink(path);
        assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state) {
        (void) state;
        (void) snprintf(top, sizeof top, "/tmp/test_backing.XXXXXX");
        return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state) {
        (void) state;
        pid_t pid = fork();
        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", top, (char *) NULL);
                _exit(127);
        }
        return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void finds(void **state) {
        const struct row *row = *state;
        make(row->directory);
        if (row->file && strncmp(row->file, "../", 3) == 0)
                put(row->directory, "partition", "1\n");
        if (row->file)
                put(row->directory, row->file, row->text);
        if (row->slave) {
                char slaves[512];
                make(row->slave);
                (void) snprintf(slaves, sizeof slaves, "%s/slaves", row->directory);
                link_to(row->slave, slaves, strrchr(row->slave, '/') + 1);
        }
        link_to(row->directory, "sys/dev/block", "8:1");

        struct root root;
        struct backing b;
        assert_int_equal(root_open(top, &root), 0);
        assert_int_equal(backing_find(&root, makedev(8, 1), &b), 0);
        assert_int_equal(b.is_medium, row->is_medium);
        assert_string_equal(b.port, row->port);
        assert_string_equal(b.disk, row->disk);
        assert_int_equal(backing_find(&root, makedev(8, 99), &b), -ENOENT);
        root_close(&root);
}

int main(void) {
        struct CMUnitTest tests[sizeof rows / sizeof *rows];
        for (size_t n = 0; n < sizeof rows / sizeof *rows; n++)
                tests[n] = (struct CMUnitTest){ rows[n].name, finds, set_up, tear_down, (void *) (uintptr_t) &rows[n] };
        return _cmocka_run_group_tests("backing", tests, sizeof rows / sizeof *rows, NULL, NULL);
}
