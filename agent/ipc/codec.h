/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames and messages of Varlink, without any connection: bytes in, typed request or reply out. Private to agent/ipc.
 * Source: varlink.org "Protocol": each message is one JSON object followed by a NUL byte.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that arrived and are not consumed, or that wait to be sent. Zero-initialise; free with ipc_buffer_clear(). */
struct ipc_buffer {
        char *bytes;
        size_t n, allocated;
        size_t scanned; /* bytes[0..scanned) hold no NUL */
};

/* 0; -ENOBUFS: would hold more than cap bytes; -ENOMEM. On failure nothing has changed. */
int ipc_buffer_add(struct ipc_buffer *b, const void *bytes, size_t n, size_t cap);
void ipc_buffer_consume(struct ipc_buffer *b, size_t n);
void ipc_buffer_clear(struct ipc_buffer *b);

/* True when a whole frame is at the front; *ret_size: its bytes without the NUL. */
bool ipc_buffer_frame(struct ipc_buffer *b, size_t *ret_size);

/* One message. *ret: new reference to an object.
 * 0; -EBADMSG: not JSON, not an object, a key twice, deeper than IPC_DEPTH_MAX, invalid UTF-8; -ENOMEM is not told
 * apart. */
int ipc_message_parse(const char *bytes, size_t size, json_t **ret);

struct ipc_request {
        const char *method; /* borrowed from the message */
        json_t *parameters; /* borrowed, NULL if absent */
        bool oneway, more, upgrade;
};

/* 0; -EBADMSG: a field is missing, has the wrong type, is unknown, or oneway and more are both set. */
int ipc_request_read(const json_t *message, struct ipc_request *ret);

struct ipc_response {
        const char *error;  /* borrowed, NULL if it is a reply */
        json_t *parameters; /* borrowed, NULL if absent */
        bool continues;
};

/* 0 or -EBADMSG. */
int ipc_response_read(const json_t *message, struct ipc_response *ret);

/* Appends message and its NUL to out. message: stolen, NULL = out of memory.
 * 0; -ENOBUFS: out would grow over cap; -ENOMEM; -EINVAL: cannot be written as JSON. */
int ipc_message_add(struct ipc_buffer *out, json_t *message, size_t cap);

/* "org.example.Interface.Method" at its last dot. *ret_interface: length of the interface's name; *ret_method:
 * borrowed. 0 or -EINVAL: not <interface>.<Method>. */
int ipc_method_split(const char *full, size_t *ret_interface, const char **ret_method);
