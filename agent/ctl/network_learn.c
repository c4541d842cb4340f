/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proposes rules from the record. What is printed is a whole policy file, for `policy check`, a reader and a signature.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/timesource.h"
#include "learn.h"
#include "options.h"
#include "record.h"
#include "screen.h"
#include "when.h"

#define PROGRAM_MOST 100u /* bytes of a path in a note */

struct reading {
        struct learned *learned;
        bool blocked, damaged;
};

static int hear(json_t *event, const char *line, size_t size, void *userdata) {
        (void) line, (void) size;
        struct reading *r = userdata;
        r->damaged = r->damaged || !event;
        return event ? learn_add(r->learned, event, r->blocked) : 0;
}

/* ---- pieces of text; in a file, so without colour ---- */

static const char *address_text(const struct prefix *p, char buffer[INET6_ADDRSTRLEN]) {
        const char *s =
                p->family ? inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->address, buffer, INET6_ADDRSTRLEN) : NULL;
        return s ? s : "-";
}

static void day_text(int64_t msec, char buffer[40]) {
        if (time_format(msec / 1000, buffer, 40) < 0)
                buffer[0] = '\0';
        buffer[16] = '\0'; /* to the minute */
}

/* Length of the beginning of text that fits, whole characters only. */
static int fitting(const char *text, size_t most) {
        size_t n = strnlen(text, most + 1);
        if (n > most)
                for (n = most; n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80;)
                        n--;
        return (int) n;
}

/* "uid 1000; /usr/bin/curl; 12 packets, 2026-11-23T09:00 to 2026-11-27T17:00". Of what the record says, escaped as
 * there. */
static char *who_text(const struct learn_who *w) {
        char *text = NULL, first[40], last[40];
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        for (unsigned i = 0; i < w->n_uids && i < LEARN_WHO_MAX; i++)
                (void) fprintf(f, "%s%" PRId64, i ? ", " : "uid ", w->uids[i]);
        for (unsigned i = 0; i < w->n_programs && i < LEARN_WHO_MAX; i++)
                (void) fprintf(f, "%s%.*s",
                               i           ? ", "
                               : w->n_uids ? "; "
                                           : "",
                               fitting(w->programs[i], PROGRAM_MOST), w->programs[i]);
        if (w->n_programs > LEARN_WHO_MAX || w->n_uids > LEARN_WHO_MAX)
                (void) fputs(", ...", f);
        day_text(w->first, first);
        day_text(w->last, last);
        (void) fprintf(f, "%s%" PRId64 " packets, %s to %s", w->n_uids + w->n_programs ? "; " : "", w->count, first,
                       last);
        return fclose(f) == 0 ? text : NULL;
}

/* As a double-quoted scalar. The record's text holds no character that does not show. */
static void put_quoted(const char *text) {
        putchar('"');
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        putchar('\\');
                putchar(*text);
        }
        putchar('"');
}

static void put_comment(const char *text) {
        CLEANUP(free_p) char *safe = screen_text(text);
        printf("# %s\n", safe ? safe : "");
}

