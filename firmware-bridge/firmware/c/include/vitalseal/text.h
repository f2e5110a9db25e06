/* UTF-8, which every text on the wire has to be. */
#ifndef VITALSEAL_TEXT_H
#define VITALSEAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reports whether n bytes are UTF-8 (RFC 3629): shortest forms, no surrogates. */
bool vs_utf8_valid(const char *p, size_t n);

#ifdef __cplusplus
}
#endif

#endif
