/*
 * The crypto seam over the PSA Crypto API: ES256 (ESP256), ChaCha20-Poly1305 and
 * AES-256-GCM, SHA-256, and the platform's random generator. Tested with Mbed
 * TLS 2.28; the device key may be in a secure element or behind TF-M, since it
 * is only ever named.
 */
#ifndef VITALSEAL_PSA_H
#define VITALSEAL_PSA_H

#include <psa/crypto.h>
#include <stdint.h>

#include "vitalseal/crypto.h"
#include "vitalseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vs_psa {
    psa_key_id_t key; /* the device's: P-256 pair, may sign messages with ECDSA and SHA-256 */
};

/*
 * Fills in crypto, which uses p from then on, and gives the device's public key,
 * x || y, as vs_sealer_init takes it. Call psa_crypto_init before. VS_EARGUMENT,
 * or VS_ECRYPTO when the key is no P-256 pair.
 */
int vs_psa_open(struct vs_psa *p, psa_key_id_t key, struct vs_crypto *crypto, uint8_t public_key[64]);

#ifdef __cplusplus
}
#endif

#endif
