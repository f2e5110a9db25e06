/*
 * A writer of CBOR (RFC 8949) in core deterministic encoding, section 4.2.1:
 * heads as short as they can be, definite lengths. Only what vitalseal writes.
 *
 * The error is sticky: write everything, look at err once. An item that does
 * not fit is not written at all, and neither is any after it.
 */
#ifndef VITALSEAL_CBOR_H
#define VITALSEAL_CBOR_H

#include <stddef.h>
#include <stdint.h>

#include "vitalseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vs_writer {
    uint8_t *p; /* the caller's */
    size_t cap; /* its length in bytes */
    size_t len; /* bytes written */
    int err;    /* VS_OK or VS_ESPACE */
};

void vs_writer_init(struct vs_writer *w, uint8_t *p, size_t cap);

void vs_put_uint(struct vs_writer *w, uint64_t n);
void vs_put_int(struct vs_writer *w, int64_t n);
void vs_put_bytes(struct vs_writer *w, const uint8_t *p, size_t n);
void vs_put_text(struct vs_writer *w, const char *p, size_t n); /* UTF-8, not checked here */
void vs_put_null(struct vs_writer *w);
void vs_put_tag(struct vs_writer *w, uint64_t tag); /* the item it applies to comes next */

/* Heads; the items, pairs or bytes are the caller's to write next. */
void vs_put_bytes_head(struct vs_writer *w, size_t n);
void vs_put_array(struct vs_writer *w, size_t n);
void vs_put_map(struct vs_writer *w, size_t n); /* keys in bytewise order of their encoding */

/* Bytes as they are: part of a byte string whose head is written, or an encoded item. */
void vs_put_raw(struct vs_writer *w, const uint8_t *p, size_t n);

/* Bytes, 1, 2, 3, 5 or 9, of the head of an integer, a length or a count n. */
size_t vs_head_len(uint64_t n);

#ifdef __cplusplus
}
#endif

#endif
