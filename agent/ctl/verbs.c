/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <stddef.h>

const struct verb_option common_options[] = {
        [COMMON_JSON] = { "json", 0, NULL, N_("answer in JSON") },
        [COMMON_ROOT] = { "root", 0, "DIR", N_("look at the machine below DIR instead of this one") },
        [COMMON_HELP] = { "help", 'h', NULL, N_("show help") },
        [COMMON_VERSION] = { "version", 0, NULL, N_("show the version") },
        { 0 },
};

static const struct verb_option explain_options[] = {
        [EXPLAIN_DEVICE] = { "device", 0, "FACTS.json", N_("a device, described in a file") },
        [EXPLAIN_CONNECT] = { "connect", 0, "PROTOCOL:ADDRESS:PORT",
                              N_("a connection: tcp:10.0.0.1:443, udp:[2001:db8::1]:53, in:tcp:10.0.0.1:22") },
        [EXPLAIN_PASTE] = { "paste", 0, "FROM:TO[:TYPE]", N_("a paste from one zone into another") },
        [EXPLAIN_LOGIN] = { "login", 0, "USER:SERVICE[:GROUP,...]", N_("a login") },
        [EXPLAIN_NEXT_HOP] = { "next-hop", 0, "MAC", N_("with --connect: hardware address of the next hop") },
        [EXPLAIN_INTERFACE] = { "interface", 0, "NAME",
                                N_("with --connect: the interface, by name or as mac:ADDRESS") },
        [EXPLAIN_AT] = { "at", 0, "TIME", N_("as of this moment, in RFC 3339; default: now") },
        { 0 },
};

static const struct verb_option replay_options[] = {
        [REPLAY_SINCE] = { "since", 0, "TIME", N_("only since then: RFC 3339, or 90s, 15min, 1h, 30d ago") },
        { 0 },
};

static const struct verb_option fleet_options[] = {
        [FLEET_FORMAT] = { "format", 0, "FORMAT", N_("table, csv, json or html; default: table") },
        [FLEET_STALE] = { "stale", 0, "TIME", N_("not seen lately is who was not seen since then; default: 7d") },
        { 0 },
};

static const struct verb_option devices_options[] = {
        [DEVICES_RULE] = { "rule", 0, "N", N_("print the rule that would list device number N, or that on port N") },
        { 0 },
};

static const struct verb_option tail_options[] = {
        [TAIL_LINES] = { "lines", 'n', "N", N_("number of records; default: 10") },
        [TAIL_FOLLOW] = { "follow", 'f', NULL, N_("go on with new records as they come") },
        { 0 },
};

static const struct verb_option show_options[] = {
        [SHOW_SINCE] = { "since", 0, "TIME", N_("only since then: RFC 3339, or 90s, 15min, 1h, 30d ago") },
        [SHOW_SEQ] = { "seq", 0, "N", N_("only the record with this number, in full") },
        [SHOW_LOG] = { "log", 0, "NAME", N_("only this log: agent, otp; with --seq: agent, unless otp is given") },
        { 0 },
};

static const struct verb_option audit_verify_options[] = {
        [AUDIT_VERIFY_KEY] = { "key", 'k', "FILE", N_("public keys that were copied at enrolment") },
        [AUDIT_VERIFY_HEAD] = { "head", 0, "HEAD",
                                N_("LOG:NUMBER:SHA-256 that is known from elsewhere, or a file of such or of "
                                   "anchors") },
        { 0 },
};

static const struct verb_option audit_export_options[] = {
        [AUDIT_EXPORT_SEAL] = { "seal", 0, "KEY",
                                N_("one file that only the holder of this key can open: a holder of the role audit, "
                                   "a .pub file, or the key") },
        { 0 },
};

static const struct verb_option audit_open_options[] = {
        [AUDIT_OPEN_KEY] = { "key", 'k', "FILE", N_("the private key, without a passphrase") },
        { 0 },
};

static const struct verb_option learn_options[] = {
        [LEARN_SINCE] = { "since", 0, "TIME", N_("only since then: RFC 3339, or 90s, 15min, 1h, 30d ago") },
        [LEARN_BLOCKED] = { "blocked", 0, NULL, N_("also from what was held back, not only from what was observed") },
        { 0 },
};

static const struct verb_option install_options[] = {
        [INSTALL_FOR] = { "for", 0, "TIME",
                          N_("on trial: the policy before it comes back after 10min, 1h, unless confirmed") },
        { 0 },
};

static const struct verb_option history_options[] = {
        [HISTORY_SINCE] = { "since", 0, "TIME", N_("only since then: RFC 3339, or 90s, 15min, 1h, 30d ago") },
        { 0 },
};

