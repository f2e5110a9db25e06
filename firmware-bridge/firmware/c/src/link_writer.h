/* How one frame is written: CRC and COBS on the fly, no second buffer. */
#ifndef VITALSEAL_LINK_WRITER_H
#define VITALSEAL_LINK_WRITER_H

#include "vitalseal/link.h"

struct vs_link_writer {
    uint8_t *dst;
    size_t cap;
    size_t n;
    size_t block; /* where the code of the COBS block under way goes */
    size_t len;   /* bytes of the frame so far */
    uint32_t crc;
    bool open; /* the block under way takes more */
    bool full;
};

void vs_link_begin(struct vs_link_writer *w, uint8_t *dst, size_t cap, uint8_t type);
void vs_link_u8(struct vs_link_writer *w, uint8_t v);
void vs_link_u16(struct vs_link_writer *w, uint16_t v);
void vs_link_u32(struct vs_link_writer *w, uint32_t v);
void vs_link_u64(struct vs_link_writer *w, uint64_t v);
void vs_link_bytes(struct vs_link_writer *w, const void *p, size_t n);

/* Writes CRC and delimiter; the error, or VS_OK and the length in *n. */
int vs_link_end(struct vs_link_writer *w, size_t *n);

/* Reports whether n bytes of text are UTF-8 and from min to max. */
bool vs_link_text_ok(const char *s, size_t n, size_t min, size_t max);

/*
 * Turns bytes that are not UTF-8 into question marks and returns how many bytes
 * are left; if the text was cut, a character that it ends inside goes.
 */
size_t vs_link_text_repair(char *s, size_t n, bool cut);

#endif