static void put_mac(const struct mac *m) {
        const uint8_t *o = m->octets;
        printf("%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2], o[3], o[4], o[5]);
}

/* ---- rules ---- */

static void put_rule(const struct learn_rule *r, size_t number) {
        char buffer[INET6_ADDRSTRLEN];
        CLEANUP(free_p) char *who = who_text(&r->who);
        printf("    - id: learned-%zu\n      note: ", number);
        put_quoted(who ? who : "");
        fputs("\n      to: [", stdout);
        for (size_t i = 0; i < r->n_prefixes; i++)
                printf("%s\"%s/%u\"", i ? ", " : "", address_text(&r->prefixes[i], buffer), r->prefixes[i].length);
        printf("]");
        if (r->n_hosts != r->n_prefixes)
                printf(_("  # hosts that were seen: %zu"), r->n_hosts);
        printf("\n      protocol: %s\n", protocol_name(r->protocol));
        for (size_t i = 0; i < r->n_ports; i++) {
                printf("%s%u", i ? ", " : "      ports: [", r->ports[i].first);
                if (r->ports[i].last != r->ports[i].first)
                        printf("-%u", r->ports[i].last);
        }
        if (r->n_ports > 0)
                puts("]");
        if (r->n_macs == 0 || r->n_macs > LEARN_MACS_MAX) {
                printf("      # %s\n",
                       r->n_macs ? _("next-hop: too many were seen; add the right ones")
                                 : _("next-hop: none was seen; add the MAC of the host or of its router"));
                return;
        }
        for (unsigned i = 0; i < r->n_macs; i++) {
                fputs(i ? ", " : "      next-hop: [", stdout);
                put_mac(&r->macs[i]);
        }
        puts("]");
}

/* ---- what is not proposed ---- */

static const char *const reasons[LEARN_VERDICT_MAX] = {
        [LEARN_ANSWER] = N_("answers to whom had called first"),
        [LEARN_INBOUND] = N_("from outside; write it under inbound: if it has to come in"),
        [LEARN_FORWARD] = N_("forwarded for somebody else; a terminal does not forward"),
        [LEARN_GROUP] = N_("to a group or to everybody"),
        [LEARN_PROTOCOL] = N_("of a protocol that rules have no word for"),
        [LEARN_SEARCH] = N_("so many ports of one host that it looks like a search"),
};
#define SHOWN 20u

static void put_left_out(const struct learned *l, enum learn_verdict verdict) {
        size_t n = 0;
        for (size_t i = 0; i < l->n_flows; i++) {
                const struct learn_flow *f = &l->flows[i];
                if (f->verdict != verdict || n++ >= SHOWN)
                        continue;
                if (n == 1)
                        printf("#\n# %s: %s\n", _("not proposed"), _(reasons[verdict]));
                char buffer[INET6_ADDRSTRLEN];
                const char *protocol = protocol_name(f->protocol);
                CLEANUP(free_p) char *who = who_text(&f->who), *line = NULL;
                if (asprintf(&line, "  %s %s %u: %s", protocol ? protocol : "-", address_text(&f->peer, buffer),
                             f->port, who ? who : "") >= 0)
                        put_comment(line);
        }
        if (n > SHOWN)
                printf(_("#   and others: %zu\n"), n - SHOWN);
}

static void put_head(const struct learned *l, int64_t now) {
        char issued[40] = "";
        (void) time_format(now, issued, sizeof issued);
        put_comment(
                _("A proposal from the record of this terminal: read it, take out what is not needed for work, put its "
                  "network section"));
        put_comment(_("into the fleet's policy with the next serial, and sign that. It observes until its mode says "
                      "enforce."));
        printf("sekisho: 1\n"
               "header: {fleet: proposal, serial: 1, issued: %s, expires: never, target: [all]}\n"
               "mode: enforce\n" /* whoever installs it as it is shuts other guards' doors, and opens none */
               "network:\n"
               "  mode: observe\n"
               "  default: block\n"
               "  interfaces: {allow: [",
               issued);
        for (size_t i = 0; i < l->n_interfaces; i++) {
                fputs(i ? ", " : "", stdout);
                put_quoted(l->interfaces[i]);
        }
        puts("]}");
}

static void print(const struct learned *l, int64_t now) {
        put_head(l, now);
        if (l->n_rules > 0)
                puts("  rules:");
        for (size_t i = 0; i < l->n_rules; i++)
                put_rule(&l->rules[i], i + 1);
        for (int v = LEARN_PROPOSED + 1; v < LEARN_VERDICT_MAX; v++)
                put_left_out(l, (enum learn_verdict) v);
        if (l->storms > 0)
                printf(_("#\n# packets that were only counted, so that nothing is known of them: %lld\n"),
                       (long long) l->storms);
}

/* ---- JSON ---- */

static json_t *who_json(const struct learn_who *w) {
        json_t *uids = json_array(), *programs = json_array();
        for (unsigned i = 0; i < w->n_uids && i < LEARN_WHO_MAX; i++)
                (void) json_array_append_new(uids, json_integer(w->uids[i]));
        for (unsigned i = 0; i < w->n_programs && i < LEARN_WHO_MAX; i++)
                (void) json_array_append_new(programs, json_string(w->programs[i]));
        return json_pack("{s:o, s:o, s:I, s:I, s:I}", "uids", uids, "programs", programs, "count",
                         (json_int_t) w->count, "first", (json_int_t) w->first, "last", (json_int_t) w->last);
}

static json_t *rule_json(const struct learn_rule *r) {
        json_t *to = json_array(), *ports = json_array(), *macs = json_array();
        char buffer[INET6_ADDRSTRLEN];
        for (size_t i = 0; i < r->n_prefixes; i++)
                (void) json_array_append_new(
                        to, json_sprintf("%s/%u", address_text(&r->prefixes[i], buffer), r->prefixes[i].length));
        for (size_t i = 0; i < r->n_ports; i++)
                (void) json_array_append_new(ports, json_pack("[i, i]", r->ports[i].first, r->ports[i].last));
        for (unsigned i = 0; i < r->n_macs && i < LEARN_MACS_MAX; i++) {
                const uint8_t *m = r->macs[i].octets;
                (void) json_array_append_new(
                        macs, json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]));
        }
        return json_pack("{s:o, s:s, s:o, s:o, s:I, s:o}", "to", to, "protocol", protocol_name(r->protocol), "ports",
                         ports, "next_hops", macs, "hosts", (json_int_t) r->n_hosts, "who", who_json(&r->who));
}

