/* Frames of the link: CRC-32C, COBS, the writer and the push decoder. */
#include "vitalseal/link.h"

#include "link_writer.h"

/* --- CRC-32C (Castagnoli), reflected ------------------------------------- */

/* Half a byte at a time: 64 bytes of flash in place of 1,024. */
static const uint32_t crc_table[16] = {
    0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u, 0x417b1dbcu, 0x5125dad3u,
    0x61c69362u, 0x7198540du, 0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
    0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
};

uint32_t vs_link_crc32c(uint32_t crc, const uint8_t *p, size_t n) {
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ crc_table[crc & 15u];
        crc = (crc >> 4) ^ crc_table[crc & 15u];
    }
    return ~crc;
}

/* --- writer -------------------------------------------------------------- */

static void raw(struct vs_link_writer *w, uint8_t b) {
    if (w->n < w->cap) {
        w->dst[w->n++] = b;
    } else {
        w->full = true;
    }
}

/* Closes the block under way: its code is the distance to its end. */
static void close_block(struct vs_link_writer *w) {
    if (!w->full) {
        w->dst[w->block] = (uint8_t)(w->n - w->block);
    }
}

static void open_block(struct vs_link_writer *w) {
    w->block = w->n;
    w->open = true;
    raw(w, 0);
}

/*
 * Writes one byte of the frame. A block that holds 254 bytes is closed, and the
 * next one is opened only when another byte comes: nothing follows a full block
 * at the end of a frame.
 */
static void stuff(struct vs_link_writer *w, uint8_t b) {
    if (!w->open) {
        open_block(w);
    }
    if (b == 0) {
        close_block(w);
        open_block(w);
        return;
    }
    raw(w, b);
    if (w->n - w->block == 255) {
        close_block(w);
        w->open = false;
    }
}

void vs_link_begin(struct vs_link_writer *w, uint8_t *dst, size_t cap, uint8_t type) {
    *w = (struct vs_link_writer){.dst = dst, .cap = cap};
    raw(w, 0);
    open_block(w);
    vs_link_u8(w, type);
}

void vs_link_u8(struct vs_link_writer *w, uint8_t v) {
    w->crc = vs_link_crc32c(w->crc, &v, 1);
    w->len++;
    stuff(w, v);
}

void vs_link_u16(struct vs_link_writer *w, uint16_t v) {
    vs_link_u8(w, (uint8_t)(v >> 8));
    vs_link_u8(w, (uint8_t)v);
}

void vs_link_u32(struct vs_link_writer *w, uint32_t v) {
    vs_link_u16(w, (uint16_t)(v >> 16));
    vs_link_u16(w, (uint16_t)v);
}

void vs_link_u64(struct vs_link_writer *w, uint64_t v) {
    vs_link_u32(w, (uint32_t)(v >> 32));
    vs_link_u32(w, (uint32_t)v);
}

void vs_link_bytes(struct vs_link_writer *w, const void *p, size_t n) {
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        vs_link_u8(w, b[i]);
    }
}

int vs_link_end(struct vs_link_writer *w, size_t *n) {
    const uint32_t crc = w->crc;
    *n = 0;
    if (w->len > VS_LINK_MAX_FRAME - VS_LINK_CRC_SIZE) {
        return VS_ETOOLARGE;
    }
    stuff(w, (uint8_t)(crc >> 24));
    stuff(w, (uint8_t)(crc >> 16));
    stuff(w, (uint8_t)(crc >> 8));
    stuff(w, (uint8_t)crc);
    if (w->open) {
        close_block(w);
    }
    raw(w, 0);
    if (w->full) {
        return VS_ESPACE;
    }
    *n = w->n;
    return VS_OK;
}

int vs_link_put_frame(uint8_t *dst, size_t cap, const uint8_t *frame, size_t len, size_t *n) {
    struct vs_link_writer w;
    *n = 0;
    if (dst == NULL || frame == NULL || len == 0) {
        return VS_EARGUMENT;
    }
    if (len > VS_LINK_MAX_FRAME - VS_LINK_CRC_SIZE) {
        return VS_ETOOLARGE;
    }
    vs_link_begin(&w, dst, cap, frame[0]);
    vs_link_bytes(&w, frame + 1, len - 1);
    return vs_link_end(&w, n);
}

/* --- decoder ------------------------------------------------------------- */

void vs_link_decoder_init(struct vs_link_decoder *d, uint8_t *buf, size_t size) {
    *d = (struct vs_link_decoder){.buf = buf, .size = size};
}

static void restart(struct vs_link_decoder *d) {
    d->n = 0;
    d->code = 0;
    d->left = 0;
    d->over = false;
}

static void keep(struct vs_link_decoder *d, uint8_t b) {
    if (d->n < d->size) {
        d->buf[d->n++] = b;
    } else {
        d->over = true;
    }
}

static void unstuff(struct vs_link_decoder *d, uint8_t b) {
    if (d->over) {
        return;
    }
    if (d->left > 0) {
        d->left--;
        keep(d, b);
        return;
    }
    if (d->code != 0 && d->code != 255) {
        keep(d, 0);
    }
    d->code = b;
    d->left = (uint8_t)(b - 1);
}

/* Judges what came between two delimiters. */
static bool good(const struct vs_link_decoder *d) {
    if (d->over || d->left > 0 || d->n <= VS_LINK_CRC_SIZE) {
        return false;
    }
    const uint8_t *c = d->buf + d->n - VS_LINK_CRC_SIZE;
    const uint32_t want = (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 | (uint32_t)c[2] << 8 | c[3];
    return vs_link_crc32c(0, d->buf, d->n - VS_LINK_CRC_SIZE) == want;
}

size_t vs_link_decode(struct vs_link_decoder *d, const uint8_t *p, size_t n, const uint8_t **frame,
                      size_t *len) {
    *frame = NULL;
    *len = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            unstuff(d, p[i]);
            continue;
        }
        if (d->code == 0) {
            continue; /* runs of delimiters mean nothing */
        }
        if (good(d)) {
            d->good++;
            *frame = d->buf;
            *len = d->n - VS_LINK_CRC_SIZE;
        } else {
            d->bad++;
        }
        restart(d);
        if (*frame != NULL) {
            return i + 1;
        }
    }
    return n;
}
