/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "codec.h"

#include <errno.h>
#include <string.h>

#include "ipc.h"

int ipc_buffer_add(struct ipc_buffer *b, const void *bytes, size_t n, size_t cap) {
        if (n > cap || b->n > cap - n)
                return -ENOBUFS;

        if (b->n + n > b->allocated) {
                size_t want = b->allocated ? b->allocated : 4096;
                while (want < b->n + n)
                        want *= 2;
                char *grown = realloc(b->bytes, want);
                if (!grown)
                        return -ENOMEM;
                b->bytes = grown;
                b->allocated = want;
        }
        if (n > 0)
                memcpy(b->bytes + b->n, bytes, n);
        b->n += n;
        return 0;
}

void ipc_buffer_consume(struct ipc_buffer *b, size_t n) {
        b->n -= n;
        b->scanned = 0;
        if (b->n > 0)
                memmove(b->bytes, b->bytes + n, b->n);
        explicit_bzero(b->bytes + b->n, n); /* it may have been a one-time code */
        if (b->n > 0)
                return;
        /* A connection that once carried a document does not keep its megabytes. */
        if (b->allocated > 65536)
                ipc_buffer_clear(b);
}

void ipc_buffer_clear(struct ipc_buffer *b) {
        if (b->bytes)
                explicit_bzero(b->bytes, b->n);
        free(b->bytes);
        *b = (struct ipc_buffer){ 0 };
}

bool ipc_buffer_frame(struct ipc_buffer *b, size_t *ret_size) {
        if (b->n == b->scanned)
                return false;
        /* Only what is new is searched: a peer that sends single bytes must not cost the square of them. */
        const char *end = memchr(b->bytes + b->scanned, '\0', b->n - b->scanned);
        if (!end) {
                b->scanned = b->n;
                return false;
        }
        *ret_size = (size_t) (end - b->bytes);
        return true;
}

/* jansson recurses once per level, up to 2048 of them; what we speak has a handful. */
static bool too_deep(const char *bytes, size_t size) {
        unsigned depth = 0;
        bool in_string = false;
        for (size_t i = 0; i < size; i++) {
                char c = bytes[i];
                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"') {
                        in_string = true;
                } else if (c == '{' || c == '[') {
                        if (++depth > IPC_DEPTH_MAX)
                                return true;
                } else if ((c == '}' || c == ']') && depth > 0) {
                        depth--;
                }
        }
        return false;
}

int ipc_message_parse(const char *bytes, size_t size, json_t **ret) {
        if (too_deep(bytes, size))
                return -EBADMSG;

        json_error_t error;
        json_t *message = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(message)) {
                json_decref(message);
                return -EBADMSG;
        }
        *ret = message;
        return 0;
}

enum field_type { FIELD_STRING, FIELD_OBJECT, FIELD_BOOL };
struct field {
        const char *name;
        enum field_type type;
        void *value; /* const char **, json_t **, bool * */
};

static int field_store(const struct field *f, json_t *value) {
        switch (f->type) {
        case FIELD_STRING:
                if (!json_is_string(value))
                        return -EBADMSG;
                *(const char **) f->value = json_string_value(value);
                return 0;
        case FIELD_OBJECT:
                if (!json_is_object(value))
                        return -EBADMSG;
                *(json_t **) f->value = value;
                return 0;
        case FIELD_BOOL:
                if (!json_is_boolean(value))
                        return -EBADMSG;
                *(bool *) f->value = json_is_true(value);
                return 0;
        }
        return -EBADMSG;
}

static int fields_read(const json_t *message, const struct field *fields, size_t n) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) message, key, value) {
                size_t i = 0;
                while (i < n && strcmp(fields[i].name, key) != 0)
                        i++;
                if (i == n)
                        return -EBADMSG;
                int r = field_store(&fields[i], value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int ipc_request_read(const json_t *message, struct ipc_request *ret) {
        struct ipc_request q = { 0 };
        const struct field fields[] = {
                { "method", FIELD_STRING, &q.method }, { "parameters", FIELD_OBJECT, &q.parameters },
                { "oneway", FIELD_BOOL, &q.oneway },   { "more", FIELD_BOOL, &q.more },
                { "upgrade", FIELD_BOOL, &q.upgrade },
        };
        int r = fields_read(message, fields, sizeof fields / sizeof fields[0]);
        if (r < 0)
                return r;
        if (!q.method || (q.oneway && q.more))
                return -EBADMSG;
        *ret = q;
        return 0;
}

int ipc_response_read(const json_t *message, struct ipc_response *ret) {
        struct ipc_response p = { 0 };
        const struct field fields[] = {
                { "parameters", FIELD_OBJECT, &p.parameters },
                { "error", FIELD_STRING, &p.error },
                { "continues", FIELD_BOOL, &p.continues },
        };
        int r = fields_read(message, fields, sizeof fields / sizeof fields[0]);
        if (r < 0)
                return r;
        if (p.error && p.continues)
                return -EBADMSG;
        *ret = p;
        return 0;
}

int ipc_message_add(struct ipc_buffer *out, json_t *message, size_t cap) {
        if (!message)
                return -ENOMEM;

        CLEANUP(free_p) char *text = json_dumps(message, JSON_COMPACT);
        json_decref(message);
        if (!text)
                return -EINVAL;
        size_t size = strlen(text) + 1;
        int r = ipc_buffer_add(out, text, size, cap);
        explicit_bzero(text, size);
        return r;
}

int ipc_method_split(const char *full, size_t *ret_interface, const char **ret_method) {
        const char *dot = strrchr(full, '.');
        if (!dot || dot == full || !dot[1])
                return -EINVAL;
        *ret_interface = (size_t) (dot - full);
        *ret_method = dot + 1;
        return 0;
}