static const struct verb_option sign_options[] = {
        [SIGN_KEY] = { "key", 'k', "FILE", N_("the private key, or the .pub of one that ssh-agent or hardware holds") },
        { 0 },
};

static const struct verb_option verify_options[] = {
        [VERIFY_TRUST] = { "trust", 0, "FILE", N_("the trust document; default: this terminal's") },
        { 0 },
};

static const struct verb_option new_options[] = {
        [NEW_TICKET] = { "ticket", 0, "TEXT", N_("number of the application") },
        [NEW_APPLICANT] = { "applicant", 0, "TEXT", N_("who asks for it") },
        [NEW_APPROVER] = { "approver", 0, "TEXT", N_("who approves it") },
        [NEW_PURPOSE] = { "purpose", 0, "TEXT", N_("what it is for") },
        [NEW_DEVICE] = { "device", 0, "N", N_("device number N, or that on port N, or a file FACTS.json") },
        [NEW_USER] = { "user", 0, "NAME,...", N_("who may use it on the terminal; also group:NAME") },
        [NEW_END] = { "end", 0, "END", N_("2026-12-31, 7d, fiscal-year (next 31 March), or RFC 3339; default: 7d") },
        [NEW_DURATION] = { "duration", 0, "TIME", N_("open for how long, from its first use; default: 4h") },
        [NEW_WRITE] = { "write", 0, NULL, N_("to write too, on encrypted volumes") },
        [NEW_MAX_BYTES] = { "max-bytes", 0, "SIZE", N_("with --write: how much at most, as in 64MiB, or unlimited") },
        [NEW_PLAINTEXT] = { "plaintext", 0, NULL, N_("with --write: on volumes that are not encrypted too") },
        [NEW_RETURN] = { "return-within", 0, "TIME", N_("when the medium must be back after its use; default: 1d") },
        [NEW_PHONE] = { "phone", 0, NULL, N_("opens only with a code that is dictated by phone; it is shown once") },
        [NEW_TERMINAL] = { "terminal", 0, "MACHINE-ID", N_("the terminal it is for; default: this one") },
        [NEW_FLEET] = { "fleet", 0, "NAME", N_("the fleet of that terminal; default: that of this one") },
        [NEW_ID] = { "id", 0, "ID", N_("what it is called; default: the day and a random number") },
        [NEW_OUTPUT] = { "output", 'o', "FILE", N_("where to write it; default: ID.yaml") },
        { 0 },
};

static const struct verb_option enroll_options[] = {
        [ENROLL_CSV] = { "csv", 0, "FILE", N_("enrol a box of hardware tokens, listed in a file (root)") },
        [ENROLL_REPLACE] = { "replace", 0, NULL, N_("in place of what is enrolled (root)") },
        [ENROLL_TOKEN] = { "token", 0, NULL,
                           N_("ask for the secret of a hardware token, instead of making one (root)") },
        [ENROLL_DIGITS] = { "digits", 0, "N", N_("digits of a code, 6 to 8; default: the policy's") },
        [ENROLL_PERIOD] = { "period", 0, "SECONDS", N_("how long a code lasts; default: the policy's") },
        [ENROLL_ALGORITHM] = { "algorithm", 0, "NAME", N_("sha1, sha256 or sha512; default: the policy's") },
        { 0 },
};

static const struct verb_option list_options[] = {
        [LIST_OPEN] = { "open", 0, NULL, N_("those that are open or may still open something") },
        [LIST_USED] = { "used", 0, NULL, N_("those whose medium is not back yet") },
        [LIST_OVERDUE] = { "overdue", 0, NULL, N_("those whose medium should be back") },
        { 0 },
};

static const struct verb_option close_options[] = {
        [CLOSE_RETURNED] = { "returned", 0, NULL, N_("the medium is back") },
        [CLOSE_ERASED] = { "erased", 0, NULL, N_("what was on it is erased") },
        [CLOSE_BY] = { "by", 0, "NAME", N_("who confirms it") },
        { 0 },
};

static const struct verb_option export_options[] = {
        [EXPORT_SINCE] = { "since", 0, "TIME", N_("only since then: RFC 3339, or 90s, 15min, 1h, 30d ago") },
        { 0 },
};

static const struct verb_option otp_list_options[] = {
        [LIST_MISSING] = { "missing", 0, NULL, N_("only the accounts that have no second factor in force") },
        { 0 },
};

