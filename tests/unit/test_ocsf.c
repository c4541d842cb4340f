/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With SEKISHO_OCSF_OUT=FILE the records made here are also written there, one per line, for the check against the
 * published schema (tests/integration/test_ocsf.py). */
#include "audit_fixture.h"

#include <sekisho/permit.h>

#include "audit/kinds.h"

#define NOW INT64_C(1795392000)

static json_t *own(const json_t *event) {
        return json_object_get(json_object_get(event, "unmapped"), "sekisho");
}

static const char *text(const json_t *o, const char *key) {
        return json_string_value(json_object_get(o, key));
}

static int number(const json_t *o, const char *key) {
        const json_t *v = json_object_get(o, key);
        return json_is_integer(v) ? (int) json_integer_value(v) : -1;
}

/* Writes through the real writer, so that what the schema check sees is a line of a record. */
static void export_event(json_t *event) {
        const char *path = getenv("SEKISHO_OCSF_OUT");
        struct machine m;
        machine_init(&m, NULL);
        struct audit_log *l = machine_open(&m, NULL);
        assert_int_equal(audit_log_append(l, event, AUDIT_DURABLE, NULL), 0);
        audit_log_free(l);
        if (path) {
                CLEANUP(bytes_clear) struct bytes b = machine_read(&m, LOG_PATH);
                CLEANUP(close_p) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
                assert_true(fd >= 0);
                assert_int_equal(file_write_all(fd, b.p, b.n), 0);
        }
        machine_clear(&m);
}

static struct device_facts stick(void) {
        struct device_facts d = {
                .bus = BUS_USB,
                .vendor = 0x0781,
                .product = 0x5591,
                .serial = "4C530001",
                .name = "SanDisk Ultra",
                .known_as = "SanDisk Corp.",
                .port = "1-2",
                .interfaces = { { 0x08, 0x06, 0x50 }, { 0x03, 0x01, 0x01 } },
                .n_interfaces = 2,
                .descriptors_valid = true,
                .has_digest = true,
        };
        memset(d.digest, 0xab, sizeof d.digest);
        return d;
}

static struct verdict verdict(enum action action, bool enforce) {
        return (struct verdict){
                .action = action,
                .reason = REASON_RULE,
                .explicit_rule = true,
                .enforce = enforce,
                .rule = "joho-stick",
                .note = "SECRET NOTE",
                .policy_serial = 12,
        };
}

static const struct {
        enum audit_activity activity;
        int with_verdict; /* 0 none, 1 block, 2 allow, 3 read-only */
        bool enforce;
        const char *effect;
        /* expected */
        enum audit_kind kind;
        int activity_id, action_id, disposition_id, status_id, severity_id;
} devices[] = {
        { AUDIT_DEVICE_CONNECT, 1, true, NULL, KIND_DEVICE_REFUSED, 1, 2, 2, 99, 3 },
        { AUDIT_DEVICE_CONNECT, 2, true, NULL, KIND_DEVICE_ALLOWED, 1, 1, 1, 99, 1 },
        { AUDIT_DEVICE_CONNECT, 3, true, NULL, KIND_DEVICE_ALLOWED, 1, 1, 1, 99, 1 },
        { AUDIT_DEVICE_CONNECT, 1, false, NULL, KIND_DEVICE_OBSERVED, 1, 3, 17, 99, 2 },
        { AUDIT_DEVICE_CONNECT, 2, false, NULL, KIND_DEVICE_ALLOWED, 1, 3, 17, 99, 1 },
        { AUDIT_DEVICE_ENABLE, 2, true, "as-decided", KIND_DEVICE_EFFECT, 3, 1, 1, 1, 1 },
        { AUDIT_DEVICE_DISABLE, 1, true, "as-decided", KIND_DEVICE_EFFECT, 4, 2, 2, 1, 1 },
        { AUDIT_DEVICE_CONNECT, 1, false, "not-enforced", KIND_DEVICE_EFFECT, 1, 3, 17, 1, 1 },
        { AUDIT_DEVICE_DISABLE, 1, true, "differs", KIND_DEVICE_EFFECT_WRONG, 4, 2, 27, 2, 4 },
        { AUDIT_DEVICE_DISABLE, 1, true, "failed", KIND_DEVICE_EFFECT_WRONG, 4, 2, 27, 2, 4 },
        { AUDIT_DEVICE_ENABLE, 2, true, "timed-out", KIND_DEVICE_EFFECT_WRONG, 3, 1, 27, 2, 4 },
        { AUDIT_DEVICE_ENABLE, 2, true, "a word of tomorrow", KIND_DEVICE_EFFECT_WRONG, 3, 1, 27, 2, 4 },
        { AUDIT_DEVICE_ENABLE, 2, true, "gone", KIND_DEVICE_GONE, 3, 1, 16, 1, 1 },
        { AUDIT_DEVICE_DISCONNECT, 0, true, NULL, KIND_DEVICE_GONE, 2, -1, -1, -1, 1 },
        { AUDIT_DEVICE_DISCONNECT, 2, true, NULL, KIND_DEVICE_GONE, 2, 1, 1, -1, 1 },
};

