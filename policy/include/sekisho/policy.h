/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy as typed structures: what is allowed.
 *
 * Owned by the policy library. No clock, no logging, no system calls. A struct policy is immutable once
 * parsed and may be read from anywhere; everything it points to lives in its arena and dies with it.
 * The language is described in sekisho-policy(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sekisho/device.h>
#include <sekisho/error.h>

#define POLICY_FORMAT 1
#define POLICY_NEVER  INT64_MAX /* "expires: never", "until" absent */

enum mode {
        MODE_ENFORCE,
        MODE_OBSERVE, /* decide and record, block nothing */
        MODE_MAX,
        MODE_INVALID = -22,
};

enum action {
        ACTION_BLOCK, /* zero: what is forgotten is shut */
        ACTION_ALLOW,
        ACTION_READ_ONLY,
        ACTION_REQUIRED, /* login: second factor demanded */
        ACTION_EXEMPT,   /* login: no second factor */
        ACTION_MAX,
        ACTION_INVALID = -22,
};

enum keyboards {
        KEYBOARDS_PRESENT, /* HID-only devices that were there at boot */
        KEYBOARDS_ANY,
        KEYBOARDS_LISTED,
        KEYBOARDS_MAX,
        KEYBOARDS_INVALID = -22,
};

enum interfaces_mode {
        INTERFACES_ALL,      /* every interface must be in the listed classes, else no match */
        INTERFACES_MATCHING, /* authorise only those that are */
        INTERFACES_MODE_MAX,
        INTERFACES_MODE_INVALID = -22,
};

enum encrypted {
        ENCRYPTED_ANY, /* absent */
        ENCRYPTED_LUKS,
        ENCRYPTED_MAX,
        ENCRYPTED_INVALID = -22,
};

enum flow_type {
        FLOW_TEXT,
        FLOW_IMAGE,
        FLOW_HTML,
        FLOW_FILES,
        FLOW_TYPE_MAX,
        FLOW_TYPE_INVALID = -22,
};

enum without_helper { HELPER_LOCK, HELPER_END_SESSION, HELPER_RECORD, HELPER_MAX, HELPER_INVALID = -22 };
enum otp_algorithm { OTP_SHA1, OTP_SHA256, OTP_SHA512, OTP_ALGORITHM_MAX, OTP_ALGORITHM_INVALID = -22 };
enum enrolment_by { ENROLMENT_ADMIN, ENROLMENT_SELF, ENROLMENT_MAX, ENROLMENT_INVALID = -22 };
enum protocol {
        PROTOCOL_TCP,
        PROTOCOL_UDP,
        PROTOCOL_SCTP,
        PROTOCOL_ICMP,
        PROTOCOL_ICMPV6,
        PROTOCOL_MAX,
        PROTOCOL_INVALID = -22
};
enum sink { SINK_JOURNAL, SINK_AUDIT, SINK_MAX, SINK_INVALID = -22 };

struct strings { /* list of NUL-terminated strings */
        const char *const *list;
        uint32_t n;
};

/* "Mon-Fri 08:30-17:15": local wall-clock time. An end before its start crosses midnight. */
struct hours_span {
        uint8_t days;        /* bit 0 = Monday ... bit 6 = Sunday */
        uint16_t start, end; /* minutes since midnight; start inclusive, end exclusive; end <= 1440 */
};
struct hours {
        const struct hours_span *list;
        uint32_t n; /* 0 = at any time */
};

struct device_rule {
        const char *id;
        const char *note;           /* or NULL */
        const char *serial;         /* or NULL = any */
        const uint8_t *descriptors; /* DIGEST_SIZE bytes, or NULL = any */
        struct strings users;       /* "yamada", "group:joho"; n == 0 = anyone */
        struct hours hours;
        uint32_t classes; /* mask; 0 = any */
        uint32_t buses;   /* mask; 0 = any */
        uint32_t line;    /* where its id stands in the file */
        uint16_t vendor, product;
        bool has_vendor, has_product;
        uint8_t action;     /* enum action: block, allow, read-only */
        uint8_t interfaces; /* enum interfaces_mode */
        uint8_t encrypted;  /* enum encrypted */
};

struct device_index; /* decide.c */

struct device_policy {
        enum mode mode;
        enum action default_action; /* block or allow */
        enum keyboards keyboards;
        const struct device_rule *rules;
        uint32_t n_rules;
        const struct device_index *index;
};

struct prefix {         /* network prefix, IPv4 or IPv6, host bits zero */
        uint8_t family; /* 4 or 6 */
        uint8_t length;
        uint8_t address[16];
};
struct port_range {
        uint16_t first, last;
};
struct mac {
        uint8_t octets[6];
};

struct network_rule {
        const char *id, *note;
        const struct prefix *prefixes;
        uint32_t n_prefixes; /* to: or from:; never empty */
        const struct port_range *ports;
        uint32_t n_ports; /* 0 = any (only for icmp) */
        const struct mac *next_hops;
        uint32_t n_next_hops; /* 0 = any */
        enum protocol protocol;
        uint32_t line;
};
struct network_policy {
        enum mode mode;
        enum action default_action;
        struct strings interfaces_allow; /* names, or "mac:52:54:.." */
        const struct network_rule *rules;
        uint32_t n_rules; /* outbound */
        const struct network_rule *inbound;
        uint32_t n_inbound;
};

struct clipboard_zone {
        const char *id, *note;
        struct strings programs;
        uint32_t line;
};
struct clipboard_flow {
        const char *note;
        uint32_t from, to;  /* index into zones */
        uint32_t types;     /* mask of 1 << enum flow_type */
        uint64_t max_bytes; /* UINT64_MAX = no limit */
        bool my_number_block;
        uint32_t line;
};
struct clipboard_policy {
        enum mode mode;
        enum action default_action;
        const struct clipboard_zone *zones;
        uint32_t n_zones;
        const struct clipboard_flow *flows;
        uint32_t n_flows;
        uint32_t clear_after; /* seconds; 0 = never */
        enum without_helper without_helper;
};

struct login_rule {
        const char *id, *note;
        struct strings services, users, groups; /* all given lists must match; one member each suffices */
        struct strings escort;                  /* "group:joho" or user names; n == 0 = none */
        struct hours hours;
        int64_t until;  /* seconds since the epoch, POLICY_NEVER */
        uint8_t action; /* required, exempt, block */
        uint32_t line;
};
struct login_policy {
        enum mode mode;
        enum action default_action; /* required, exempt, block */
        const struct login_rule *rules;
        uint32_t n_rules;
        uint8_t totp_digits;  /* 6..8 */
        uint32_t totp_period; /* seconds */
        enum otp_algorithm totp_algorithm;
        uint8_t totp_skew; /* steps on either side */
        uint8_t throttle_free;
        uint32_t throttle_max_delay; /* seconds */
        uint8_t throttle_stop_after; /* 1..100 */
        enum enrolment_by enrolment_by;
        int64_t enrolment_until;
        bool guard_required;
        struct strings guard_except;
        uint32_t screen_lock; /* seconds; 0 = not enforced */
};

struct audit_policy {
        uint32_t retain_days;
        uint64_t reserve; /* bytes */
        uint32_t send;    /* mask of 1 << enum sink */
};

struct policy_header {
        const char *fleet;
        uint64_t serial; /* 1 .. 2^53-1 */
        int64_t issued;  /* seconds since the epoch */
        int64_t expires; /* POLICY_NEVER */
        struct strings target;
};

/* Sections that the file leaves out hold the strictest values: everything blocked, second factor required. */
struct policy {
        struct policy_header header;
        enum mode mode;      /* a section's own mode, where given, overrides it for that section */
        const char *contact; /* "" if absent */
        struct device_policy devices;
        struct network_policy network;
        struct clipboard_policy clipboard;
        struct login_policy login;
        struct audit_policy audit;
        struct arena *arena; /* private */
};

/* Parses and validates bytes[0..size). All problems of the document are added to *problems in one run
 * (messages translated under the current locale); *ret is set only when there is no error among them.
 * Returns 0 (accepted, perhaps with warnings), 1 (refused; see problems), -ENOMEM. */
int policy_parse(const char *bytes, size_t size, struct problems *problems, struct policy **ret);

/* The policy that holds when there is no valid one: deny all but the floor. Static; do not free. */
const struct policy *policy_builtin(void);

/* Accepts NULL; returns NULL. */
struct policy *policy_free(struct policy *p);

/* JSON Schema (draft 2020-12) of the language, generated from the key table; allocated into *ret (free()). 0 or
 * -ENOMEM. */
int policy_schema(char **ret);

/* Differences in meaning between two policies, one entry per changed item. kind: '+' added, '-' removed, '~' changed.
 * Rules are matched by id; a change of order that matters is a difference. Callback returns 0 to go on. */
struct policy_change {
        char kind;
        const char *path;   /* "devices.rules[card-reader].action" */
        const char *before; /* NULL for '+' */
        const char *after;  /* NULL for '-' */
        bool widens;        /* true when the change may allow something that was not allowed */
};
int policy_diff(const struct policy *before, const struct policy *after,
                int (*each)(const struct policy_change *change, void *userdata), void *userdata);

/* Names from one table per enum; NULL / *_INVALID when unknown. */
const char *mode_name(enum mode m);
const char *action_name(enum action a);
enum action action_from_name(const char *s);
const char *keyboards_name(enum keyboards k);
const char *flow_type_name(enum flow_type t);
enum flow_type flow_type_from_name(const char *s);
const char *protocol_name(enum protocol p);
enum protocol protocol_from_name(const char *s);
