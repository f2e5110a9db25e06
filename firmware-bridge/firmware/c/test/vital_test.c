/*
 * The writer of CBOR and the encoder of readings. Usage: vital_test DIR, the
 * directory of sdk/core/vital's vectors. Prints "other NAME" for each valid
 * vector that has sections as no encoder of ours chooses them; the Go test holds
 * that list against the Go encoder.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "listing.h"
#include "vitalseal/cbor.h"
#include "vitalseal/text.h"

static struct listed listed;
static uint8_t out[VS_MAX_BATCH + 1000], again[VS_MAX_BATCH + 1000], want[VS_MAX_BATCH + 1000];

/* --- cbor ---------------------------------------------------------------- */

static void test_heads(void) {
    static const struct {
        uint64_t n;
        const char *hex;
    } rows[] = {/* RFC 8949, appendix A */
                {0, "00"}, {1, "01"}, {10, "0a"}, {23, "17"}, {24, "1818"}, {25, "1819"}, {100, "1864"}, {255, "18ff"},
                {256, "190100"}, {1000, "1903e8"}, {65535, "19ffff"}, {65536, "1a00010000"}, {1000000, "1a000f4240"},
                {UINT64_C(4294967295), "1affffffff"}, {UINT64_C(4294967296), "1b0000000100000000"},
                {UINT64_C(1000000000000), "1b000000e8d4a51000"}, {UINT64_MAX, "1bffffffffffffffff"}};
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vs_writer w;
        size_t n = unhex(rows[i].hex, want, sizeof want);
        vs_writer_init(&w, out, sizeof out);
        vs_put_uint(&w, rows[i].n);
        CHECK(w.len == n && memcmp(out, want, n) == 0, "%s", rows[i].hex);
        CHECK(vs_head_len(rows[i].n) == n, "%s", rows[i].hex);
    }
}

static void test_negative(void) {
    static const struct {
        int64_t n;
        const char *hex;
    } rows[] = {{-1, "20"}, {-10, "29"}, {-24, "37"}, {-25, "3818"}, {-100, "3863"}, {-1000, "3903e7"},
                {INT64_MIN, "3b7fffffffffffffff"}, {INT64_MAX, "1b7fffffffffffffff"}};
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vs_writer w;
        size_t n = unhex(rows[i].hex, want, sizeof want);
        vs_writer_init(&w, out, sizeof out);
        vs_put_int(&w, rows[i].n);
        CHECK(w.len == n && memcmp(out, want, n) == 0, "%s", rows[i].hex);
    }
}

/* An item that does not fit leaves no part of itself, and nothing comes after it. */
static void test_sticky(void) {
    size_t cap;
    for (cap = 0; cap < 8; cap++) {
        uint8_t *p = malloc(cap + 1);
        struct vs_writer w;
        p[cap] = 0x5a;
        vs_writer_init(&w, p, cap);
        vs_put_array(&w, 2);
        vs_put_text(&w, "abcdefg", 7);
        vs_put_null(&w);
        CHECK(w.err == VS_ESPACE && w.len == (cap > 0 ? 1 : 0), "cap %zu: len %zu", cap, w.len);
        CHECK(p[cap] == 0x5a, "cap %zu", cap);
        free(p);
    }
    {
        struct vs_writer w;
        vs_writer_init(&w, out, 4);
        vs_put_bytes(&w, out, SIZE_MAX);
        CHECK(w.err == VS_ESPACE && w.len == 0, "%zu", w.len);
    }
}

static void test_utf8(void) {
    static const struct {
        const char *hex;
        int valid;
    } rows[] = {{"", 1}, {"61", 1}, {"c3bc", 1}, {"e28282", 1}, {"f09f9880", 1}, {"f48fbfbf", 1}, {"ed9fbf", 1},
                {"80", 0}, {"c0af", 0}, {"c1bf", 0}, {"c3", 0}, {"c361", 0}, {"e09fbf", 0}, {"eda080", 0}, {"e282", 0},
                {"f08fbfbf", 0}, {"f4908080", 0}, {"f5808080", 0}, {"ff", 0}, {"61c3", 0}, {"f09f98", 0}};
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = unhex(rows[i].hex, want, sizeof want);
        char *exact = malloc(n + 1); /* for the sanitizer to see a read beyond */
        memcpy(exact, want, n);
        CHECK(vs_utf8_valid(exact, n) == (rows[i].valid != 0), "%s", rows[i].hex);
        free(exact);
    }
}

/* --- vectors ------------------------------------------------------------- */

static void read_listing(char *text) {
    char *line;
    listed_reset(&listed);
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        CHECK(listed_add(&listed, line), "line %.60s", line);
    }
}

