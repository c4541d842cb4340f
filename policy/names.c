/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "names.h"

#include <assert.h>
#include <errno.h>
#include <sekisho/policy.h>
#include <sekisho/trust.h>
#include <string.h>

/* Each list must name every value of its enum: a value that is added without a name does not compile. */
#define TABLE(table, max, ...)                                                                                         \
        static const char *const table##_list[] = { __VA_ARGS__ };                                                     \
        static_assert(sizeof table##_list / sizeof table##_list[0] == (size_t) (max), #table);                         \
        const struct names table = { table##_list, sizeof table##_list / sizeof table##_list[0] }

TABLE(mode_names, MODE_MAX, [MODE_ENFORCE] = "enforce", [MODE_OBSERVE] = "observe");
TABLE(action_names, ACTION_MAX, [ACTION_BLOCK] = "block", [ACTION_ALLOW] = "allow", [ACTION_READ_ONLY] = "read-only",
      [ACTION_REQUIRED] = "required", [ACTION_EXEMPT] = "exempt");
TABLE(keyboards_names,
      KEYBOARDS_MAX, [KEYBOARDS_PRESENT] = "present", [KEYBOARDS_ANY] = "any", [KEYBOARDS_LISTED] = "listed");
TABLE(interfaces_names, INTERFACES_MODE_MAX, [INTERFACES_ALL] = "all", [INTERFACES_MATCHING] = "matching");
TABLE(encrypted_names, ENCRYPTED_MAX, [ENCRYPTED_ANY] = "any", [ENCRYPTED_LUKS] = "luks");
TABLE(flow_type_names,
      FLOW_TYPE_MAX, [FLOW_TEXT] = "text", [FLOW_IMAGE] = "image", [FLOW_HTML] = "html", [FLOW_FILES] = "files");
TABLE(helper_names,
      HELPER_MAX, [HELPER_LOCK] = "lock", [HELPER_END_SESSION] = "end-session", [HELPER_RECORD] = "record");
TABLE(otp_algorithm_names, OTP_ALGORITHM_MAX, [OTP_SHA1] = "sha1", [OTP_SHA256] = "sha256", [OTP_SHA512] = "sha512");
TABLE(enrolment_names, ENROLMENT_MAX, [ENROLMENT_ADMIN] = "admin", [ENROLMENT_SELF] = "self");
TABLE(protocol_names, PROTOCOL_MAX, [PROTOCOL_TCP] = "tcp", [PROTOCOL_UDP] = "udp", [PROTOCOL_SCTP] = "sctp",
      [PROTOCOL_ICMP] = "icmp", [PROTOCOL_ICMPV6] = "icmpv6");
TABLE(sink_names, SINK_MAX, [SINK_JOURNAL] = "journal", [SINK_AUDIT] = "audit");
TABLE(bus_names, BUS_MAX, [BUS_USB] = "usb", [BUS_MMC] = "mmc", [BUS_ATA] = "ata", [BUS_SCSI] = "scsi",
      [BUS_NVME] = "nvme", [BUS_THUNDERBOLT] = "thunderbolt", [BUS_FIREWIRE] = "firewire", [BUS_PCI] = "pci",
      [BUS_BLUETOOTH] = "bluetooth", [BUS_VHCI] = "vhci", [BUS_FLOPPY] = "floppy");
TABLE(class_names, CLASS_MAX, [CLASS_HUB] = "hub", [CLASS_KEYBOARD] = "keyboard", [CLASS_MOUSE] = "mouse",
      [CLASS_HID] = "hid", [CLASS_STORAGE] = "storage", [CLASS_OPTICAL] = "optical", [CLASS_PHONE] = "phone",
      [CLASS_PRINTER] = "printer", [CLASS_CAMERA] = "camera", [CLASS_AUDIO] = "audio", [CLASS_VIDEO] = "video",
      [CLASS_NETWORK] = "network", [CLASS_BLUETOOTH] = "bluetooth", [CLASS_SERIAL] = "serial", [CLASS_MODEM] = "modem",
      [CLASS_SMARTCARD] = "smartcard", [CLASS_VENDOR] = "vendor");
TABLE(trust_role_names, TRUST_ROLE_MAX, [TRUST_ROLE_TRUST] = "trust", [TRUST_ROLE_POLICY] = "policy",
      [TRUST_ROLE_PERMIT] = "permit", [TRUST_ROLE_AUDIT] = "audit");
TABLE(presence_names, PRESENCE_MAX, [PRESENCE_OPTIONAL] = "optional", [PRESENCE_REQUIRED] = "required");
TABLE(consent_names, 2, [false] = "refuse", [true] = "allow");  /* trust.unsigned_policy */
TABLE(my_number_names, 2, [false] = "allow", [true] = "block"); /* clipboard_flow.my_number_block */

int names_find(const struct names *t, const char *s, size_t length) {
        for (unsigned i = 0; i < t->n; i++)
                if (name_is(t->list[i], s, length))
                        return (int) i;
        return -EINVAL;
}

const char *names_get(const struct names *t, int i) {
        return i >= 0 && (unsigned) i < t->n ? t->list[i] : NULL;
}

static int find(const struct names *t, const char *s) {
        return s ? names_find(t, s, strlen(s)) : -EINVAL;
}

const char *mode_name(enum mode m) {
        return names_get(&mode_names, (int) m);
}
const char *action_name(enum action a) {
        return names_get(&action_names, (int) a);
}
enum action action_from_name(const char *s) {
        return (enum action) find(&action_names, s);
}
const char *keyboards_name(enum keyboards k) {
        return names_get(&keyboards_names, (int) k);
}
const char *flow_type_name(enum flow_type t) {
        return names_get(&flow_type_names, (int) t);
}
enum flow_type flow_type_from_name(const char *s) {
        return (enum flow_type) find(&flow_type_names, s);
}
const char *protocol_name(enum protocol p) {
        return names_get(&protocol_names, (int) p);
}
enum protocol protocol_from_name(const char *s) {
        return (enum protocol) find(&protocol_names, s);
}
const char *bus_name(enum bus b) {
        return names_get(&bus_names, (int) b);
}
enum bus bus_from_name(const char *s) {
        return (enum bus) find(&bus_names, s);
}
const char *class_name(enum device_class c) {
        return names_get(&class_names, (int) c);
}
enum device_class class_from_name(const char *s) {
        return (enum device_class) find(&class_names, s);
}
const char *trust_role_name(enum trust_role r) {
        return names_get(&trust_role_names, (int) r);
}