static void test_devices(void **state) {
        (void) state;
        static const enum action actions[] = { ACTION_BLOCK, ACTION_BLOCK, ACTION_ALLOW, ACTION_READ_ONLY };
        for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
                struct device_facts d = stick();
                struct verdict v = verdict(actions[devices[i].with_verdict], devices[i].enforce);
                json_t *e = audit_event_device(machine_terminal(), NOW, devices[i].activity, &d,
                                               devices[i].with_verdict ? &v : NULL, devices[i].effect);
                assert_non_null(e);
                assert_int_equal(number(e, "class_uid"), 1010);
                assert_int_equal(number(e, "category_uid"), 1);
                assert_int_equal(number(e, "activity_id"), devices[i].activity_id);
                assert_int_equal(number(e, "type_uid"), 101000 + devices[i].activity_id);
                assert_int_equal(number(e, "action_id"), devices[i].action_id);
                assert_int_equal(number(e, "disposition_id"), devices[i].disposition_id);
                assert_int_equal(number(e, "status_id"), devices[i].status_id);
                assert_int_equal(number(e, "severity_id"), devices[i].severity_id);
                assert_string_equal(text(json_object_get(e, "metadata"), "event_code"),
                                    audit_kinds[devices[i].kind].name);
                assert_true(json_integer_value(json_object_get(e, "time")) == NOW * 1000);
                export_event(e);
                json_decref(e);
        }
}

/* The whole of it, once, word for word. */
static void test_sekisho_members(void **state) {
        (void) state;
        struct device_facts d = stick();
        struct verdict v = verdict(ACTION_READ_ONLY, true);
        json_t *e = audit_event_device(machine_terminal(), NOW, AUDIT_DEVICE_ENABLE, &d, &v, "as-decided");
        CLEANUP(free_p) char *line = json_dumps(own(e), JSON_COMPACT);
        assert_string_equal(
                line, "{\"log\":null,\"seq\":0,\"prev\":null,\"rule\":\"joho-stick\",\"reason\":\"rule\",\"policy_"
                      "serial\":12,"
                      "\"explicit\":true,\"facts\":{\"kind\":\"device\",\"bus\":\"usb\",\"vendor\":\"0781\","
                      "\"product\":\"5591\","
                      "\"serial\":\"4C530001\",\"name\":\"SanDisk "
                      "Ultra\",\"known_as\":\"SanDisk Corp.\",\"port\":\"1-2\",\"classes\":[\"keyboard\",\"storage\"],"
                      "\"interfaces\":[\"08:06:50\",\"03:01:01\"],\"descriptors\":\"sha256:"
                      "abababababababababababababababababababababababababababababababab\",\"descriptors_valid\":true,"
                      "\"present_at_boot\":false,\"root_hub\":false},\"action\":\"read-only\",\"enforce\":true,"
                      "\"effect\":\"as-decided\"}");
        CLEANUP(free_p) char *whole = json_dumps(e, 0);
        assert_null(strstr(whole, "SECRET NOTE"));
        json_decref(e);
}

static const struct {
        uint8_t class, subclass, protocol;
        int type_id;
} types[] = {
        { 0x08, 0x06, 0x50, 1 }, { 0x06, 0x01, 0x01, 1 }, { 0x03, 0x01, 0x01, 2 },  { 0x03, 0x01, 0x02, 3 },
        { 0x07, 0x01, 0x02, 4 }, { 0x0e, 0x01, 0x00, 7 }, { 0x01, 0x01, 0x00, 99 }, { 0x0b, 0x00, 0x00, 99 },
};

