/* Hashes and key derivation; not installed. */
#ifndef VITALSEAL_KDF_H
#define VITALSEAL_KDF_H

#include "vitalseal/crypto.h"
#include "vitalseal/error.h"

/* Overwrites secrets where the compiler would leave them. */
void vs_wipe(void *p, size_t n);

/* Bounds the info of an expansion; all are built of parts of fixed size, the longest has 42 bytes. */
#define VS_MAX_INFO 64

/*
 * HKDF (RFC 5869) for the one shape needed: SHA-256, keys of at most 64 bytes,
 * 32 bytes of output, so that Expand is a single HMAC. VS_OK or VS_ECRYPTO.
 */
int vs_extract(const struct vs_crypto *c, const uint8_t *salt, size_t salt_len, const uint8_t ikm[VS_SECRET_SIZE],
               uint8_t prk[VS_HASH_SIZE]);
int vs_expand(const struct vs_crypto *c, const uint8_t prk[VS_HASH_SIZE], const uint8_t *info, size_t n,
              uint8_t out[VS_HASH_SIZE]);

#endif