static json_t *left_out_json(const struct learn_flow *f) {
        static const char *const words[LEARN_VERDICT_MAX] = {
                [LEARN_ANSWER] = "answer", [LEARN_INBOUND] = "inbound",   [LEARN_FORWARD] = "forward",
                [LEARN_GROUP] = "group",   [LEARN_PROTOCOL] = "protocol", [LEARN_SEARCH] = "search"
        };
        char buffer[INET6_ADDRSTRLEN];
        return json_pack("{s:s, s:s?, s:s, s:i, s:o}", "why", words[f->verdict], "protocol", protocol_name(f->protocol),
                         "peer", address_text(&f->peer, buffer), "port", f->port, "who", who_json(&f->who));
}

static enum outcome print_json(const struct learned *l) {
        json_t *rules = json_array(), *left_out = json_array(), *interfaces = json_array();
        for (size_t i = 0; i < l->n_rules; i++)
                (void) json_array_append_new(rules, rule_json(&l->rules[i]));
        for (size_t i = 0; i < l->n_flows; i++)
                if (l->flows[i].verdict != LEARN_PROPOSED)
                        (void) json_array_append_new(left_out, left_out_json(&l->flows[i]));
        for (size_t i = 0; i < l->n_interfaces; i++)
                (void) json_array_append_new(interfaces, json_string(l->interfaces[i]));
        return screen_json(json_pack("{s:o, s:o, s:o, s:I}", "interfaces", interfaces, "rules", rules, "not_proposed",
                                     left_out, "only_counted", (json_int_t) l->storms));
}

enum outcome run_network_learn(const struct invocation *i) {
        int64_t since = INT64_MIN, now = (int64_t) time(NULL);
        const char *given = i->values[LEARN_SINCE];
        if (given && !when_since(given, now, &since)) {
                complain(_("'%s' is not understood; expected: 90s, 15min, 1h, 30d, or 2026-11-23T09:00:00+09:00."),
                         given);
                return OUTCOME_BAD;
        }
        CLEANUP(learned_clear) struct learned learned = { 0 };
        struct reading reading = { .learned = &learned, .blocked = i->values[LEARN_BLOCKED] != NULL };
        enum outcome outcome = record_read(i, since, hear, &reading);
        if (outcome != OUTCOME_YES)
                return outcome;
        int r = learn_finish(&learned);
        if (r < 0) {
                complain(_("The record cannot be read: %s."), strerror(-r));
                return OUTCOME_BAD;
        }
        if (reading.damaged)
                (void) record_print(i, NULL);
        if (learned.n_rules == 0)
                complain(reading.blocked
                                 ? _("The record holds nothing that a rule could be made of.")
                                 : _("Nothing was observed that a rule could be made of; '--blocked' also takes what "
                                     "was held back."));
        if (i->json)
                outcome = print_json(&learned);
        else if (learned.n_rules > 0)
                print(&learned, now);
        return outcome == OUTCOME_YES && learned.n_rules == 0 ? OUTCOME_NO : outcome;
}
