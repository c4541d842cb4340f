/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network rules held back. https://schema.ocsf.io/1.7.0/classes/network_activity */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/ocsf_parts.h"
#include "audit/text.h"
#include "base/cleanup.h"

static const struct ocsf_class network_activity = { 4, 4001, true };

static const struct row {
        enum audit_kind kind;
        int activity, action, disposition;
        const char *caption, *action_caption, *disposition_caption;
} rows[] = {
        { KIND_NETWORK_BLOCKED, 5, 2, 2, "Refuse", "Denied", "Blocked" },
        { KIND_NETWORK_OBSERVED, 6, 3, 17, "Traffic", "Observed", "Logged" },
};

static const struct {
        int id;
        const char *caption;
} directions[BLOCKED_DIRECTION_MAX] = {
        [BLOCKED_OUT] = { 2, "Outbound" }, [BLOCKED_IN] = { 1, "Inbound" }, [BLOCKED_FORWARD] = { 99, "forward" }
};

static json_t *number(int64_t n) {
        return n < 0 ? json_null() : json_integer(n);
}

static json_t *text(const char *s) {
        return s && *s ? text_json(s) : json_null();
}

static const char *address_text(const struct blocked *b, const uint8_t *address, char buffer[INET6_ADDRSTRLEN]) {
        if (b->family == 0)
                return NULL;
        return inet_ntop(b->family == 4 ? AF_INET : AF_INET6, address, buffer, INET6_ADDRSTRLEN);
}

static json_t *mac_text(const struct blocked *b) {
        const uint8_t *m = b->mac.octets;
        return b->has_mac ? json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
                          : json_null();
}

/* "tcp", "protocol 47", "arp", "frames of type 0x88cc", "several". */
static void protocol_text(const struct blocked *b, char *buffer, size_t size) {
        enum protocol p = blocked_protocol(b);
        if (p != PROTOCOL_INVALID)
                (void) snprintf(buffer, size, "%s", protocol_name(p));
        else if (b->has_protocol)
                (void) snprintf(buffer, size, "protocol %u", b->protocol);
        else if (b->ether_type == 0x0806)
                (void) snprintf(buffer, size, "arp");
        else if (b->ether_type != 0)
                (void) snprintf(buffer, size, "frames of type 0x%04x", b->ether_type);
        else
                (void) snprintf(buffer, size, "several");
}

static bool is_icmp(const struct blocked *b) {
        enum protocol p = blocked_protocol(b);
        return p == PROTOCOL_ICMP || p == PROTOCOL_ICMPV6;
}

/* One side of it. named: the other side's interface and MAC are not ours to say. */
static json_t *endpoint(const struct blocked *b, const uint8_t *address, bool is_destination, bool is_own) {
        char buffer[INET6_ADDRSTRLEN];
        const char *ip = address_text(b, address, buffer);
        json_t *o = json_object();
        int failed = 0;
        if (o && ip)
                ocsf_put(o, "ip", json_string(ip), &failed);
        if (o && is_destination && b->has_port && !is_icmp(b))
                ocsf_put(o, "port", json_integer(b->port), &failed);
        if (o && is_own && b->interface && *b->interface)
                ocsf_put(o, "interface_name", text_json(b->interface), &failed);
        if (o && !is_own && b->has_mac)
                ocsf_put(o, "mac", mac_text(b), &failed);
        /* The schema wants one of several names for each side. */
        if (o && json_object_size(o) == 0)
                ocsf_put(o, "name", json_string(is_own ? "this terminal" : "unknown"), &failed);
        else if (o && !ip && !is_own)
                ocsf_put(o, "name", json_string("unknown"), &failed);
        if (failed) {
                json_decref(o);
                return NULL;
        }
        return o;
}

static json_t *connection(const struct blocked *b) {
        char name[64];
        protocol_text(b, name, sizeof name);
        json_t *o = json_pack("{s:i, s:s, s:s}", "direction_id", directions[b->direction].id, "direction",
                              directions[b->direction].caption, "protocol_name", name);
        int failed = 0;
        if (o && b->has_protocol)
                ocsf_put(o, "protocol_num", json_integer(b->protocol), &failed);
        if (o && b->family != 0)
                ocsf_put(o, "protocol_ver_id", json_integer(b->family), &failed);
        if (failed) {
                json_decref(o);
                return NULL;
        }
        return o;
}

