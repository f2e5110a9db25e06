#include "vitalseal/text.h"

#include <stdint.h>

/* sequence returns the length of the character at p, 0 if there is none. */
static size_t sequence(const unsigned char *p, size_t n) {
    unsigned low = 0x80, high = 0xbf; /* of the second byte */
    size_t size, i;
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0; /* continuation, overlong, beyond U+10FFFF */
    }
    size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (size > n) {
        return 0;
    }
    switch (p[0]) {
    case 0xe0: low = 0xa0; break;  /* overlong */
    case 0xed: high = 0x9f; break; /* surrogates */
    case 0xf0: low = 0x90; break;  /* overlong */
    case 0xf4: high = 0x8f; break; /* beyond U+10FFFF */
    default: break;
    }
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (i = 2; i < size; i++) {
        if ((p[i] & 0xc0u) != 0x80) {
            return 0;
        }
    }
    return size;
}

bool vs_utf8_valid(const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    while (n > 0) {
        size_t size = sequence(p, n);
        if (size == 0) {
            return false;
        }
        p += size;
        n -= size;
    }
    return true;
}
