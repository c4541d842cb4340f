/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One record of each kind that test_ocsf does not make, for the check against the published schema
 * (tests/integration/test_ocsf.py): with SEKISHO_OCSF_OUT=FILE they are added there, one per line. */
#include "audit_fixture.h"

#include "audit/kinds.h"
#include "audit/ocsf_record.h"

#define NOW INT64_C(1795392000)

static FILE *out;

/* A My Number of the documentation, as people write it; no record may hold it. */
#define NUMBER "123456789018"
#define NUMBER_WIDE                                                                                                    \
        "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96"                                     \
        "\xef\xbc\x97\xef\xbc\x98\xef\xbc\x99\xef\xbc\x90\xef\xbc\x91\xef\xbc\x98"

static void made(json_t *event, enum audit_kind kind) {
        assert_non_null(event);
        char *text = json_dumps(event, JSON_COMPACT);
        assert_non_null(text);
        assert_null(strstr(text, NUMBER));
        assert_null(strstr(text, NUMBER_WIDE));
        free(text);
        assert_string_equal(json_string_value(json_object_get(json_object_get(event, "metadata"), "event_code")),
                            audit_kinds[kind].name);
        if (out)
                assert_int_equal(json_dumpf(event, out, JSON_COMPACT) + fputc('\n', out), '\n');
        json_decref(event);
}

static void logins(void **state) {
        (void) state;
        static const struct {
                const char *phase, *outcome;
                enum audit_kind kind;
        } rows[] = {
                { "auth", "accepted", KIND_LOGIN_ACCEPTED },  { "auth", "refused", KIND_LOGIN_REFUSED },
                { "auth", "exempt", KIND_LOGIN_EXEMPT },      { "auth", "break-glass", KIND_LOGIN_BREAK_GLASS },
                { "auth", "observed", KIND_LOGIN_OBSERVED },  { "session", "session", KIND_LOGIN_SESSION },
                { "auth", "trouble", KIND_LOGIN_TROUBLE },    { "factor", "enrolled", KIND_FACTOR_ENROLLED },
                { "factor", "removed", KIND_FACTOR_REMOVED }, { "factor", "unlocked", KIND_FACTOR_UNLOCKED },
                { "factor", "locked", KIND_FACTOR_LOCKED },
        };
        const struct verdict v = { .action = ACTION_REQUIRED, .reason = REASON_RULE, .rule = "r", .enforce = true };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                for (int full = 0; full < 2; full++) {
                        struct audit_login l = {
                                .phase = rows[i].phase, .outcome = rows[i].outcome, .user = NUMBER, .uid = -1, .by = -1
                        };
                        if (full) {
                                l.user = "yamada";
                                l.uid = 1000;
                                l.by = 0;
                                l.service = "sshd";
                                l.tty = "pts/3";
                                l.rhost = "10.20.1.5";
                                l.factor = "totp";
                                l.escort = "joho1";
                                l.detail = "wrong-code";
                        } else if (strcmp(l.phase, "factor") != 0) {
                                l.service = "login"; /* each login is by one */
                        }
                        made(audit_event_login(machine_terminal(), NOW, &l, full ? &v : NULL), rows[i].kind);
                }
}