static void test_peripheral_types(void **state) {
        (void) state;
        struct verdict v = verdict(ACTION_BLOCK, true);
        for (size_t i = 0; i <= sizeof types / sizeof *types; i++) {
                struct device_facts d = stick();
                d.n_interfaces = 0; /* the last row: a device that shows nothing */
                int expected = 0;
                if (i < sizeof types / sizeof *types) {
                        d.interfaces[0] =
                                (struct interface_triple){ types[i].class, types[i].subclass, types[i].protocol };
                        d.n_interfaces = 1;
                        expected = types[i].type_id;
                }
                json_t *e = audit_event_device(machine_terminal(), NOW, AUDIT_DEVICE_CONNECT, &d, &v, NULL);
                assert_int_equal(number(json_object_get(e, "peripheral_device"), "type_id"), expected);
                export_event(e);
                json_decref(e);
        }
}

static void test_hostile_device(void **state) {
        (void) state;
        struct device_facts d = stick();
        memset(d.name, 0xff, sizeof d.name - 1);
        memset(d.serial, '\n', sizeof d.serial - 1);
        memcpy(d.port, "1-\xe2\x80\xae", 6);
        d.n_interfaces = UINT16_MAX; /* a count that lies */
        d.has_digest = false;
        d.bus = BUS_INVALID;
        struct verdict v = verdict(ACTION_BLOCK, true);
        json_t *e = audit_event_device(machine_terminal(), NOW, AUDIT_DEVICE_CONNECT, &d, &v, NULL);
        assert_non_null(e);
        const json_t *facts = json_object_get(own(e), "facts");
        assert_int_equal(strlen(text(facts, "name")), 4 * (sizeof d.name - 1));
        assert_int_equal(strlen(text(facts, "serial")), 4 * (sizeof d.serial - 1));
        assert_string_equal(text(facts, "port"), "1-\\xe2\\x80\\xae");
        assert_true(json_is_null(json_object_get(facts, "descriptors")));
        assert_int_equal(json_array_size(json_object_get(facts, "interfaces")), DEVICE_INTERFACES_MAX);
        export_event(e);
        json_decref(e);

        d = stick();
        d.name[0] = d.serial[0] = '\0'; /* no strings at all: the schema still wants a name */
        e = audit_event_device(machine_terminal(), NOW, AUDIT_DEVICE_CONNECT, &d, &v, NULL);
        assert_string_equal(text(json_object_get(e, "peripheral_device"), "name"), "0781:5591");
        export_event(e);
        json_decref(e);
}

static const struct {
        const char *what, *source, *outcome, *detail;
        int64_t uid;
        int activity_id, status_id, type_id;
        enum audit_kind kind;
} documents[] = {
        { "policy", "local-unsigned", "installed", NULL, 0, 3, 1, 5, KIND_DOCUMENT_INSTALLED },
        { "policy", "signed", "refused", "serial", -1, 3, 2, 5, KIND_DOCUMENT_REFUSED },
        { "policy", "last-good", "restored", "the file was \x1b damaged", -1, 10, 1, 5, KIND_DOCUMENT_RESTORED },
        { "permit", "signed", "installed", NULL, 1000, 3, 1, 99, KIND_DOCUMENT_INSTALLED },
        { "trust", "signed", "something new", NULL, -1, 99, 2, 99, KIND_DOCUMENT_REFUSED },
};

