#include "seal_rig.h"

#include <psa/crypto.h>

struct rig rig;
uint8_t public_key[64];
uint8_t out[40000];

static int fails(int *countdown) { return *countdown >= 0 && (*countdown)-- == 0; }

static int rig_sha256(void *context, const uint8_t *in, size_t n, uint8_t hash[VS_HASH_SIZE]) {
    struct rig *r = context;
    return fails(&r->fail_hash) || r->psa.sha256(r->psa.context, in, n, hash);
}

/* Notes the key and nonce before anything can fail: a power cut or a glitch may
 * have let the ciphertext out. */
static int rig_aead(void *context, int32_t suite, const uint8_t key[VS_SECRET_SIZE], const uint8_t nonce[VS_NONCE_SIZE],
                    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t n, uint8_t *to) {
    struct rig *r = context;
    struct use *u = &r->uses[r->n_uses];
    int err;
    if (r->n_uses == MAX_USES) {
        printf("FAIL too many messages for the test\n");
        exit(1);
    }
    memcpy(u->key, key, sizeof u->key);
    memcpy(u->nonce, nonce, sizeof u->nonce);
    r->n_uses++;
    err = r->psa.aead_seal(r->psa.context, suite, key, nonce, aad, aad_len, in, n, to);
    return fails(&r->fail_aead) || err;
}

static int rig_sign(void *context, const uint8_t *message, size_t n, uint8_t signature[VS_SIGNATURE_SIZE]) {
    struct rig *r = context;
    (void)message;
    (void)n;
    memcpy(signature, r->signature, sizeof r->signature);
    return fails(&r->fail_sign);
}

static int rig_random(void *context, uint8_t *to, size_t n) {
    struct rig *r = context;
    if (r->fixed_salt) {
        memcpy(to, r->salt, n);
        return fails(&r->fail_random);
    }
    return fails(&r->fail_random) || r->psa.random(r->psa.context, to, n);
}

static int rig_read(void *context, uint8_t record[VS_RECORD_SIZE]) {
    struct rig *r = context;
    memcpy(record, r->record, VS_RECORD_SIZE);
    return fails(&r->fail_read);
}

/* Fails without having written, after having written, or writes nothing and says it did. */
static int rig_write(void *context, const uint8_t record[VS_RECORD_SIZE]) {
    struct rig *r = context;
    r->writes++;
    if (fails(&r->fail_write)) {
        return 1;
    }
    if (fails(&r->lie_write)) {
        return 0;
    }
    memcpy(r->record, record, VS_RECORD_SIZE);
    return fails(&r->cut_write);
}

void no_failures(void) {
    rig.fail_hash = rig.fail_aead = rig.fail_sign = rig.fail_random = -1;
    rig.fail_read = rig.fail_write = rig.cut_write = rig.lie_write = -1;
}

void rig_init(void) {
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id = 0;
    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&a, 256);
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&a, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    CHECK(psa_crypto_init() == PSA_SUCCESS && psa_generate_key(&a, &id) == PSA_SUCCESS, "PSA");
    CHECK(vs_psa_open(&rig.device, id, &rig.psa, public_key) == VS_OK, "PSA key");
    rig.crypto.context = &rig;
    rig.crypto.sha256 = rig_sha256;
    rig.crypto.aead_seal = rig_aead;
    rig.crypto.sign = rig_sign;
    rig.crypto.random = rig_random;
    rig.store.context = &rig;
    rig.store.read = rig_read;
    rig.store.write = rig_write;
    rig.uses = calloc(MAX_USES, sizeof *rig.uses);
    no_failures();
}

void provision(struct vs_sealer *s) {
    uint8_t psk[VS_SECRET_SIZE];
    no_failures();
    rig.fixed_salt = 0;
    CHECK(vs_sealer_init(s, &rig.crypto, &rig.store, VS_ALG_ESP256, public_key) == VS_OK, "init");
    CHECK(rig.psa.random(rig.psa.context, psk, sizeof psk) == 0, "random");
    CHECK(vs_record_make(&rig.crypto, s->kid, psk, rig.record) == VS_OK, "record");
    CHECK(psk[0] == 0 && memcmp(psk, psk + 1, sizeof psk - 1) == 0, "the key is left behind");
}

struct vs_anchor an_anchor(void) {
    struct vs_anchor a = {0};
    a.site = "north";
    a.site_len = 5;
    a.heartbeat = 30000;
    return a;
}

void begin_ok(struct vs_sealer *s) {
    struct vs_anchor a = an_anchor();
    size_t len;
    int err = vs_begin(s, &a, out, sizeof out, &len);
    CHECK(err == VS_OK, "error %d", err);
}