/* Encodes into exactly cap bytes of heap, where the sanitizer sees any other. */
static int encode_into(size_t cap, size_t *len) {
    uint8_t *p = malloc(cap + 1);
    int err;
    p[cap] = 0x5a;
    err = vs_batch_encode(&listed.batch, p, cap, len);
    CHECK(p[cap] == 0x5a, "cap %zu", cap);
    free(p);
    return err;
}

static void check_every_length(const char *name, size_t len) {
    size_t cap, step = len > 3000 ? len / 200 : 1, n;
    for (cap = 0; cap < len; cap += step) {
        int err = encode_into(cap, &n);
        CHECK(err == VS_ESPACE && n == 0, "%s: cap %zu of %zu: error %d, len %zu", name, cap, len, err, n);
    }
    CHECK(encode_into(len - 1, &n) == VS_ESPACE, "%s", name);
    CHECK(encode_into(len, &n) == VS_OK && n == len, "%s", name);
}

/* The same waves given as 16-bit samples, where they are. */
static void check_samples16(const char *name, size_t len) {
    static int16_t narrow[LIST_SAMPLES];
    size_t i, n;
    int fit = 1;
    for (i = 0; i < listed.n_samples; i++) {
        narrow[i] = (int16_t)listed.samples[i];
        fit &= narrow[i] == listed.samples[i];
    }
    if (!fit) {
        return;
    }
    for (i = 0; i < listed.batch.n_waves; i++) {
        struct vs_wave *w = &listed.waves[i];
        w->samples16 = narrow + (w->samples32 - listed.samples);
        w->samples32 = NULL;
    }
    CHECK(vs_batch_encode(&listed.batch, again, sizeof again, &n) == VS_OK, "%s", name);
    CHECK(n == len && memcmp(again, out, n) == 0, "%s", name);
}

static unsigned compared;

static void vector(const char *dir, const char *name) {
    char *text = read_file(dir, name), *hex = strstr(text, "\n\n"), *list = NULL;
    size_t n, len;
    int err;
    if (strstr(text, "expect: valid\n") == text && hex != NULL && (list = strstr(hex + 2, "\n\n")) != NULL) {
        n = unhex(hex + 2, want, sizeof want);
        read_listing(list + 2);
        err = vs_batch_encode(&listed.batch, out, sizeof out, &len);
        CHECK(err == VS_OK, "%s: error %d", name, err);
        compared++;
        if (len != n || memcmp(out, want, n) != 0) {
            printf("other %.*s\n", (int)strlen(name) - 4, name);
        }
        check_every_length(name, len);
        check_samples16(name, len);
    }
    free(text);
}

/* --- refusals ------------------------------------------------------------ */

static void test_refusals(void) {
    static const struct {
        int err;
        const char *listing;
    } rows[] = {
        {VS_ETIME, "numeric 9007199254740992 1 1 0e0 0"},
        {VS_ETIME, "heartbeat 9007199254740992 0 0"},
        {VS_OK, "numeric 9007199254740991 1 1 0e0 0"},
        {VS_ESPAN, "numeric 0 1 1 0e0 0\nevent 4294967296 1 0 \"\""},
        {VS_OK, "numeric 0 1 1 0e0 0\nevent 4294967295 1 0 \"\""},
        {VS_EVALUE, "numeric 0 1 1 8388608e0 0"},
        {VS_EVALUE, "numeric 0 1 1 -8388607e0 1"},
        {VS_EVALUE, "numeric 0 1 1 8388607e1 4"},
        {VS_EVALUE, "numeric 0 1 1 -8388609e0 4"},
        {VS_OK, "numeric 0 1 1 -8388605e-128 0"},
        {VS_OK, "numeric 0 1 1 -8388608e0 0"},
        {VS_ENOTAVAILABLE, "numeric 0 1 1 7e0 4"},
        {VS_ENAN, "numeric 0 1 1 8388607e0 2"},
        {VS_OK, "numeric 0 1 1 8388607e0 1"},
        {VS_OK, "numeric 0 1 1 8388607e0 4"},
        {VS_ETEXT, "label xc3"},
        {VS_ETEXT, "event 0 1 0 xff"},
        {VS_ETEXT, "enumeration 0 1 1 0 xeda080"},
        {VS_ETEXT, "event 0 1 0 \"123456789012345678901234567890123456789012345678901234567890123456789012345678901\""},
        {VS_OK, "event 0 1 0 \"12345678901234567890123456789012345678901234567890123456789012345678901234567890\""},
        {VS_ERATE, "wave 0 1 1 0e0 1e0 1 0 0 0 1\nsamples 0"},
        {VS_ERATE, "wave 0 1 1 -1e0 1e0 1 0 0 0 1\nsamples 0"},
        {VS_ERATE, "wave 0 1 1 8388607e0 1e0 1 0 0 0 1\nsamples 0"},
        {VS_EFACTOR, "wave 0 1 1 1e0 8388606e0 1 0 0 0 1\nsamples 0"},
        {VS_ECOUNT, "wave 0 1 1 1e0 1e0 1 0 0 0 0\nsamples "},
        {VS_ECODING, "wave 0 1 1 1e0 1e0 1 0 0 4 1\nsamples 0"},
        {VS_ERANGE, "wave 0 1 1 1e0 1e0 1 0 0 1 1\nsamples 32768"},
        {VS_ERANGE, "wave 0 1 1 1e0 1e0 1 0 0 2 2\nsamples 0 -2049"},
        {VS_OK, "wave 0 1 1 1e0 1e0 1 0 0 2 2\nsamples 2047 -2048"},
        {VS_EALERT, "alert 0 1 3 0 0 0e0 0e0 \"\""},
        {VS_EALERT, "alert 0 1 0 4 0 0e0 0e0 \"\""},
        {VS_EALERT, "alert 0 1 0 0 3 0e0 0e0 \"\""},
        {VS_EVALUE, "alert 0 1 0 0 0 8388607e1 0e0 \"\""},
        {VS_EVALUE, "alert 0 1 0 0 0 0e0 8388608e0 \"\""},
        {VS_EEVENT, "event 0 0 0 \"\""},
        {VS_EDROP, "dropped 0 0 0 0000000000000000 0 0"},
        {VS_EDROP, "dropped 0 1 0 0000000000000000 2 1"},
    };
    size_t i, n;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[400];
        int err;
        snprintf(text, sizeof text, "%s", rows[i].listing);
        read_listing(text);
        err = vs_batch_encode(&listed.batch, out, sizeof out, &n);
        CHECK(err == rows[i].err, "%s: error %d, want %d", rows[i].listing, err, rows[i].err);
        CHECK((n == 0) == (err != VS_OK), "%s: len %zu", rows[i].listing, n);
    }
}

