#include "vitalseal/psa.h"

#include <string.h>

#define ECDSA PSA_ALG_ECDSA(PSA_ALG_SHA_256)

static int sha256(void *context, const uint8_t *in, size_t n, uint8_t out[VS_HASH_SIZE]) {
    size_t len = 0;
    (void)context;
    return psa_hash_compute(PSA_ALG_SHA_256, in, n, out, VS_HASH_SIZE, &len) != PSA_SUCCESS || len != VS_HASH_SIZE;
}

/* Gives the content key to PSA for one message: it lives in the sealer, and
 * changes with each epoch. */
static int import_key(int32_t suite, const uint8_t key[VS_SECRET_SIZE], psa_algorithm_t *alg, psa_key_id_t *id) {
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_status_t status;
    switch (suite) {
    case VS_ALG_CHACHA20_POLY1305:
        *alg = PSA_ALG_CHACHA20_POLY1305;
        psa_set_key_type(&attributes, PSA_KEY_TYPE_CHACHA20);
        break;
    case VS_ALG_A256GCM:
        *alg = PSA_ALG_GCM;
        psa_set_key_type(&attributes, PSA_KEY_TYPE_AES);
        break;
    default:
        return 1;
    }
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_ENCRYPT);
    psa_set_key_algorithm(&attributes, *alg);
    status = psa_import_key(&attributes, key, VS_SECRET_SIZE, id);
    psa_reset_key_attributes(&attributes);
    return status != PSA_SUCCESS;
}

static int aead_seal(void *context, int32_t suite, const uint8_t key[VS_SECRET_SIZE], const uint8_t nonce[VS_NONCE_SIZE],
                     const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t n, uint8_t *out) {
    psa_algorithm_t alg;
    psa_key_id_t id;
    psa_status_t status, destroyed;
    size_t len = 0;
    (void)context;
    if (import_key(suite, key, &alg, &id) != 0) {
        return 1;
    }
    status = psa_aead_encrypt(id, alg, nonce, VS_NONCE_SIZE, aad, aad_len, in, n, out, n + VS_TAG_SIZE, &len);
    destroyed = psa_destroy_key(id);
    return status != PSA_SUCCESS || destroyed != PSA_SUCCESS || len != n + VS_TAG_SIZE;
}

static int sign(void *context, const uint8_t *message, size_t n, uint8_t out[VS_SIGNATURE_SIZE]) {
    const struct vs_psa *p = (const struct vs_psa *)context;
    size_t len = 0;
    return psa_sign_message(p->key, ECDSA, message, n, out, VS_SIGNATURE_SIZE, &len) != PSA_SUCCESS ||
           len != VS_SIGNATURE_SIZE;
}

static int random_bytes(void *context, uint8_t *out, size_t n) {
    (void)context;
    return psa_generate_random(out, n) != PSA_SUCCESS;
}

int vs_psa_open(struct vs_psa *p, psa_key_id_t key, struct vs_crypto *crypto, uint8_t public_key[64]) {
    uint8_t point[65]; /* 4, x, y */
    size_t len = 0;
    if (p == NULL || crypto == NULL || public_key == NULL) {
        return VS_EARGUMENT;
    }
    if (psa_export_public_key(key, point, sizeof point, &len) != PSA_SUCCESS || len != sizeof point || point[0] != 4) {
        return VS_ECRYPTO;
    }
    memcpy(public_key, point + 1, 64);
    p->key = key;
    crypto->context = p;
    crypto->sha256 = sha256;
    crypto->aead_seal = aead_seal;
    crypto->sign = sign;
    crypto->random = random_bytes;
    return VS_OK;
}
