#include "kdf.h"

#include <string.h>

#include "vitalseal/cbor.h"

enum { BLOCK = 64 };

void vs_wipe(void *p, size_t n) {
    volatile uint8_t *b = (volatile uint8_t *)p;
    while (n-- > 0) {
        *b++ = 0;
    }
}

/* HMAC-SHA-256 of at most VS_MAX_INFO + 1 bytes, which the caller has put at
 * inner + BLOCK, under a key of at most 64. inner is wiped. */
static int hmac(const struct vs_crypto *c, const uint8_t *key, size_t key_len, uint8_t *inner, size_t n,
                uint8_t mac[VS_HASH_SIZE]) {
    uint8_t outer[BLOCK + VS_HASH_SIZE];
    size_t i;
    int bad;
    memset(inner, 0x36, BLOCK);
    memset(outer, 0x5c, BLOCK);
    for (i = 0; i < key_len; i++) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    bad = c->sha256(c->context, inner, BLOCK + n, outer + BLOCK);
    if (bad == 0) {
        bad = c->sha256(c->context, outer, sizeof outer, mac);
    }
    vs_wipe(inner, BLOCK + n);
    vs_wipe(outer, sizeof outer);
    return bad == 0 ? VS_OK : VS_ECRYPTO;
}

int vs_extract(const struct vs_crypto *c, const uint8_t *salt, size_t salt_len, const uint8_t ikm[VS_SECRET_SIZE],
               uint8_t prk[VS_HASH_SIZE]) {
    uint8_t inner[BLOCK + VS_SECRET_SIZE];
    memcpy(inner + BLOCK, ikm, VS_SECRET_SIZE);
    return hmac(c, salt, salt_len, inner, VS_SECRET_SIZE, prk);
}

int vs_expand(const struct vs_crypto *c, const uint8_t prk[VS_HASH_SIZE], const uint8_t *info, size_t n,
              uint8_t out[VS_HASH_SIZE]) {
    uint8_t inner[BLOCK + VS_MAX_INFO + 1];
    if (n > VS_MAX_INFO) {
        return VS_ECRYPTO; /* cannot happen: see VS_MAX_INFO */
    }
    memcpy(inner + BLOCK, info, n);
    inner[BLOCK + n] = 1;
    return hmac(c, prk, VS_HASH_SIZE, inner, n + 1, out);
}

int vs_key_id(const struct vs_crypto *crypto, int32_t alg, const uint8_t *public_key, uint8_t kid[VS_KID_SIZE]) {
    uint8_t key[80], hash[VS_HASH_SIZE];
    struct vs_writer w;
    if (crypto == NULL || public_key == NULL || kid == NULL || (alg != VS_ALG_ED25519 && alg != VS_ALG_ESP256)) {
        return VS_EARGUMENT;
    }
    vs_writer_init(&w, key, sizeof key);
    vs_put_map(&w, alg == VS_ALG_ESP256 ? 4 : 3);
    vs_put_uint(&w, 1); /* kty: EC2 or OKP */
    vs_put_uint(&w, alg == VS_ALG_ESP256 ? 2 : 1);
    vs_put_int(&w, -1); /* crv: P-256 or Ed25519 */
    vs_put_uint(&w, alg == VS_ALG_ESP256 ? 1 : 6);
    vs_put_int(&w, -2); /* x */
    vs_put_bytes(&w, public_key, 32);
    if (alg == VS_ALG_ESP256) {
        vs_put_int(&w, -3); /* y */
        vs_put_bytes(&w, public_key + 32, 32);
    }
    if (crypto->sha256(crypto->context, key, w.len, hash) != 0) {
        return VS_ECRYPTO;
    }
    memcpy(kid, hash, VS_KID_SIZE);
    return VS_OK;
}
