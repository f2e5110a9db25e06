/*
 * The boot record in flash: the power is cut in every operation at every byte,
 * and whatever the sector then holds, the record is the old one or the new one,
 * and a device that goes on has a boot number and a salt of its own.
 */
#include <psa/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "vitalseal/flash.h"
#include "vitalseal/psa.h"
#include "vitalseal/seal.h"

struct model {
    uint8_t sector[2][VS_FLASH_SLOT];
    int operations;       /* until the power is cut; negative: never */
    size_t done;          /* bytes that the cut operation reaches */
    int off, stuck;       /* no power; erasing does nothing and says it did */
    uint64_t noise;       /* what the byte under way then holds */
};

static struct model flash;

static int cut(struct model *m) { return m->operations >= 0 && m->operations-- == 0; }

static int model_read(void *context, unsigned sector, uint8_t to[VS_FLASH_SLOT]) {
    struct model *m = context;
    memcpy(to, m->sector[sector], VS_FLASH_SLOT);
    return m->off;
}

static int model_erase(void *context, unsigned sector) {
    struct model *m = context;
    if (m->off) {
        return 1;
    }
    if (cut(m)) {
        memset(m->sector[sector], 0xff, m->done);
        m->sector[sector][m->done % VS_FLASH_SLOT] |= (uint8_t)next_random(&m->noise);
        m->off = 1;
        return 1;
    }
    if (!m->stuck) {
        memset(m->sector[sector], 0xff, VS_FLASH_SLOT);
    }
    return 0;
}

static int model_program(void *context, unsigned sector, const uint8_t from[VS_FLASH_SLOT]) {
    struct model *m = context;
    size_t i, n = VS_FLASH_SLOT;
    int last = cut(m);
    if (m->off) {
        return 1;
    }
    if (last) {
        n = m->done;
        m->sector[sector][n % VS_FLASH_SLOT] &= (uint8_t)(from[n % VS_FLASH_SLOT] | next_random(&m->noise));
        m->off = 1;
    }
    for (i = 0; i < n; i++) {
        CHECK(last || m->stuck || m->sector[sector][i] == 0xff, "byte %zu is not erased", i);
        m->sector[sector][i] &= from[i];
    }
    return last;
}

static struct vs_flash seam = {&flash, model_read, model_erase, model_program};

static void power_on(void) {
    flash.off = flash.stuck = 0;
    flash.operations = -1;
}

static int found(const uint8_t *bytes) {
    unsigned s, i;
    for (s = 0; s < 2; s++) {
        for (i = 0; i + 32 <= VS_FLASH_SLOT; i++) {
            if (memcmp(flash.sector[s] + i, bytes, 32) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static void test_cuts(void) {
    struct vs_store store;
    uint8_t old[VS_RECORD_SIZE], new[VS_RECORD_SIZE], got[VS_RECORD_SIZE];
    unsigned olds = 0, news = 0;
    int operation;
    size_t done, i;
    vs_flash_store(&seam, &store);
    for (i = 0; i < VS_RECORD_SIZE; i++) {
        old[i] = (uint8_t)next_random(&flash.noise);
        new[i] = (uint8_t)next_random(&flash.noise);
    }
    for (operation = 0; operation < 3; operation++) {
        for (done = 0; done < VS_FLASH_SLOT; done++) {
            memset(flash.sector, 0xff, sizeof flash.sector);
            power_on();
            CHECK(store.read(store.context, got) != 0, "a record in erased flash");
            if (done % 2 != 0) { /* begin in the other sector */
                CHECK(store.write(store.context, new) == 0, "write");
            }
            CHECK(store.write(store.context, old) == 0, "write");
            flash.operations = operation;
            flash.done = done;
            CHECK(store.write(store.context, new) != 0, "a write that was cut says it is done");
            power_on();
            CHECK(store.read(store.context, got) == 0, "operation %d, byte %zu: no record is left", operation, done);
            olds += memcmp(got, old, sizeof got) == 0;
            news += memcmp(got, new, sizeof got) == 0;
            CHECK(olds + news == (unsigned)operation * VS_FLASH_SLOT + done + 1, "operation %d, byte %zu: neither old nor new", operation, done);
            CHECK(store.write(store.context, new) == 0 && store.read(store.context, got) == 0 && memcmp(got, new, sizeof got) == 0, "goes on");
            CHECK(!found(old + 24), "the old record can be read");
        }
    }
    printf("cuts %u: old record %u, new record %u\n", olds + news, olds, news);
}

static void test_worn_out(void) {
    struct vs_store store;
    uint8_t record[VS_RECORD_SIZE] = {1};
    power_on();
    memset(flash.sector, 0xff, sizeof flash.sector);
    vs_flash_store(&seam, &store);
    CHECK(store.write(store.context, record) == 0, "write");
    flash.stuck = 1;
    record[0] = 2;
    CHECK(store.write(store.context, record) != 0, "the old record cannot be erased, and nobody says so");
    power_on();
}

/* A device that is cut in each operation of vs_begin, at byte done, and starts again. */
static void test_device(const struct vs_crypto *crypto, const uint8_t *public_key) {
    struct vs_store store;
    struct vs_sealer s;
    struct vs_anchor a = {0};
    uint8_t record[VS_RECORD_SIZE], psk[VS_SECRET_SIZE] = {7}, out[VS_ANCHOR_MAX];
    uint64_t boot = 0;
    size_t len;
    int operation;
    a.site = "north";
    a.site_len = 5;
    power_on();
    memset(flash.sector, 0xff, sizeof flash.sector);
    vs_flash_store(&seam, &store);
    CHECK(vs_sealer_init(&s, crypto, &store, VS_ALG_ESP256, public_key) == VS_OK, "init");
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ESTORE, "begins without a record");
    CHECK(vs_record_make(crypto, s.kid, psk, record) == VS_OK && store.write(store.context, record) == 0, "provision");
    for (operation = 0; operation < 6 * 16; operation++) {
        flash.operations = operation % 6;
        flash.done = (size_t)operation;
        CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ESTORE && len == 0, "operation %d", operation);
        power_on();
        CHECK(vs_sealer_init(&s, crypto, &store, VS_ALG_ESP256, public_key) == VS_OK, "init");
        CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_OK && s.boot > boot, "operation %d: boot %u after %u", operation,
              (unsigned)s.boot, (unsigned)boot);
        boot = s.boot;
    }
}

int main(void) {
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id = 0;
    struct vs_psa psa;
    struct vs_crypto crypto;
    uint8_t public_key[64];
    flash.noise = 88172645463325252u;
    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&a, 256);
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&a, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    CHECK(psa_crypto_init() == PSA_SUCCESS && psa_generate_key(&a, &id) == PSA_SUCCESS, "PSA");
    CHECK(vs_psa_open(&psa, id, &crypto, public_key) == VS_OK, "PSA key");
    test_cuts();
    test_worn_out();
    test_device(&crypto, public_key);
    printf("failures %u\n", failures);
    mbedtls_psa_crypto_free();
    return failures != 0;
}
