/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a disk hangs on, told from the kernel's own paths; what is carried, and what the running system stands on. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/carrier.h"

#define N(a) (sizeof(a) / sizeof *(a))
#define PCI  "/devices/pci0000:00/"
#define SATA PCI "0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0"
#define CARD PCI "0000:02:00.0/mmc_host/mmc0/mmc0:aaaa"
#define DOCK PCI "0000:00:1c.0/0000:05:00.0"

static struct root root;
static char top[64];

static int set_up(void **state) {
        (void) state;
        (void) snprintf(top, sizeof top, "/tmp/sekisho-carrier-XXXXXX");
        return mkdtemp(top) && root_open(top, &root) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
        (void) state;
        root_close(&root);
        pid_t pid = fork();
        if (pid == 0) {
                (void) execlp("rm", "rm", "-rf", top, (char *) NULL);
                _exit(127);
        }
        return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void make(const char *path) {
        assert_int_equal(root_mkdirs(&root, path, 0755), 0);
}

static void put(const char *directory, const char *file, const void *bytes, size_t size) {
        make(directory);
        int fd = root_openat(&root, directory, O_RDONLY | O_DIRECTORY, 0);
        assert_true(fd >= 0);
        assert_int_equal(file_replace_at(fd, file, bytes, size, 0644), 0);
        (void) close(fd);
}

static void link_to(const char *target, const char *path) {
        char whole[512];
        (void) snprintf(whole, sizeof whole, "%s/%s", top, path);
        assert_int_equal(symlink(target, whole), 0);
}

static const struct row {
        const char *name, *path;
        enum carrier_bus bus;
        const char *carrier, *own; /* name, path */
} rows[] = {
        { "SATA partition", SATA "/block/sda/sda1", CARRIER_SCSI, "0:0:0:0", SATA },
        { "its SCSI node", SATA "/scsi_generic/sg0", CARRIER_SCSI, "0:0:0:0", SATA },
        { "its bsg node, which has its name", SATA "/bsg/0:0:0:0", CARRIER_SCSI, "0:0:0:0", SATA },
        { "SD card", CARD "/block/mmcblk0", CARRIER_MMC, "mmc0:aaaa", CARD },
        { "NVMe", DOCK "/nvme/nvme0/nvme0n1/nvme0n1p2", CARRIER_PCI, "0000:05:00.0", DOCK },
        { "virtio", PCI "0000:00:05.0/virtio2/block/vda", CARRIER_PCI, "0000:00:05.0", PCI "0000:00:05.0" },
        { "stick", PCI "0000:00:14.0/usb1/1-2/1-2.3/1-2.3:1.0/host9/target9:0:0/9:0:0:0/block/sdb", CARRIER_USB,
          "1-2.3", "" },
        { "floppy", "/devices/platform/floppy.0/block/fd0", CARRIER_BARE, "floppy.0", "/devices/platform/floppy.0" },
        { "Memory Stick", PCI "0000:02:00.0/rtsx_pci_ms.0/memstick_host/memstick0/memstick0/block/mspblk0",
          CARRIER_BARE, "memstick0", PCI "0000:02:00.0/rtsx_pci_ms.0/memstick_host/memstick0/memstick0" },
        { "mapper", "/devices/virtual/block/dm-0", CARRIER_NONE, "", "" },
        { "SCSI without PCI", "/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdc", CARRIER_SCSI, "3:0:0:1",
          "/devices/platform/host3/session1/target3:0:0/3:0:0:1" },
        { "names that are nearly ones", "/devices/x/usb/0:0:0/mmc:1/0000:00:1f/floppy./block/sdz", CARRIER_NONE, "",
          "" },
};

static void finds(void **state) {
        (void) state;
        for (size_t i = 0; i < N(rows); i++) {
                struct carrier c;
                assert_int_equal(carrier_find(&root, rows[i].path, &c), 0);
                if (c.bus != rows[i].bus || strcmp(c.name, rows[i].carrier) != 0 || strcmp(c.path, rows[i].own) != 0)
                        fail_msg("%s: %d %s %s", rows[i].name, (int) c.bus, c.name, c.path);
        }
        struct carrier c;
        static const char *const wrong[] = { "", "sda", "/dev/sda", "/devices/../etc", "/sys/devices/x" };
        for (size_t i = 0; i < N(wrong); i++)
                assert_int_equal(carrier_find(&root, wrong[i], &c), -EINVAL);
}

static void finds_the_controller_of_a_subsystem(void **state) {
        (void) state;
        struct carrier c;
        make("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
        make("sys" DOCK "/nvme/nvme0");
        link_to("../../../pci0000:00/0000:00:1c.0/0000:05:00.0/nvme/nvme0",
                "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0");
        assert_int_equal(carrier_find(&root, "/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1", &c), 0);
        assert_int_equal(c.bus, CARRIER_PCI);
        assert_string_equal(c.name, "0000:05:00.0");
}

static bool is_carried(const char *path) {
        struct carrier c;
        assert_int_equal(carrier_find(&root, path, &c), 0);
        return carrier_is_carried(&root, &c);
}

static void tells_what_is_carried(void **state) {
        (void) state;
        unsigned char inquiry[36] = { 0 };
        put("sys" SATA, "type", "0\n", 2);
        put("sys" SATA, "inquiry", inquiry, sizeof inquiry);
        assert_false(is_carried(SATA "/block/sda"));
        inquiry[1] = 0x80;
        put("sys" SATA, "inquiry", inquiry, sizeof inquiry);
        assert_true(is_carried(SATA "/block/sda"));
        inquiry[1] = 0;
        put("sys" SATA, "inquiry", inquiry, sizeof inquiry);
        put("sys" SATA, "type", "5\n", 2);
        assert_true(is_carried(SATA "/block/sr0"));

        put("sys" CARD, "type", "MMC\n", 4);
        assert_false(is_carried(CARD "/block/mmcblk0"));
        put("sys" CARD, "type", "SD\n", 3);
        assert_true(is_carried(CARD "/block/mmcblk0"));

        make("sys" DOCK);
        assert_false(is_carried(DOCK "/nvme/nvme0/nvme0n1"));
        put("sys" DOCK, "removable", "fixed\n", 6);
        assert_false(is_carried(DOCK "/nvme/nvme0/nvme0n1"));
        put("sys" PCI "0000:00:1c.0", "removable", "removable\n", 10); /* the bridge before it leads out */
        assert_true(is_carried(DOCK "/nvme/nvme0/nvme0n1"));
        assert_true(is_carried("/devices/platform/floppy.0/block/fd0"));
        assert_false(is_carried("/devices/virtual/block/dm-0"));
        assert_true(is_carried(PCI "0000:00:1f.9/ata9/host9/target9:0:0/9:0:0:0/block/sdx")); /* it has gone */
}

/* A card that the system runs from, straight and through a mapper; a card that somebody has mounted is another matter.
 */
static void spares_what_the_system_stands_on(void **state) {
        (void) state;
        static const struct {
                const char *mounts;
                bool carried;
        } mounts[] = {
                { "22 1 179:1 / / rw - ext4 /dev/root rw\n", false },
                { "22 1 254:0 / /var rw - ext4 /dev/mapper/x rw\n", false },
                { "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", true },
                { "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 179:1 / /media/alice/CARD rw - vfat /dev/mmcblk0p1 rw\n",
                  true },
                { "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 179:1 / /mnt rw - vfat /dev/mmcblk0p1 rw\n", true },
                { "22 1 179:1 / /mnt2 rw - vfat /dev/mmcblk0p1 rw\n", false },
        };
        put("sys" CARD, "type", "SD\n", 3);
        make("sys" CARD "/block/mmcblk0/mmcblk0p1");
        make("sys/devices/virtual/block/dm-0/slaves");
        make("sys" SATA "/block/sda/sda1");
        make("sys/dev/block");
        link_to("../../devices/pci0000:00/0000:02:00.0/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/mmcblk0p1",
                "sys/dev/block/179:1");
        link_to("../../devices/virtual/block/dm-0", "sys/dev/block/254:0");
        link_to("../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1",
                "sys/dev/block/8:1");
        link_to("../../../../pci0000:00/0000:02:00.0/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/mmcblk0p1",
                "sys/devices/virtual/block/dm-0/slaves/mmcblk0p1");
        for (size_t i = 0; i < N(mounts); i++) {
                put("proc/self", "mountinfo", mounts[i].mounts, strlen(mounts[i].mounts));
                if (is_carried(CARD "/block/mmcblk0") != mounts[i].carried)
                        fail_msg("%zu: %s", i, mounts[i].mounts);
        }
}

static void tells_media_by_marks(void **state) {
        (void) state;
        struct carrier c;
        struct door_mark mark = { .state = DOOR_MACHINE };
        put("sys" SATA, "type", "0\n", 2);
        assert_int_equal(carrier_find(&root, SATA "/block/sda", &c), 0);
        assert_false(carrier_is_media(&root, &c)); /* nobody has looked yet */
        assert_int_equal(doors_keep(&root), 0);
        assert_true(carrier_is_media(&root, &c)); /* it came afterwards */
        assert_int_equal(carrier_inode(&root, &c, &mark.inode), 0);
        assert_int_equal(door_mark_write(&root, "scsi:0:0:0:0", &mark), 0);
        assert_false(carrier_is_media(&root, &c));
        mark.state = DOOR_OPEN;
        assert_int_equal(door_mark_write(&root, "scsi:0:0:0:0", &mark), 0);
        assert_true(carrier_is_media(&root, &c));
        mark.state = DOOR_MACHINE;
        mark.inode++;
        assert_int_equal(door_mark_write(&root, "scsi:0:0:0:0", &mark), 0);
        assert_true(carrier_is_media(&root, &c)); /* another has taken its place */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(finds, set_up, tear_down),
                cmocka_unit_test_setup_teardown(finds_the_controller_of_a_subsystem, set_up, tear_down),
                cmocka_unit_test_setup_teardown(tells_what_is_carried, set_up, tear_down),
                cmocka_unit_test_setup_teardown(spares_what_the_system_stands_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(tells_media_by_marks, set_up, tear_down),
        };
        return _cmocka_run_group_tests("carrier", tests, N(tests), NULL, NULL);
}