static json_t *details(const struct blocked *b) {
        char name[64], peer[INET6_ADDRSTRLEN], own[INET6_ADDRSTRLEN];
        protocol_text(b, name, sizeof name);
        json_t *what =
                json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t) b->id, "kind",
                          blocked_kind_name(b->kind), "direction", blocked_direction_name(b->direction), "protocol",
                          name, "peer", text(address_text(b, b->peer, peer)), "own", text(address_text(b, b->own, own)),
                          "port", b->has_port && !is_icmp(b) ? json_integer(b->port) : json_null(), "type",
                          b->has_port && is_icmp(b) ? json_integer(b->port) : json_null(), "mac", mac_text(b),
                          "interface", text(b->interface), "layer", text(b->layer));
        json_t *who = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "pid", number(b->pid), "uid", number(b->uid),
                                "login_uid", number(b->login_uid), "session", number(b->session), "program",
                                text(b->program), "command", text(b->command));
        json_t *much = json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t) b->count, "bytes", (json_int_t) b->bytes,
                                 "first", (json_int_t) b->first, "last", (json_int_t) b->last);
        if (!what || json_object_update(what, who) < 0 || json_object_update(what, much) < 0) {
                json_decref(what);
                what = NULL;
        }
        json_decref(who);
        json_decref(much);
        return what;
}

static void put_message(json_t *event, const struct blocked *b, enum audit_kind kind, int *failed) {
        char name[64], peer[INET6_ADDRSTRLEN], port[16] = "";
        protocol_text(b, name, sizeof name);
        const char *ip = address_text(b, b->peer, peer);
        if (b->has_port)
                (void) snprintf(port, sizeof port, "%s%u", is_icmp(b) ? " type " : " port ", b->port);
        ocsf_put_text(event, "message", failed, "%s %s%s %s %s%s%s: %" PRId64 " packets%s%s", audit_kinds[kind].name,
                      b->kind == BLOCKED_FLOW ? "" : blocked_kind_name(b->kind), b->kind == BLOCKED_FLOW ? name : "",
                      blocked_direction_name(b->direction), b->direction == BLOCKED_OUT ? "to " : "from ",
                      ip ? ip : "several", port, b->count, b->command && *b->command ? " by " : "",
                      b->command ? b->command : "");
}

json_t *audit_event_blocked(const struct audit_terminal *t, int64_t now, const struct blocked *b,
                            const struct verdict *v) {
        const struct row *row = &rows[b->observed];
        enum audit_kind kind = b->kind == BLOCKED_FLOW ? row->kind : KIND_NETWORK_STORM;
        json_t *event = ocsf_event_new(t, now, &network_activity, row->activity, row->caption, kind);
        json_t *own = ocsf_own(v->rule, reason_code(v->reason), v->policy_serial, v->explicit_rule);
        int failed = 0;
        if (event && own) {
                bool outbound = b->direction == BLOCKED_OUT;
                ocsf_put(event, "src_endpoint", endpoint(b, outbound ? b->own : b->peer, false, outbound), &failed);
                ocsf_put(event, "dst_endpoint", endpoint(b, outbound ? b->peer : b->own, true, !outbound), &failed);
                ocsf_put(event, "connection_info", connection(b), &failed);
                ocsf_put(event, "traffic", json_pack("{s:I}", "packets", (json_int_t) b->count), &failed);
                ocsf_put(event, "action_id", json_integer(row->action), &failed);
                ocsf_put(event, "action", json_string(row->action_caption), &failed);
                ocsf_put(event, "disposition_id", json_integer(row->disposition), &failed);
                ocsf_put(event, "disposition", json_string(row->disposition_caption), &failed);
                ocsf_put(event, "is_alert", json_boolean(outbound && !b->observed), &failed);
                ocsf_put(event, "policy",
                         json_pack("{s:s, s:o}", "name", "network", "version",
                                   json_sprintf("%" PRIu64, v->policy_serial)),
                         &failed);
                ocsf_put(event, "status_id", json_integer(1), &failed);
                ocsf_put(event, "status", json_string("Success"), &failed);
                if (b->uid >= 0)
                        ocsf_put(event, "actor",
                                 json_pack("{s:s, s:{s:o}}", "app_name", OCSF_PRODUCT, "user", "uid",
                                           json_sprintf("%" PRId64, b->uid)),
                                 &failed);
                put_message(event, b, kind, &failed);
                ocsf_put(own, "action", json_string(action_name(v->action)), &failed);
                ocsf_put(own, "enforce", json_boolean(!b->observed), &failed);
                ocsf_put(own, "network", details(b), &failed);
        }
        return ocsf_finish(event, own, failed);
}