static const struct verb_option grant_options[] = {
        [GRANT_REASON] = { "reason", 0, "TEXT", N_("why, with the number of the application") },
        [GRANT_APPROVER] = { "approver", 0, "NAME", N_("who approved it") },
        [GRANT_TERMINAL] = { "terminal", 0, "MACHINE-ID", N_("the terminal that it is for; default: this one") },
        [GRANT_FLEET] = { "fleet", 0, "NAME", N_("the fleet of that terminal; default: this terminal's") },
        [GRANT_VALID] = { "valid", 0, "TIME", N_("how long: 30min, 2h, at most 24h; default: 1h") },
        { 0 },
};

static const struct verb_option login_options[] = {
        [LOGIN_ADMIN] = { "admin", 0, "USER", N_("who gives the code; default: whoever logged in") },
        { 0 },
};

static const struct verb_option scan_options[] = {
        [SCAN_MIN_SCORE] = { "min-score", 0, "N", N_("only what scores at least N of 100; default: 40") },
        [SCAN_ONE_FILE_SYSTEM] = { "one-file-system", 'x', NULL, N_("stay on the file system of each path") },
        { 0 },
};

static const struct verb_option inspect_options[] = {
        [INSPECT_FORMAT] = { "format", 0, "FORMAT", N_("html, json or csv; default: a table") },
        { 0 },
};

static const struct verb_option digest_options[] = {
        [DIGEST_MONTH] = { "month", 0, "MONTH", N_("2026-11; default: the month before this one") },
        [DIGEST_FORMAT] = { "format", 0, "FORMAT", N_("html or json; default: a table") },
        { 0 },
};

static const struct verb_option evidence_options[] = {
        [EVIDENCE_FROM] = { "from", 0, "DAY", N_("the first day, 2026-11-01") },
        [EVIDENCE_TO] = { "to", 0, "DAY", N_("the last day, 2026-11-28") },
        [EVIDENCE_OUTPUT] = { "output", 'o', "DIR", N_("a folder to be made, or a file that ends in .tar") },
        [EVIDENCE_KEY] = { "key", 'k', "FILE",
                           N_("sign it with this private key, or the .pub of one that ssh-agent holds") },
        { 0 },
};

