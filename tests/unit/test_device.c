/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sekisho/device.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define B(c) CLASS_BIT(CLASS_##c)

static const struct class_row {
        const char *name;
        struct interface_triple triple;
        uint32_t classes;
} classes[] = {
        { "audio control", { 0x01, 0x01, 0x00 }, B(AUDIO) },
        { "MIDI", { 0x01, 0x03, 0x00 }, B(AUDIO) },
        { "CDC direct line", { 0x02, 0x01, 0x00 }, B(MODEM) },
        { "ACM without protocol", { 0x02, 0x02, 0x00 }, B(SERIAL) },
        { "ACM with AT commands", { 0x02, 0x02, 0x01 }, B(SERIAL) | B(MODEM) },
        { "ACM with CDMA AT commands", { 0x02, 0x02, 0x06 }, B(SERIAL) | B(MODEM) },
        { "ACM external protocol", { 0x02, 0x02, 0xfe }, B(VENDOR) },
        { "RNDIS behind ACM", { 0x02, 0x02, 0xff }, B(NETWORK) },
        { "ECM", { 0x02, 0x06, 0x00 }, B(NETWORK) },
        { "MDLM", { 0x02, 0x0a, 0x00 }, B(NETWORK) },
        { "OBEX", { 0x02, 0x0b, 0x00 }, B(PHONE) },
        { "EEM", { 0x02, 0x0c, 0x07 }, B(NETWORK) },
        { "NCM", { 0x02, 0x0d, 0x00 }, B(NETWORK) },
        { "MBIM", { 0x02, 0x0e, 0x00 }, B(NETWORK) },
        { "CDC unknown", { 0x02, 0x7f, 0x00 }, B(VENDOR) },
        { "boot keyboard", { 0x03, 0x01, 0x01 }, B(KEYBOARD) },
        { "boot mouse", { 0x03, 0x01, 0x02 }, B(MOUSE) },
        { "boot, no protocol", { 0x03, 0x01, 0x00 }, B(HID) },
        { "HID", { 0x03, 0x00, 0x00 }, B(HID) },
        { "HID, protocol without boot subclass", { 0x03, 0x00, 0x01 }, B(HID) },
        { "physical", { 0x05, 0x00, 0x00 }, B(VENDOR) },
        { "PTP", { 0x06, 0x01, 0x01 }, B(PHONE) },
        { "printer", { 0x07, 0x01, 0x02 }, B(PRINTER) },
        { "stick", { 0x08, 0x06, 0x50 }, B(STORAGE) },
        { "UAS", { 0x08, 0x06, 0x62 }, B(STORAGE) },
        { "UFI floppy", { 0x08, 0x04, 0x00 }, B(STORAGE) },
        { "CD drive", { 0x08, 0x02, 0x50 }, B(OPTICAL) },
        { "hub", { 0x09, 0x00, 0x02 }, B(HUB) },
        { "CDC data", { 0x0a, 0x00, 0x00 }, B(NETWORK) | B(SERIAL) | B(MODEM) },
        { "card reader", { 0x0b, 0x00, 0x00 }, B(SMARTCARD) },
        { "camera", { 0x0e, 0x02, 0x00 }, B(CAMERA) },
        { "audio/video", { 0x10, 0x01, 0x00 }, B(VIDEO) },
        { "billboard", { 0x11, 0x00, 0x00 }, B(VENDOR) },
        { "Bluetooth", { 0xe0, 0x01, 0x01 }, B(BLUETOOTH) },
        { "Bluetooth AMP", { 0xe0, 0x01, 0x04 }, B(BLUETOOTH) },
        { "ultra-wideband", { 0xe0, 0x01, 0x02 }, B(VENDOR) },
        { "RNDIS of phones", { 0xe0, 0x01, 0x03 }, B(NETWORK) },
        { "ActiveSync", { 0xef, 0x01, 0x01 }, B(PHONE) },
        { "RNDIS, miscellaneous", { 0xef, 0x04, 0x01 }, B(NETWORK) },
        { "miscellaneous", { 0xef, 0x02, 0x01 }, B(VENDOR) },
        { "firmware update", { 0xfe, 0x01, 0x01 }, B(VENDOR) },
        { "vendor", { 0xff, 0xff, 0xff }, B(VENDOR) },
        { "zero", { 0x00, 0x00, 0x00 }, B(VENDOR) },
};

static void test_class(void **state) {
        const struct class_row *row = *state;
        assert_int_equal(interface_classes(BUS_USB, row->triple), row->classes);
}

static void test_no_triple_without_class(void **state) {
        (void) state;
        static const uint8_t protocols[] = { 0, 1, 2, 3, 4, 5, 6, 7, 0x50, 0x62, 0xfe, 0xff };
        for (unsigned i = 0; i < 1u << 16; i++)
                for (size_t k = 0; k < N(protocols); k++) {
                        struct interface_triple t = { (uint8_t) (i >> 8), (uint8_t) i, protocols[k] };
                        uint32_t mask = interface_classes(BUS_USB, t);
                        if (mask == 0 || mask >= CLASS_BIT(CLASS_MAX))
                                fail_msg("%04x, protocol %02x: %x", i, protocols[k], mask);
                }
}

static const struct other_row {
        const char *name;
        enum bus bus;
        struct interface_triple triple;
        uint32_t classes;
        bool hub;
} others[] = {
        { "NVMe", BUS_NVME, { 0x01, 0x08, 0x02 }, B(STORAGE), false },
        { "SATA controller", BUS_PCI, { 0x01, 0x06, 0x01 }, B(STORAGE), false },
        { "Ethernet", BUS_PCI, { 0x02, 0x00, 0x00 }, B(NETWORK), false },
        { "wireless", BUS_PCI, { 0x0d, 0x80, 0x00 }, B(NETWORK), false },
        { "Bluetooth on PCI", BUS_PCI, { 0x0d, 0x11, 0x00 }, B(BLUETOOTH), false },
        { "UART", BUS_PCI, { 0x07, 0x00, 0x02 }, B(SERIAL), false },
        { "modem", BUS_PCI, { 0x07, 0x03, 0x00 }, B(MODEM), false },
        { "SD reader", BUS_PCI, { 0x08, 0x05, 0x01 }, B(STORAGE), false },
        { "USB controller", BUS_PCI, { 0x0c, 0x03, 0x30 }, B(HUB), true },
        { "FireWire controller", BUS_PCI, { 0x0c, 0x00, 0x10 }, B(VENDOR), false },
        { "PCI bridge", BUS_PCI, { 0x06, 0x04, 0x00 }, B(HUB), true },
        { "display, HID's number", BUS_PCI, { 0x03, 0x00, 0x00 }, B(VIDEO), false },
        { "input controller, hub's number", BUS_PCI, { 0x09, 0x00, 0x00 }, B(KEYBOARD), false },
        { "bridge's number elsewhere", BUS_NVME, { 0x06, 0x04, 0x00 }, B(HUB), false },
        { "disk", BUS_ATA, { 0x00, 0, 0 }, B(STORAGE), false },
        { "CD", BUS_ATA, { 0x05, 0, 0 }, B(OPTICAL), false },
        { "SCSI scanner, hub's number", BUS_SCSI, { 0x09, 0, 0 }, B(VENDOR), false },
        { "SCSI processor, HID's number", BUS_SCSI, { 0x03, 0, 0 }, B(VENDOR), false },
        { "SD card", BUS_MMC, { 0x00, 0, 0 }, B(STORAGE), false },
        { "SDIO wireless", BUS_MMC, { 0x01, 0x07, 0 }, B(NETWORK), false },
        { "floppy", BUS_FLOPPY, { 0, 0, 0 }, B(STORAGE), false },
        { "Thunderbolt", BUS_THUNDERBOLT, { 0, 0, 0 }, B(HUB), false },
        { "FireWire disk", BUS_FIREWIRE, { 0, 0, 0 }, B(STORAGE), false },
        { "FireWire processor", BUS_FIREWIRE, { 0x03, 0, 0 }, B(VENDOR), false },
};

/* The codes of other buses mean other things: nothing of the keyboard floor follows from USB's numbers there. */
static void test_other_buses(void **state) {
        (void) state;
        for (size_t i = 0; i < N(others); i++) {
                struct device_facts d = { .bus = others[i].bus, .descriptors_valid = true, .n_interfaces = 1 };
                d.interfaces[0] = others[i].triple;
                if (device_classes(&d) != others[i].classes || device_is_hub_only(&d) != others[i].hub ||
                    device_is_hid_only(&d) || device_can_type(&d, 0))
                        fail_msg("%s: %x", others[i].name, device_classes(&d));
        }
}

static const struct floor_row {
        const char *name;
        struct interface_triple interfaces[3];
        uint16_t n;
        bool invalid, hub, hid;
        uint32_t classes;
} floors[] = {
        { "nothing", { { 0 } }, 0, false, false, false, 0 },
        { "hub", { { 9, 0, 1 }, { 9, 0, 2 } }, 2, false, true, false, B(HUB) },
        { "keyboard", { { 3, 1, 1 }, { 3, 0, 0 } }, 2, false, false, true, B(KEYBOARD) | B(HID) },
        { "keyboard, invalid", { { 3, 1, 1 } }, 1, true, false, false, B(KEYBOARD) },
        { "hub, invalid", { { 9, 0, 1 } }, 1, true, false, false, B(HUB) },
        { "keyboard with storage", { { 3, 1, 1 }, { 8, 6, 0x50 } }, 2, false, false, false, B(KEYBOARD) | B(STORAGE) },
        { "storage with keyboard", { { 8, 6, 0x50 }, { 3, 1, 1 } }, 2, false, false, false, B(KEYBOARD) | B(STORAGE) },
        { "hub with keyboard", { { 9, 0, 0 }, { 3, 1, 1 } }, 2, false, false, false, B(HUB) | B(KEYBOARD) },
};

static void test_floor(void **state) {
        const struct floor_row *row = *state;
        struct device_facts d = { .descriptors_valid = !row->invalid, .n_interfaces = row->n };
        memcpy(d.interfaces, row->interfaces, sizeof row->interfaces);
        assert_int_equal(device_is_hub_only(&d), row->hub);
        assert_int_equal(device_is_hid_only(&d), row->hid);
        assert_int_equal(device_classes(&d), row->classes);
}

static void test_too_many_interfaces(void **state) {
        (void) state;
        struct device_facts d = { .descriptors_valid = true, .n_interfaces = DEVICE_INTERFACES_MAX };
        for (size_t i = 0; i < DEVICE_INTERFACES_MAX; i++)
                d.interfaces[i] = (struct interface_triple){ 3, 1, 1 };
        assert_true(device_is_hid_only(&d));
        d.n_interfaces = UINT16_MAX; /* a lie from elsewhere: nothing beyond the array is read */
        assert_false(device_is_hid_only(&d));
        assert_false(device_is_hub_only(&d));
        assert_int_equal(device_classes(&d), B(KEYBOARD));
}

int main(void) {
        struct CMUnitTest tests[N(classes) + N(floors) + 3];
        size_t n = 0;
        for (size_t i = 0; i < N(classes); i++)
                tests[n++] = (struct CMUnitTest){ classes[i].name, test_class, NULL, NULL,
                                                  (void *) (uintptr_t) &classes[i] };
        for (size_t i = 0; i < N(floors); i++)
                tests[n++] =
                        (struct CMUnitTest){ floors[i].name, test_floor, NULL, NULL, (void *) (uintptr_t) &floors[i] };
        tests[n++] = (struct CMUnitTest){ "no triple without a class", test_no_triple_without_class, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "too many interfaces", test_too_many_interfaces, NULL, NULL, NULL };
        tests[n++] = (struct CMUnitTest){ "other buses", test_other_buses, NULL, NULL, NULL };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