static void test_documents(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
                static const struct trust_holder holder = { .name = "政策課長" };
                const struct trust_check check = { .counted = 1,
                                                   .needed = 2,
                                                   .n = 2,
                                                   .signatures = { { SIGNATURE_COUNTS, &holder, "SHA256:x" },
                                                                   { SIGNATURE_UNKNOWN, NULL, "" } } };
                const struct audit_document given = { .what = documents[i].what,
                                                      .serial = 12,
                                                      .sha256 = chain_zeros,
                                                      .source = documents[i].source,
                                                      .outcome = documents[i].outcome,
                                                      .detail = documents[i].detail,
                                                      .uid = documents[i].uid,
                                                      .via = "inbox",
                                                      .name = "a\x1b.yaml",
                                                      .signatures = &check };
                json_t *e = audit_event_document(machine_terminal(), NOW, &given);
                assert_non_null(e);
                assert_int_equal(number(e, "type_uid"), 300400 + documents[i].activity_id);
                assert_int_equal(number(e, "status_id"), documents[i].status_id);
                assert_int_equal(number(json_object_get(e, "entity"), "type_id"), documents[i].type_id);
                assert_string_equal(text(json_object_get(e, "metadata"), "event_code"),
                                    audit_kinds[documents[i].kind].name);
                const json_t *d = json_object_get(own(e), "document");
                assert_string_equal(text(d, "sha256"), chain_zeros);
                assert_string_equal(text(d, "outcome"), documents[i].outcome);
                assert_int_equal(number(d, "uid"), documents[i].uid);
                assert_string_equal(text(d, "via"), "inbox");
                assert_string_equal(text(d, "name"), "a\\x1b.yaml");
                assert_int_equal(number(d, "counted"), 1);
                assert_int_equal(number(d, "needed"), 2);
                const json_t *list = json_object_get(d, "signatures");
                assert_int_equal(json_array_size(list), 2);
                assert_string_equal(text(json_array_get(list, 0), "holder"), "政策課長");
                assert_string_equal(text(json_array_get(list, 0), "state"), "counts");
                assert_true(json_is_null(json_object_get(json_array_get(list, 1), "holder")));
                assert_int_equal(number(own(e), "policy_serial"), documents[i].type_id == 5 ? 12 : 0);
                export_event(e);
                json_decref(e);
        }
}

static const struct {
        const char *activity, *code, *detail;
        int activity_id;
        enum audit_kind kind;
} agents[] = {
        { "start", NULL, NULL, 3, KIND_AGENT_START },
        { "stop", NULL, "SIGTERM", 4, KIND_AGENT_STOP },
        { "trouble", "events-lost", "", 99, KIND_AGENT_TROUBLE },
        { "trouble", "worker-killed", "\xff\n", 99, KIND_AGENT_TROUBLE },
        { "unheard of", NULL, NULL, 99, KIND_AGENT_TROUBLE },
};

static void test_agent(void **state) {
        (void) state;
        for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) {
                json_t *e = audit_event_agent(machine_terminal(), NOW, agents[i].activity, agents[i].code,
                                              agents[i].detail);
                assert_non_null(e);
                assert_int_equal(number(e, "type_uid"), 600200 + agents[i].activity_id);
                assert_string_equal(text(json_object_get(e, "metadata"), "event_code"),
                                    audit_kinds[agents[i].kind].name);
                export_event(e);
                json_decref(e);
        }
}

static void test_times(void **state) {
        (void) state;
        static const int64_t times[] = { 0, -1, INT64_MAX, INT64_MIN }, ms[] = { 0, -1000, INT64_MAX, INT64_MIN };
        for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
                json_t *e = audit_event_agent(machine_terminal(), times[i], "start", NULL, NULL);
                assert_true(json_integer_value(json_object_get(e, "time")) == ms[i]);
                json_decref(e);
        }
}

