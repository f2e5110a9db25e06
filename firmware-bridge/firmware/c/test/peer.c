/*
 * A device that does what lines on its standard input say, for tests that hold
 * it against the Go packages. It answers each command with one line, "ok" and
 * hex, or "error" and the number.
 *
 *   encode              then a listing's lines, then "end": the payload
 *   device ALG PSK [PUBLIC]   a new device; its public key. Without PUBLIC, PSA
 *                       makes an ES256 key. With it, the key is the tester's:
 *                       "sign HEX" is printed, the answer is the signature.
 *   restart             the device starts again; its store is what it was
 *   begin SUITE SHIFT CLOCK ERROR BEACON HEARTBEAT FLAGS SITE   an anchor
 *   seal HEX            a batch
 *   checkpoint
 */
#include <psa/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "listing.h"
#include "vitalseal/psa.h"
#include "vitalseal/seal.h"

enum { LINE = 1 << 20 };

static char line[LINE];
static uint8_t out[VS_SEALED_MAX(VS_MAX_PAYLOAD)], in[LINE / 2];
static struct listed listed;

static struct vs_psa psa;
static struct vs_crypto crypto, external;
static struct vs_sealer sealer;
static uint8_t record[VS_RECORD_SIZE], public_key[64];
static int32_t alg;

static int read_line(void) {
    size_t n;
    if (fgets(line, sizeof line, stdin) == NULL) {
        return 0;
    }
    n = strlen(line);
    if (n > 0 && line[n - 1] == '\n') {
        line[n - 1] = 0;
    }
    return 1;
}

static void answer(int err, const uint8_t *p, size_t n) {
    if (err != VS_OK) {
        printf("error %d\n", err);
    } else {
        printf("ok ");
        put_hex(p, n);
        printf("\n");
    }
    fflush(stdout);
}

static int read_record(void *context, uint8_t to[VS_RECORD_SIZE]) {
    (void)context;
    memcpy(to, record, VS_RECORD_SIZE);
    return 0;
}

static int write_record(void *context, const uint8_t from[VS_RECORD_SIZE]) {
    (void)context;
    memcpy(record, from, VS_RECORD_SIZE);
    return 0;
}

static const struct vs_store store = {NULL, read_record, write_record};

/* The tester signs. */
static int sign(void *context, const uint8_t *message, size_t n, uint8_t signature[VS_SIGNATURE_SIZE]) {
    (void)context;
    printf("sign ");
    put_hex(message, n);
    printf("\n");
    fflush(stdout);
    return !read_line() || unhex(line, signature, VS_SIGNATURE_SIZE) != VS_SIGNATURE_SIZE;
}

static int make_key(void) {
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id = 0;
    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&a, 256);
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&a, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    psa_destroy_key(psa.key); /* of the device before; 0 is none */
    if (psa_generate_key(&a, &id) != PSA_SUCCESS) {
        return VS_ECRYPTO;
    }
    return vs_psa_open(&psa, id, &crypto, public_key);
}

static const struct vs_crypto *seam(void) { return alg == VS_ALG_ED25519 ? &external : &crypto; }

static int device(void) {
    char psk_hex[65] = "", public_hex[65] = "";
    uint8_t psk[VS_SECRET_SIZE];
    int number = 0, err;
    sscanf(line, "device %d %64s %64s", &number, psk_hex, public_hex);
    alg = number;
    err = alg == VS_ALG_ED25519 && psa.key != 0 ? VS_OK : make_key(); /* what else PSA gives needs one key, once */
    external = crypto;
    external.sign = sign;
    if (alg == VS_ALG_ED25519) {
        unhex(public_hex, public_key, sizeof public_key);
    }
    if (err == VS_OK && unhex(psk_hex, psk, sizeof psk) != sizeof psk) {
        err = VS_EARGUMENT;
    }
    if (err == VS_OK) {
        err = vs_sealer_init(&sealer, seam(), &store, alg, public_key);
    }
    return err == VS_OK ? vs_record_make(&crypto, sealer.kid, psk, record) : err;
}

static int begin(size_t *n) {
    struct vs_anchor a;
    char beacon[33] = "", site[65] = "";
    int suite = 0, shift = 0;
    unsigned long long clock = 0;
    unsigned error = 0, heartbeat = 0, flags = 0;
    memset(&a, 0, sizeof a);
    sscanf(line, "begin %d %d %llu %u %32s %u %u %64s", &suite, &shift, &clock, &error, beacon, &heartbeat, &flags, site);
    a.suite = suite;
    a.shift = (uint8_t)shift;
    a.clock = clock;
    a.clock_error = error;
    a.heartbeat = heartbeat;
    a.flags = flags;
    a.site = site;
    a.site_len = strlen(site);
    unhex(beacon, a.beacon, sizeof a.beacon);
    return vs_begin(&sealer, &a, out, sizeof out, n);
}

/* A batch in as many bytes of heap as it takes, where the sanitizer sees any more. */
static int seal(const char *hex, size_t *n) {
    size_t size = unhex(hex, in, sizeof in), room = vs_sealed_len(&sealer, size);
    uint8_t *exact = malloc(room + 1);
    int err = vs_seal(&sealer, in, size, exact, room, n);
    if (err == VS_OK) {
        memcpy(out, exact, *n);
    }
    free(exact);
    return err;
}

static int encode(size_t *n) {
    int err;
    listed_reset(&listed);
    while (read_line() && strcmp(line, "end") != 0) {
        if (!listed_add(&listed, line)) {
            printf("FAIL line %.100s\n", line);
            exit(1);
        }
    }
    err = vs_batch_encode(&listed.batch, out, sizeof out, n);
    if (err == VS_OK) {
        uint8_t *exact = malloc(*n);
        size_t again;
        CHECK(vs_batch_encode(&listed.batch, exact, *n, &again) == VS_OK && again == *n && memcmp(exact, out, *n) == 0, "again");
        CHECK(vs_batch_encode(&listed.batch, exact, *n - 1, &again) == VS_ESPACE && again == 0, "one byte short");
        free(exact);
    }
    return err;
}

static int is(const char *command) { return strncmp(line, command, strlen(command)) == 0; }

int main(void) {
    if (psa_crypto_init() != PSA_SUCCESS) {
        printf("FAIL PSA\n");
        return 1;
    }
    while (read_line()) {
        size_t n = 0;
        if (is("encode")) {
            int err = encode(&n);
            answer(err, out, n);
        } else if (is("device ")) {
            int err = device();
            answer(err, public_key, alg == VS_ALG_ED25519 ? 32 : 64);
        } else if (is("restart")) {
            answer(vs_sealer_init(&sealer, seam(), &store, alg, public_key), out, 0);
        } else if (is("begin ")) {
            int err = begin(&n);
            answer(err, out, n);
        } else if (is("seal ")) {
            int err = seal(line + 5, &n);
            answer(err, out, n);
        } else if (is("checkpoint")) {
            answer(vs_checkpoint(&sealer), out, 0);
        } else {
            printf("FAIL command %.100s\n", line);
            return 1;
        }
    }
    mbedtls_psa_crypto_free();
    return failures != 0;
}