/* Order is the order of the help. */
const struct verb verbs[] = {
        { "status", NULL, "", N_("whether this terminal is guarded, and what needs attention"), 0, 0, run_status,
          NULL },
        { "devices", NULL, "", N_("what is plugged in, and what was decided about it"), 0, 0, run_devices,
          devices_options },
        { "watch", NULL, "", N_("decisions as they are made"), 0, 0, run_watch, NULL },
        { "policy", "check", "FILE", N_("find all mistakes in a policy file"), 1, 1, run_policy_check, NULL },
        { "policy", "explain", "FILE", N_("which rule decides, and why"), 1, 1, run_policy_explain, explain_options },
        { "policy", "diff", "OLD NEW", N_("differences in meaning between two policies"), 2, 2, run_policy_diff, NULL },
        { "policy", "replay", "FILE [RECORD...]", N_("decisions of the record that this policy would make differently"),
          1, -1, run_policy_replay, replay_options },
        { "policy", "schema", "", N_("JSON Schema of the policy language, for editors"), 0, 0, run_policy_schema,
          NULL },
        { "policy", "show", "", N_("the policy that is in force"), 0, 0, run_policy_show, NULL },
        { "policy", "install", "FILE", N_("check a policy and put it in force (root)"), 1, 1, run_policy_install,
          install_options },
        { "policy", "confirm", "", N_("keep the policy that is on trial (root)"), 0, 0, run_policy_confirm, NULL },
        { "policy", "history", "", N_("documents that came: accepted, refused, and why"), 0, 0, run_policy_history,
          history_options },
        { "fleet", "report", "DIR...", N_("one view over the collected records of many terminals"), 1, -1,
          run_fleet_report, fleet_options },
        { "network", "check", "[FILE]", N_("whether the network rules that are loaded are what the policy says (root)"),
          0, 1, run_network_check, NULL },
        { "network", "learn", "", N_("propose rules from what the record says was observed"), 0, 0, run_network_learn,
          learn_options },
        { "sign", NULL, "FILE", N_("add a signature to a document, in FILE.sig"), 1, 1, run_sign, sign_options },
        { "verify", NULL, "FILE", N_("who signed a document, and whether it suffices"), 1, 1, run_verify,
          verify_options },
        { "trust", "init", "FILE", N_("install the first trust document of this terminal (root)"), 1, 1, run_trust_init,
          NULL },
        { "trust", "show", "", N_("whose signatures this terminal accepts"), 0, 0, run_trust_show, NULL },
        { "trust", "rotate", "FILE...", N_("install the next trust documents, in their order (root)"), 1, -1,
          run_trust_rotate, NULL },
        { "permit", "new", "", N_("write a permit for a medium, to be signed"), 0, 0, run_permit_new, new_options },
        { "permit", "install", "FILE", N_("hand a signed permit to this terminal (root)"), 1, 1, run_permit_install,
          NULL },
        { "permit", "activate", "ID", N_("open a sealed permit with the code that was dictated"), 1, 1,
          run_permit_activate, NULL },
        { "permit", "list", "", N_("permits on this terminal, and what became of them"), 0, 0, run_permit_list,
          list_options },
        { "permit", "close", "ID", N_("end a permit, and confirm that its medium is back (root)"), 1, 1,
          run_permit_close, close_options },
        { "permit", "schema", "", N_("JSON Schema of permits, for editors"), 0, 0, run_permit_schema, NULL },
        { "media", "export", "[FILE...]", N_("the media register as CSV: each opening, and its ticket"), 0, -1,
          run_media_export, export_options },
        { "otp", "enroll", "[USER]", N_("enrol a second factor: yourself, or as root anybody"), 0, 1, run_otp_enroll,
          enroll_options },
        { "otp", "list", "", N_("who has a second factor, and what is wrong with it (root)"), 0, 0, run_otp_list,
          otp_list_options },
        { "otp", "codes", "[USER]", N_("ten new recovery codes, shown once"), 0, 1, run_otp_codes, NULL },
        { "otp", "unlock", "USER", N_("end a lock-out after too many wrong codes (root)"), 1, 1, run_otp_unlock, NULL },
        { "otp", "reset", "USER", N_("take a second factor away (root)"), 1, 1, run_otp_reset, NULL },
        { "otp", "grant", "USER FILE", N_("write a grant for one login without the token, to be signed"), 2, 2,
          run_otp_grant, grant_options },
        { "otp", "install", "FILE", N_("put a signed grant in force on this terminal (root)"), 1, 1, run_otp_install,
          NULL },
        { "login", "check", "", N_("which factors each way into this machine demands"), 0, 0, run_login_check, NULL },
        { "login", "enable", "", N_("switch the second factor on for all logins (root, with a code)"), 0, 0,
          run_login_enable, login_options },
        { "login", "disable", "", N_("switch it off again (root)"), 0, 0, run_login_disable, NULL },
        { "screen", "check", "", N_("whether a screen locker is installed on which screen-lock can rest"), 0, 0,
          run_screen_check, NULL },
        { "remote", "check", "", N_("whether remote desktops carry the clipboard or files along"), 0, 0,
          run_remote_check, NULL },
        { "remote", "close", "", N_("shut the clipboards and folders of remote desktops (root)"), 0, 0,
          run_remote_close, NULL },
        { "remote", "reopen", "", N_("take back what remote close did (root)"), 0, 0, run_remote_reopen, NULL },
        { "audit", "tail", "", N_("the newest records"), 0, 0, run_audit_tail, tail_options },
        { "audit", "show", "", N_("records of a period, or one of them"), 0, 0, run_audit_show, show_options },
        { "audit", "verify", "[FILE...]", N_("whether a record is whole, unaltered and signed"), 0, -1,
          run_audit_verify, audit_verify_options },
        { "audit", "export", "DIR", N_("the record, with a manifest that the terminal signs (root)"), 1, 1,
          run_audit_export, audit_export_options },
        { "audit", "open", "FILE OUTPUT", N_("open an export that was sealed, on the auditor's machine"), 2, 2,
          run_audit_open, audit_open_options },
        { "audit", "receipt", "FILE", N_("hand over the receipt of whoever collects the record (root)"), 1, 1,
          run_audit_receipt, NULL },
        { "audit", "key", "", N_("the record's first public keys, to be copied at enrolment"), 0, 0, run_audit_key,
          NULL },
        { "inspect", NULL, "", N_("self-inspection: what is as it should be, with evidence for each (root)"), 0, 0,
          run_inspect, inspect_options },
        { "digest", NULL, "", N_("one month of the record on one page, for its reviewer"), 0, 0, run_digest,
          digest_options },
        { "evidence", NULL, "", N_("what happened in a span, with the record that proves it, signed (root)"), 0, 0,
          run_evidence, evidence_options },
        { "scan", NULL, "PATH...", N_("find My Numbers in files and folders: where they are, never which"), 1, -1,
          run_scan, scan_options },
        { "help", NULL, "[VERB...]", N_("this help, or that of a verb"), 0, 2, run_help, NULL },
        { "version", NULL, "", N_("the version"), 0, 0, run_version, NULL },
        { 0 },
};