/* No number of a person, no content, no file name outside of the file objects; and what is not known is null. */
static void test_transfers(void **state) {
        (void) state;
        static const struct {
                enum transfer_kind kind;
                int activity;
                const char *code;
        } rows[] = {
                { TRANSFER_WRITTEN, 3, "file-written" },
                { TRANSFER_CREATED, 1, "file-created" },
                { TRANSFER_RENAMED, 5, "file-renamed" },
                { TRANSFER_DELETED, 4, "file-deleted" },
        };
        const struct device_facts d = stick();
        const struct verdict v = verdict(ACTION_ALLOW, true);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct transfer f = { .id = 5,
                                      .kind = rows[i].kind,
                                      .hash = TRANSFER_HASH_DONE,
                                      .pid = 42,
                                      .uid = 1000,
                                      .login_uid = 1001,
                                      .session = 7,
                                      .size = 9,
                                      .closes = 1,
                                      .sha256 = { 0xab },
                                      .path = "/a/123456789018.txt",
                                      .old_path = "/old\x01",
                                      .program = "/usr/bin/cp",
                                      .command = "123456789018",
                                      .filesystem = "vfat",
                                      .disk = "sdb1",
                                      .port = "1-2",
                                      .detail = "",
                                      .code = "" };
                json_t *e = audit_event_transfer(machine_terminal(), NOW, &f, &d, &v);
                assert_non_null(e);
                assert_int_equal(number(e, "class_uid"), 1001);
                assert_int_equal(number(e, "activity_id"), rows[i].activity);
                assert_string_equal(text(json_object_get(e, "metadata"), "event_code"), rows[i].code);
                const json_t *t = json_object_get(own(e), "transfer"), *file = json_object_get(e, "file");
                assert_string_equal(text(t, "path"), "/a/************.txt");
                assert_string_equal(text(t, "old_path"), "/old\\x01");
                assert_string_equal(text(file, "name"), i == 2 ? "old\\x01" : "************.txt");
                assert_string_equal(text(own(e), "rule"), "joho-stick");
                assert_string_equal(text(json_object_get(own(e), "facts"), "serial"), "4C530001");
                assert_string_equal(text(json_object_get(json_object_get(e, "actor"), "user"), "uid"), "1000");
                assert_int_equal(number(t, "session"), 7);
                assert_null(strstr(text(e, "message"), ".txt"));
                char *line = json_dumps(e, JSON_COMPACT);
                assert_null(strstr(line, "123456789018"));
                free(line);
                json_decref(e);

                f.hash = TRANSFER_HASH_UNREADABLE;
                f.uid = f.login_uid = f.session = f.pid = f.size = -1;
                f.path = f.program = f.command = "";
                e = audit_event_transfer(machine_terminal(), NOW, &f, NULL, NULL);
                assert_non_null(e);
                t = json_object_get(own(e), "transfer");
                static const char *const unknown[] = { "path", "program", "command", "uid",   "login_uid",
                                                       "pid",  "session", "size",    "sha256" };
                for (size_t k = 0; k < sizeof unknown / sizeof *unknown; k++)
                        assert_true(json_is_null(json_object_get(t, unknown[k])));
                assert_string_equal(text(t, "hash"), "unreadable");
                assert_null(json_object_get(json_object_get(e, "file"), "hashes"));
                json_decref(e);
        }
}

static struct blocked refused(enum blocked_kind kind) {
        return (struct blocked){ .id = 9,
                                 .kind = kind,
                                 .family = 4,
                                 .has_protocol = true,
                                 .protocol = 6,
                                 .ether_type = 0x0800,
                                 .has_port = true,
                                 .port = 443,
                                 .peer = { 203, 0, 113, 9 },
                                 .own = { 10, 20, 30, 40 },
                                 .has_mac = true,
                                 .mac = { { 2, 0, 0, 0, 0, 0xfe } },
                                 .uid = 1000,
                                 .pid = 41,
                                 .login_uid = 1000,
                                 .session = 7,
                                 .count = 5,
                                 .bytes = 300,
                                 .first = 1790000000000,
                                 .last = 1790000000500,
                                 .interface = "eno1",
                                 .layer = "inet",
                                 .program = "/usr/bin/curl\x01",
                                 .command = "curl" };
}