static void transfers(void **state) {
        (void) state;
        static const enum audit_kind kinds[] = { [TRANSFER_WRITTEN] = KIND_FILE_WRITTEN,
                                                 [TRANSFER_CREATED] = KIND_FILE_CREATED,
                                                 [TRANSFER_RENAMED] = KIND_FILE_RENAMED,
                                                 [TRANSFER_DELETED] = KIND_FILE_DELETED };
        const struct device_facts d = { .bus = BUS_USB,
                                        .vendor = 0x0781,
                                        .product = 0x5591,
                                        .name = "Ultra",
                                        .port = "1-2",
                                        .interfaces = { { 8, 6, 0x50 } },
                                        .n_interfaces = 1,
                                        .descriptors_valid = true };
        const struct verdict v = { .action = ACTION_ALLOW, .reason = REASON_RULE, .rule = "r", .enforce = true };
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                for (int full = 0; full < 2; full++) {
                        struct transfer t = { .kind = (enum transfer_kind) i,
                                              .pid = -1,
                                              .uid = -1,
                                              .login_uid = -1,
                                              .session = -1,
                                              .size = -1,
                                              .closes = 1,
                                              .msec = NOW * 1000,
                                              .path = "/" NUMBER "/" NUMBER_WIDE ".csv",
                                              .old_path = "",
                                              .program = "",
                                              .command = "",
                                              .filesystem = "vfat",
                                              .disk = "sdb1",
                                              .port = "1-2",
                                              .detail = "",
                                              .code = "" };
                        if (full) {
                                t.hash = TRANSFER_HASH_DONE;
                                t.pid = 77;
                                t.uid = t.login_uid = 1000;
                                t.session = 3;
                                t.size = 5120;
                                t.old_path = t.kind == TRANSFER_RENAMED ? "/" NUMBER : "";
                                t.program = "/home/yamada/" NUMBER;
                                t.command = NUMBER;
                                t.is_directory = t.kind == TRANSFER_CREATED;
                        }
                        made(audit_event_transfer(machine_terminal(), NOW, &t, full ? &d : NULL, full ? &v : NULL),
                             kinds[i]);
                }
}

static void pastes(void **state) {
        (void) state;
        for (int n = 0; n < 3; n++) {
                const struct verdict v = { .action = ACTION_BLOCK, .reason = REASON_DEFAULT, .enforce = n != 1 };
                const struct paste p = {
                        .uid = 1000,
                        .session = "3",
                        .selection = "clipboard",
                        .from_program = "/home/yamada/" NUMBER,
                        .to_program = n ? "/usr/bin/" NUMBER_WIDE : "",
                        .facts = { .from = n ? "juminhyo" : NULL, .to = "office", .types = 3, .bytes = 12 },
                        .count = 1 + n,
                        .storm = n == 2
                };
                made(audit_event_paste(machine_terminal(), NOW, &p, &v), n == 2   ? KIND_PASTE_STORM
                                                                         : n == 1 ? KIND_PASTE_OBSERVED
                                                                                  : KIND_PASTE_REFUSED);
        }
}

static void the_record_itself(void **state) {
        (void) state;
        static const char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        struct anchor a = { .log = "agent", .machine = "0123456789abcdef", .time = NOW, .seq = 7, .segment = 1 };
        memcpy(a.head, key, sizeof key);
        memcpy(a.key, key, sizeof key);
        made(ocsf_record_opened(machine_terminal(), NOW, "agent", 1, key, "first-key"), KIND_RECORD_OPENED);
        made(ocsf_record_opened(machine_terminal(), NOW, "agent", 2, key, NULL), KIND_RECORD_OPENED);
        made(ocsf_record_anchor(machine_terminal(), &a), KIND_RECORD_ANCHOR);
        memcpy(a.next, key, sizeof key);
        made(ocsf_record_anchor(machine_terminal(), &a), KIND_RECORD_ANCHOR);
        made(ocsf_record_deleted(machine_terminal(), NOW, "agent", 1, 99), KIND_RECORD_DELETED);
        made(audit_event_exported(machine_terminal(), NOW, "agent", key, 1000), KIND_RECORD_EXPORTED);
        made(audit_event_agent(machine_terminal(), NOW, "medium", "read", "1-2"), KIND_MEDIUM);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(logins), cmocka_unit_test(transfers),
                                            cmocka_unit_test(pastes), cmocka_unit_test(the_record_itself) };
        const char *path = getenv("SEKISHO_OCSF_OUT");
        if (path && !(out = fopen(path, "ae")))
                return 1;
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        return (out && fclose(out) != 0) || failed ? 1 : 0;
}
