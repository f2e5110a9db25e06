#include "vitalseal/cbor.h"

#include <string.h>

/* Major types of RFC 8949, section 3.1, in the upper three bits of a head. */
enum {
    MAJOR_UINT = 0 << 5,
    MAJOR_NEGINT = 1 << 5,
    MAJOR_BYTES = 2 << 5,
    MAJOR_TEXT = 3 << 5,
    MAJOR_ARRAY = 4 << 5,
    MAJOR_MAP = 5 << 5,
    MAJOR_TAG = 6 << 5,
    SIMPLE_NULL = (7 << 5) | 22
};

void vs_writer_init(struct vs_writer *w, uint8_t *p, size_t cap) {
    w->p = p;
    w->cap = cap;
    w->len = 0;
    w->err = VS_OK;
}

/* room reports whether n more bytes fit, and makes the error stick if not. */
static int room(struct vs_writer *w, size_t n) {
    if (w->err == VS_OK && n > w->cap - w->len) {
        w->err = VS_ESPACE;
    }
    return w->err == VS_OK;
}

size_t vs_head_len(uint64_t n) {
    if (n < 24) {
        return 1;
    }
    if (n <= 0xff) {
        return 2;
    }
    if (n <= 0xffff) {
        return 3;
    }
    return n <= 0xffffffffu ? 5 : 9;
}

/* head writes a head that is followed by more bytes, for which there must be room as well. */
static int head(struct vs_writer *w, unsigned major, uint64_t n, size_t more) {
    size_t size = vs_head_len(n), i;
    if (more > SIZE_MAX - size || !room(w, size + more)) {
        w->err = VS_ESPACE;
        return 0;
    }
    if (size == 1) {
        w->p[w->len++] = (uint8_t)(major | (unsigned)n);
        return 1;
    }
    w->p[w->len++] = (uint8_t)(major | (size == 2 ? 24u : size == 3 ? 25u : size == 5 ? 26u : 27u));
    for (i = size - 1; i > 0; i--) {
        w->p[w->len++] = (uint8_t)(n >> (8 * (i - 1)));
    }
    return 1;
}

void vs_put_raw(struct vs_writer *w, const uint8_t *p, size_t n) {
    if (room(w, n) && n > 0) {
        memcpy(w->p + w->len, p, n);
        w->len += n;
    }
}

void vs_put_uint(struct vs_writer *w, uint64_t n) { head(w, MAJOR_UINT, n, 0); }

void vs_put_int(struct vs_writer *w, int64_t n) {
    if (n < 0) {
        head(w, MAJOR_NEGINT, (uint64_t)(-(n + 1)), 0);
    } else {
        head(w, MAJOR_UINT, (uint64_t)n, 0);
    }
}

void vs_put_bytes(struct vs_writer *w, const uint8_t *p, size_t n) {
    if (head(w, MAJOR_BYTES, n, n)) {
        vs_put_raw(w, p, n);
    }
}

void vs_put_text(struct vs_writer *w, const char *p, size_t n) {
    if (head(w, MAJOR_TEXT, n, n)) {
        vs_put_raw(w, (const uint8_t *)p, n);
    }
}

void vs_put_null(struct vs_writer *w) {
    if (room(w, 1)) {
        w->p[w->len++] = SIMPLE_NULL;
    }
}

void vs_put_bytes_head(struct vs_writer *w, size_t n) { head(w, MAJOR_BYTES, n, 0); }
void vs_put_array(struct vs_writer *w, size_t n) { head(w, MAJOR_ARRAY, n, 0); }
void vs_put_map(struct vs_writer *w, size_t n) { head(w, MAJOR_MAP, n, 0); }
void vs_put_tag(struct vs_writer *w, uint64_t tag) { head(w, MAJOR_TAG, tag, 0); }