static void test_blocked(void **state) {
        (void) state;
        const struct verdict v = {
                .action = ACTION_BLOCK, .reason = REASON_DEFAULT, .enforce = true, .policy_serial = 3
        };
        static const struct {
                enum blocked_kind kind;
                enum blocked_direction direction;
                bool observed;
                uint8_t family;
                const char *code;
                int activity, action, direction_id, severity;
        } rows[] = {
                { BLOCKED_FLOW, BLOCKED_OUT, false, 4, "network-blocked", 5, 2, 2, 3 },
                { BLOCKED_FLOW, BLOCKED_OUT, true, 4, "network-observed", 6, 3, 2, 2 },
                { BLOCKED_FLOW, BLOCKED_IN, false, 6, "network-blocked", 5, 2, 1, 3 },
                { BLOCKED_FLOW, BLOCKED_FORWARD, false, 4, "network-blocked", 5, 2, 99, 3 },
                { BLOCKED_FLOW, BLOCKED_OUT, false, 0, "network-blocked", 5, 2, 2, 3 },
                { BLOCKED_STORM, BLOCKED_OUT, false, 0, "network-storm", 5, 2, 2, 4 },
                { BLOCKED_STORM, BLOCKED_IN, true, 0, "network-storm", 6, 3, 1, 4 },
                { BLOCKED_LOST, BLOCKED_OUT, false, 0, "network-storm", 5, 2, 2, 4 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct blocked b = refused(rows[i].kind);
                b.direction = rows[i].direction;
                b.observed = rows[i].observed;
                b.family = rows[i].family;
                if (rows[i].kind != BLOCKED_FLOW)
                        b = (struct blocked){ .kind = rows[i].kind,
                                              .direction = rows[i].direction,
                                              .observed = rows[i].observed,
                                              .uid = -1,
                                              .pid = -1,
                                              .login_uid = -1,
                                              .session = -1,
                                              .count = 5,
                                              .last = 9 };
                json_t *e = audit_event_blocked(machine_terminal(), NOW, &b, &v);
                assert_non_null(e);
                export_event(e);
                assert_int_equal(number(e, "class_uid"), 4001);
                assert_int_equal(number(e, "activity_id"), rows[i].activity);
                assert_int_equal(number(e, "action_id"), rows[i].action);
                assert_int_equal(number(e, "severity_id"), rows[i].severity);
                assert_string_equal(text(json_object_get(e, "metadata"), "event_code"), rows[i].code);
                assert_int_equal(number(json_object_get(e, "connection_info"), "direction_id"), rows[i].direction_id);
                assert_int_equal(number(json_object_get(e, "traffic"), "packets"), 5);
                const json_t *n = json_object_get(own(e), "network");
                assert_int_equal(number(n, "count"), 5);
                assert_string_equal(text(own(e), "reason"), "default");
                if (rows[i].kind == BLOCKED_FLOW) {
                        assert_string_equal(text(n, "program"), "/usr/bin/curl\\x01");
                        assert_int_equal(number(n, "uid"), 1000);
                        assert_string_equal(text(n, "protocol"), "tcp");
                        bool out = rows[i].direction == BLOCKED_OUT;
                        const json_t *peer = json_object_get(e, out ? "dst_endpoint" : "src_endpoint");
                        if (rows[i].family == 4)
                                assert_string_equal(text(peer, "ip"), "203.0.113.9");
                        assert_string_equal(text(peer, "mac"), "02:00:00:00:00:fe");
                        assert_int_equal(number(json_object_get(e, "dst_endpoint"), "port"), 443);
                } else {
                        assert_true(json_is_null(json_object_get(n, "peer")));
                        assert_true(json_is_null(json_object_get(n, "uid")));
                }
                json_decref(e);
        }
        struct blocked ping = refused(BLOCKED_FLOW);
        ping.protocol = 1;
        ping.port = 8;
        json_t *e = audit_event_blocked(machine_terminal(), NOW, &ping, &v);
        const json_t *n = json_object_get(own(e), "network");
        assert_int_equal(number(n, "type"), 8);
        assert_true(json_is_null(json_object_get(n, "port")));
        assert_null(json_object_get(json_object_get(e, "dst_endpoint"), "port"));
        json_decref(e);
}

static void test_kinds(void **state) {
        (void) state;
        for (int i = 0; i < KIND_MAX; i++) {
                assert_int_equal(audit_kind_from_name(audit_kinds[i].name), i);
                assert_int_equal(strlen(audit_kinds[i].message_id), 32);
                assert_int_equal(strspn(audit_kinds[i].message_id, "0123456789abcdef"), 32);
                for (int j = 0; j < i; j++)
                        assert_string_not_equal(audit_kinds[i].message_id, audit_kinds[j].message_id);
        }
        assert_int_equal(audit_kind_from_name("x"), KIND_INVALID);
        assert_int_equal(audit_kind_from_name(NULL), KIND_INVALID);
}

static const struct {
        const char *outcome, *detail;
        bool unread; /* it could not be parsed */
        int64_t uid;
        /* expected */
        enum audit_kind kind;
        int activity_id, status_id;
} permits[] = {
        { "installed", NULL, false, 0, KIND_PERMIT_INSTALLED, 1, 1 },
        { "activated", NULL, false, 1000, KIND_PERMIT_ACTIVATED, 8, 1 },
        { "used", NULL, false, -1, KIND_PERMIT_USED, 10, 1 },
        { "ended", "duration", false, -1, KIND_PERMIT_ENDED, 11, 1 },
        { "closed", NULL, false, 0, KIND_PERMIT_CLOSED, 9, 1 },
        { "refused", "code", false, 1000, KIND_PERMIT_REFUSED, 99, 2 },
        { "refused", "signatures", true, 0, KIND_PERMIT_REFUSED, 99, 2 },
};

static void test_permits(void **state) {
        (void) state;
        static const uint8_t digest[DIGEST_SIZE] = { 0xab };
        static const char *const users[] = { "yamada" };
        const struct permit p = { .id = "p1",
                                  .ticket = "T-1 123456789018",
                                  .applicant = "a",
                                  .approver = "b",
                                  .purpose = "１２３４５６７８９０１８",
                                  .max_bytes = UINT64_MAX,
                                  .rule = { .vendor = 0x0781,
                                            .product = 0x5591,
                                            .serial = "4C53",
                                            .descriptors = digest,
                                            .users = { users, 1 },
                                            .action = ACTION_ALLOW } };
        for (size_t i = 0; i < sizeof permits / sizeof *permits; i++) {
                const struct audit_permit a = { .outcome = permits[i].outcome,
                                                .detail = permits[i].detail,
                                                .permit = permits[i].unread ? NULL : &p,
                                                .sha256 = "00ff",
                                                .uid = permits[i].uid,
                                                .bytes = 4096,
                                                .by = "c" };
                json_t *e = audit_event_permit(machine_terminal(), NOW, &a);
                assert_non_null(e);
                assert_int_equal(number(e, "class_uid"), 3004);
                assert_int_equal(number(e, "activity_id"), permits[i].activity_id);
                assert_int_equal(number(e, "status_id"), permits[i].status_id);
                assert_string_equal(text(json_object_get(e, "metadata"), "event_code"),
                                    audit_kinds[permits[i].kind].name);
                const json_t *said = json_object_get(own(e), "permit");
                assert_string_equal(text(said, "outcome"), permits[i].outcome);
                assert_int_equal(number(said, "bytes"), 4096);
                if (!permits[i].unread) {
                        assert_string_equal(text(said, "ticket"), "T-1 ************");
                        assert_string_equal(text(said, "purpose"), "＊＊＊＊＊＊＊＊＊＊＊＊");
                        assert_string_equal(text(json_object_get(said, "device"), "serial"), "4C53");
                        assert_true(json_is_null(json_object_get(said, "max_bytes")));
                }
                export_event(e);
                json_decref(e);
        }
}

static void test_opened_by_a_permit(void **state) {
        (void) state;
        struct device_facts d = stick();
        struct verdict v = verdict(ACTION_READ_ONLY, true);
        v.permit = "p1";
        v.ticket = "T-1";
        json_t *e = audit_event_device(machine_terminal(), NOW, AUDIT_DEVICE_CONNECT, &d, &v, NULL);
        assert_string_equal(text(json_object_get(own(e), "permit"), "id"), "p1");
        assert_string_equal(text(json_object_get(own(e), "permit"), "ticket"), "T-1");
        export_event(e);
        json_decref(e);
}

static void test_pastes(void **state) {
        (void) state;
        static const struct {
                bool enforce, storm;
                const char *code;
                int action, severity;
        } rows[] = { { true, false, "paste-refused", 2, 3 },
                     { false, false, "paste-observed", 3, 2 },
                     { true, true, "paste-storm", 2, 4 } };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct paste_facts f = { .from = "juminhyo", .types = 1u << FLOW_TEXT, .bytes = 12 };
                const struct paste p = { 1000, "2", "drag", "/123456789018", "", f, true, 3, rows[i].storm };
                const struct verdict v = { .reason = REASON_DEFAULT, .enforce = rows[i].enforce, .policy_serial = 4 };
                json_t *e = audit_event_paste(machine_terminal(), NOW, &p, &v);
                assert_non_null(e);
                export_event(e);
                assert_int_equal(number(e, "type_uid"), 99);
                assert_int_equal(number(e, "action_id"), rows[i].action);
                assert_int_equal(number(e, "severity_id"), rows[i].severity);
                assert_string_equal(text(json_object_get(e, "metadata"), "event_code"), rows[i].code);
                const json_t *paste = json_object_get(own(e), "paste");
                assert_string_equal(text(paste, "from"), "juminhyo");
                assert_true(json_is_null(json_object_get(paste, "to")));
                assert_null(strstr(text(paste, "from_program"), "123456789018"));
                json_decref(e);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_permits),         cmocka_unit_test(test_opened_by_a_permit),
                cmocka_unit_test(test_devices),         cmocka_unit_test(test_pastes),
                cmocka_unit_test(test_sekisho_members), cmocka_unit_test(test_peripheral_types),
                cmocka_unit_test(test_hostile_device),  cmocka_unit_test(test_documents),
                cmocka_unit_test(test_agent),           cmocka_unit_test(test_times),
                cmocka_unit_test(test_transfers),       cmocka_unit_test(test_blocked),
                cmocka_unit_test(test_kinds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
