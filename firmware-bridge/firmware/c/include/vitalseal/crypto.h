/*
 * The only way to cryptography: four functions that the vendor supplies, or
 * adapter/psa.c does. They return 0, or anything else for a failure.
 */
#ifndef VITALSEAL_CRYPTO_H
#define VITALSEAL_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Algorithms, numbers of IANA's COSE registry. */
#define VS_ALG_ED25519 (-19)        /* RFC 9864 */
#define VS_ALG_ESP256 (-9)          /* RFC 9864: ECDSA, P-256, SHA-256 */
#define VS_ALG_CHACHA20_POLY1305 24 /* RFC 9053, section 4.3 */
#define VS_ALG_A256GCM 3            /* RFC 9053, section 4.1 */

#define VS_SIGNATURE_SIZE 64
#define VS_SECRET_SIZE 32
#define VS_HASH_SIZE 32
#define VS_NONCE_SIZE 12
#define VS_TAG_SIZE 16
#define VS_KID_SIZE 8

struct vs_crypto {
    void *context; /* handed to each function */

    /* SHA-256 of n bytes. */
    int (*sha256)(void *context, const uint8_t *in, size_t n, uint8_t out[VS_HASH_SIZE]);

    /* Writes n + 16 bytes, ciphertext and tag, to out, which overlaps nothing.
     * A suite that the part does not have is a failure. */
    int (*aead_seal)(void *context, int32_t suite, const uint8_t key[VS_SECRET_SIZE], const uint8_t nonce[VS_NONCE_SIZE],
                     const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t n, uint8_t *out);

    /* The device's signature of n bytes: Ed25519 (RFC 8032), or ECDSA over their
     * SHA-256 hash as r || s, both 32 bytes big-endian. */
    int (*sign)(void *context, const uint8_t *message, size_t n, uint8_t out[VS_SIGNATURE_SIZE]);

    /* n bytes from a cryptographic random generator. It fails rather than give
     * bytes that somebody could foretell. Where there is only a stand-in, the
     * anchor says so: VS_FLAG_WEAK_ENTROPY. */
    int (*random)(void *context, uint8_t *out, size_t n);
};

/*
 * The id of a device: the first 8 bytes of the SHA-256 thumbprint of its public
 * COSE_Key (RFC 9679). The public key has 32 bytes for Ed25519 and 64, x || y,
 * for ESP256. VS_EARGUMENT or VS_ECRYPTO.
 */
int vs_key_id(const struct vs_crypto *crypto, int32_t alg, const uint8_t *public_key, uint8_t kid[VS_KID_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