static void test_arguments(void) {
    struct vs_wave both;
    size_t n = 7;
    listed_reset(&listed);
    CHECK(vs_batch_encode(NULL, out, sizeof out, &n) == VS_EARGUMENT && n == 0, "no batch");
    CHECK(vs_batch_encode(&listed.batch, NULL, 0, &n) == VS_EARGUMENT, "no destination");
    CHECK(vs_batch_encode(&listed.batch, out, sizeof out, NULL) == VS_EARGUMENT, "no length");
    listed.batch.waves = NULL;
    listed.batch.n_waves = 1;
    CHECK(vs_batch_encode(&listed.batch, out, sizeof out, &n) == VS_EARGUMENT, "no waves");
    listed_reset(&listed);
    memset(&both, 0, sizeof both);
    both.rate.mantissa = 1;
    both.count = 1;
    listed.batch.waves = &both;
    listed.batch.n_waves = 1;
    CHECK(vs_batch_encode(&listed.batch, out, sizeof out, &n) == VS_EARGUMENT, "no samples");
    listed_reset(&listed);
    listed.batch.label.len = 1;
    CHECK(vs_batch_encode(&listed.batch, out, sizeof out, &n) == VS_ETEXT, "no text");
}

static void test_too_large(void) {
    size_t i, n;
    int err;
    listed_reset(&listed);
    for (i = 0; i < VS_MAX_NUMERICS; i++) {
        struct vs_numeric *x = &listed.numerics[i];
        memset(x, 0, sizeof *x);
        x->time = 1000 * i;
        x->code = 150456;
        x->mantissa = (int32_t)(i % 2) * 8000000;
    }
    listed.batch.n_numerics = VS_MAX_NUMERICS;
    err = vs_batch_encode(&listed.batch, out, sizeof out, &n);
    CHECK(err == VS_ETOOLARGE && n == 0, "error %d", err);
    listed.batch.n_numerics = VS_MAX_NUMERICS + 1;
    CHECK(vs_batch_encode(&listed.batch, out, sizeof out, &n) == VS_ETOOLARGE, "too many");
    listed.batch.n_numerics = 6000;
    err = vs_batch_encode(&listed.batch, out, sizeof out, &n);
    CHECK(err == VS_OK && n > 29000 && n <= VS_MAX_BATCH, "error %d, %zu bytes", err, n);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        printf("FAIL usage: vital_test DIR\n");
        return 1;
    }
    test_heads();
    test_negative();
    test_sticky();
    test_utf8();
    each_vector(argv[1], vector);
    CHECK(compared > 10, "%u vectors", compared);
    test_refusals();
    test_arguments();
    test_too_large();
    printf("vectors %u failures %u\n", compared, failures);
    return failures != 0;
}
