/*
 * Envelopes. Usage: seal_test DIR [SEED STEPS], the directory of sdk/core/seal's
 * vectors; seed and length of the random run in which everything fails that can.
 *
 * Signatures in here are not the point: the signer of these tests gives what it
 * is told to, and so the Ed25519 vectors come out whole. What is signed is held
 * by the head, its hash. The Go test verifies real ones.
 */
#include <psa/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "../src/seal.c" /* for what is static in there */
#include "seal_rig.h"

static uint8_t want[40000], payload[40000];

#define LAST_CLOCK (UINT64_C(1) << 53)

/* --- vectors ------------------------------------------------------------- */

/* The value of a field, NULL if there is none. */
static const char *field(const char *text, const char *name) {
    size_t n = strlen(name);
    const char *line = text;
    while (line != NULL && *line != 0) {
        if (strncmp(line, name, n) == 0 && line[n] == ':' && line[n + 1] == ' ') {
            return line + n + 2;
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

static size_t hex_field(const char *text, const char *name, uint8_t *to, size_t cap) {
    const char *value = field(text, name);
    return value == NULL ? 0 : unhex(value, to, cap);
}

/* Reads the head of an item: its argument; strings are passed over. */
static uint64_t item(const uint8_t **p) {
    unsigned major = **p >> 5, info = **p & 31u, size = info < 24 ? 0 : 1u << (info - 24);
    uint64_t n = size == 0 ? info : 0;
    (*p)++;
    for (; size > 0; size--) {
        n = n << 8 | *(*p)++;
    }
    if (major == 2 || major == 3) {
        *p += n;
    }
    return n;
}

/* Takes salt, suite and shift from an anchor's message. */
static void read_anchor(struct vs_sealer *s, const uint8_t *message) {
    const uint8_t *p = message + VS_MESSAGE_START;
    p += p[0] == 0x58 ? 2 : 3; /* into the payload */
    item(&p);                  /* array */
    item(&p);                  /* kind */
    item(&p);                  /* version */
    item(&p);                  /* site */
    s->boot = item(&p);
    item(&p);
    memcpy(s->salt, p - VS_SALT_SIZE, VS_SALT_SIZE);
    item(&p); /* commitment */
    s->shift = (uint8_t)item(&p);
    s->suite = (int32_t)item(&p);
}

static unsigned made;

/* Makes the message of a valid batch vector from its secret, eid, prev and seq. */
static void batch_vector(const char *dir, const char *name) {
    static uint8_t anchor[4096];
    char *text = read_file(dir, name);
    struct vs_sealer s;
    uint8_t key[64] = {0}, head[VS_HEAD_SIZE];
    size_t n, size, len = 0;
    int err;
    if (strstr(text, "expect: valid\n") != text || field(text, "payload") == NULL || field(text, "grant") != NULL) {
        free(text);
        return;
    }
    hex_field(text, "key", key, sizeof key);
    CHECK(vs_sealer_init(&s, &rig.crypto, &rig.store, (int32_t)strtol(field(text, "alg"), NULL, 10), key) == VS_OK, "%s", name);
    hex_field(text, "anchor", anchor, sizeof anchor);
    read_anchor(&s, anchor);
    CHECK(hex_field(text, "secret", s.secret, sizeof s.secret) == VS_SECRET_SIZE, "%s", name);
    hex_field(text, "eid", s.eid, sizeof s.eid);
    hex_field(text, "prev", s.head, sizeof s.head);
    hex_field(text, "head", head, sizeof head);
    s.seq = strtoull(field(text, "seq"), NULL, 10) - 1;
    CHECK(rekey(&s) == VS_OK, "%s", name);
    s.alive = true;
    n = hex_field(text, "payload", payload, sizeof payload);
    size = hex_field(text, "message", want, sizeof want);
    memcpy(rig.signature, want + size - VS_SIGNATURE_SIZE, VS_SIGNATURE_SIZE);
    err = vs_seal(&s, payload, n, out, sizeof out, &len);
    if (n > VS_MAX_PAYLOAD) { /* as the Go sealer does */
        CHECK(err == VS_EPAYLOAD, "%s: error %d", name, err);
    } else {
        CHECK(err == VS_OK && len == size && memcmp(out, want, len) == 0, "%s: error %d, %zu bytes", name, err, len);
        CHECK(memcmp(s.head, head, VS_HEAD_SIZE) == 0, "%s: head", name);
        made++;
    }
    free(text);
}

/* Compares the next message with a vector's. */
static void chain_step(struct vs_sealer *s, const char *dir, const char *name, const uint8_t *p, size_t n) {
    char *text = read_file(dir, name);
    size_t size = hex_field(text, "message", want, sizeof want), len = 0;
    int err;
    memcpy(rig.signature, want + size - VS_SIGNATURE_SIZE, VS_SIGNATURE_SIZE);
    err = vs_seal(s, p, n, out, sizeof out, &len);
    CHECK(err == VS_OK && len == size && memcmp(out, want, len) == 0, "%s: error %d, %zu bytes", name, err, len);
    free(text);
}

/* Begins the chain of anchor-psk.txt from K_dev[3] at boot 6, as a device does,
 * and seals on to message 257, past its first epoch. */
static void test_chain(const char *dir) {
    char *text = read_file(dir, "anchor-psk.txt");
    struct vs_sealer s;
    struct vs_record r = {0};
    struct vs_anchor a = an_anchor();
    uint8_t key[64] = {0};
    size_t size, len, i;
    uint32_t g;
    no_failures();
    hex_field(text, "key", key, sizeof key);
    CHECK(vs_sealer_init(&s, &rig.crypto, &rig.store, VS_ALG_ED25519, key) == VS_OK, "init");
    hex_field(text, "psk", r.key, sizeof r.key);
    for (g = 1; g <= 3; g++) {
        uint8_t next[VS_SECRET_SIZE];
        CHECK(from_psk(&s, r.key, NULL, 0, true, 0, g, next) == VS_OK, "generation %u", (unsigned)g);
        memcpy(r.key, next, sizeof next);
    }
    r.generation = 3;
    r.boot = 6;
    memcpy(r.kid, s.kid, VS_KID_SIZE);
    CHECK(vs_record_save(&r, &rig.store, &rig.crypto) == VS_OK, "record");
    hex_field(text, "salt", rig.salt, sizeof rig.salt);
    rig.fixed_salt = 1;
    size = hex_field(text, "message", want, sizeof want);
    memcpy(rig.signature, want + size - VS_SIGNATURE_SIZE, VS_SIGNATURE_SIZE);
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_OK && len == size && memcmp(out, want, len) == 0, "anchor");
    CHECK(vs_record_load(&r, &rig.store, &rig.crypto, s.kid) == VS_OK && r.boot == 7 && r.generation == 4 && r.seq == 0 &&
              memcmp(r.eid, s.eid, VS_EID_SIZE) == 0,
          "boot %u generation %u", (unsigned)r.boot, (unsigned)r.generation);
    chain_step(&s, dir, "batch-first.txt", (const uint8_t *)"heart rate 72", 13);
    for (i = 2; i <= 257; i++) {
        uint8_t p[2];
        p[0] = (uint8_t)(i >> 8);
        p[1] = (uint8_t)i;
        if (i == 2 || i >= 255) {
            char name[32];
            snprintf(name, sizeof name, "batch-seq-%zu.txt", i);
            chain_step(&s, dir, name, p, sizeof p);
        } else {
            CHECK(vs_seal(&s, p, sizeof p, out, sizeof out, &len) == VS_OK, "message %zu", i);
        }
    }
    rig.fixed_salt = 0;
    free(text);
}

/* --- room ---------------------------------------------------------------- */

static void test_every_length(void) {
    static const size_t sizes[] = {1, 7, 8, 64, 200, 230, 300, 2000};
    struct vs_sealer s;
    struct vs_anchor a = an_anchor();
    size_t cap, len, i;
    provision(&s);
    for (cap = 0; cap < VS_ANCHOR_MAX; cap++) {
        uint8_t *p = malloc(cap + 1);
        CHECK(vs_begin(&s, &a, p, cap, &len) == VS_ESPACE && len == 0, "cap %zu", cap);
        free(p);
    }
    begin_ok(&s);
    CHECK(s.boot == 1, "boot %u: a buffer that is too short took a boot number", (unsigned)s.boot);
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = vs_sealed_len(&s, sizes[i]), uses = rig.n_uses;
        uint64_t seq = s.seq;
        uint8_t *exact;
        CHECK(size <= VS_SEALED_MAX(sizes[i]), "%zu for %zu", size, sizes[i]);
        for (cap = 0; cap < size; cap++) {
            uint8_t *p = malloc(cap + 1);
            memset(p, 0x5a, cap + 1);
            CHECK(vs_seal(&s, payload, sizes[i], p, cap, &len) == VS_ESPACE && len == 0, "cap %zu of %zu", cap, size);
            CHECK(p[0] == 0x5a && memcmp(p, p + 1, cap) == 0, "cap %zu of %zu: written", cap, size);
            free(p);
        }
        CHECK(s.seq == seq && rig.n_uses == uses, "a short buffer moved the chain");
        exact = malloc(size);
        CHECK(vs_seal(&s, payload, sizes[i], exact, size, &len) == VS_OK && len == size, "%zu", size);
        free(exact);
    }
}

/* The longest anchor and the longest batch have the lengths that the header promises. */
static void test_longest(void) {
    struct vs_sealer s;
    struct vs_record r;
    struct vs_anchor a = an_anchor();
    char site[VS_MAX_SITE];
    size_t len;
    provision(&s);
    CHECK(vs_record_load(&r, &rig.store, &rig.crypto, s.kid) == VS_OK, "load");
    r.boot = UINT64_MAX - 2;
    r.generation = VS_MAX_GENERATION - 1;
    memset(r.eid, 1, sizeof r.eid);
    r.seq = VS_MAX_SEQ;
    CHECK(vs_record_save(&r, &rig.store, &rig.crypto) == VS_OK, "save");
    memset(site, 'x', sizeof site);
    a.site = site;
    a.site_len = sizeof site;
    a.shift = 32;
    a.heartbeat = UINT32_MAX;
    a.clock = LAST_CLOCK;
    a.clock_error = VS_NO_BOUND;
    memset(a.beacon, 1, sizeof a.beacon);
    a.flags = 3;
    {
        uint8_t *p = malloc(VS_ANCHOR_MAX);
        CHECK(vs_begin(&s, &a, p, VS_ANCHOR_MAX, &len) == VS_OK && len <= VS_ANCHOR_MAX && len >= VS_ANCHOR_MAX - 4, "%zu", len);
        free(p);
    }
    s.seq = VS_MAX_SEQ - 1;
    len = vs_sealed_len(&s, VS_MAX_PAYLOAD);
    CHECK(len == VS_SEALED_MAX(VS_MAX_PAYLOAD), "%zu", len);
    CHECK(vs_seal(&s, payload, VS_MAX_PAYLOAD, out, sizeof out, &len) == VS_OK, "longest");
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_EEXHAUSTED, "past 2^40-1");
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_EGENERATION, "past the last generation");
}

static void test_exhausted(void) {
    struct vs_sealer s;
    struct vs_anchor a = an_anchor();
    size_t len;
    provision(&s);
    a.shift = 1;
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_OK, "begin");
    s.seq = 2 * VS_MAX_EPOCHS - 2;
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_OK, "last of epoch 65535");
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_EEXHAUSTED && vs_sealed_len(&s, 1) == 0, "epoch 65536");
}

/* --- refusals ------------------------------------------------------------ */

static void test_anchor_range(void) {
    struct vs_sealer s;
    struct vs_anchor a[9];
    size_t i, len;
    for (i = 0; i < 9; i++) {
        a[i] = an_anchor();
    }
    a[0].site_len = 0;
    a[1].site_len = VS_MAX_SITE + 1;
    a[2].site = "\xff\xff\xff\xff\xff";
    a[3].shift = VS_MAX_SHIFT + 1;
    a[4].clock = LAST_CLOCK + 1;
    a[5].flags = 4; /* sealed at the gateway: never by a sensor */
    a[6].flags = 8;
    a[7].suite = 1;
    a[8].site = NULL;
    provision(&s);
    begin_ok(&s);
    rig.writes = 0;
    for (i = 0; i < 9; i++) {
        CHECK(vs_begin(&s, &a[i], out, sizeof out, &len) == VS_EANCHOR && len == 0, "anchor %zu", i);
    }
    CHECK(rig.writes == 0 && s.alive, "a refused anchor ended the chain");
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_OK, "goes on");
}

static void test_arguments(void) {
    struct vs_sealer s, copy;
    struct vs_anchor a = an_anchor();
    size_t len;
    provision(&s);
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_ENOCHAIN, "no chain");
    CHECK(vs_checkpoint(&s) == VS_ENOCHAIN, "no chain");
    begin_ok(&s);
    CHECK(vs_seal(&s, payload, 0, out, sizeof out, &len) == VS_EPAYLOAD, "nothing");
    CHECK(vs_seal(&s, payload, VS_MAX_PAYLOAD + 1, out, sizeof out, &len) == VS_EPAYLOAD, "too much");
    CHECK(vs_seal(&s, NULL, 1, out, sizeof out, &len) == VS_EARGUMENT, "no payload");
    CHECK(vs_seal(&s, payload, 1, NULL, sizeof out, &len) == VS_EARGUMENT, "no destination");
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, NULL) == VS_EARGUMENT, "no length");
    CHECK(vs_seal(&s, out + 10, 5, out, sizeof out, &len) == VS_EARGUMENT, "overlap");
    CHECK(vs_seal(&s, out, 100, out + 99, 1000, &len) == VS_EARGUMENT, "overlap");
    copy = s;
    CHECK(vs_seal(&copy, payload, 1, out, sizeof out, &len) == VS_ENOCHAIN, "a copy seals");
    CHECK(vs_begin(&copy, &a, out, sizeof out, &len) == VS_ENOCHAIN, "a copy begins");
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_OK, "goes on");
    vs_end(&s);
    CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_ENOCHAIN, "ended");
}

/* --- the boot record ----------------------------------------------------- */

static void test_record_damage(void) {
    struct vs_sealer s;
    struct vs_anchor a = an_anchor();
    uint8_t good[VS_RECORD_SIZE];
    size_t bit, len;
    provision(&s);
    memcpy(good, rig.record, sizeof good);
    for (bit = 0; bit < 8 * VS_RECORD_SIZE; bit++) {
        memcpy(rig.record, good, sizeof good);
        rig.record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ERECORD && len == 0, "bit %zu", bit);
    }
    memset(rig.record, 0xff, sizeof good); /* erased flash */
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ERECORD, "erased");
    memset(rig.record, 0, sizeof good);
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ERECORD, "zeros");
}

/* A record of another device, and an old one put back while the device runs. */
static void test_record_of_another(void) {
    struct vs_sealer s, other;
    struct vs_anchor a = an_anchor();
    uint8_t old[VS_RECORD_SIZE], another[64] = {1};
    size_t len;
    provision(&s);
    CHECK(vs_sealer_init(&other, &rig.crypto, &rig.store, VS_ALG_ED25519, another) == VS_OK, "init");
    CHECK(vs_begin(&other, &a, out, sizeof out, &len) == VS_ERECORD, "another device");
    begin_ok(&s);
    memcpy(old, rig.record, sizeof old);
    begin_ok(&s);
    memcpy(rig.record, old, sizeof old);
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ERECORD, "rolled back");
    CHECK(!s.alive, "alive");
}

/* Reports whether an anchor names this checkpoint; seq is below 24. */
static int names(const uint8_t *anchor, const uint8_t eid[VS_EID_SIZE], uint64_t seq, const uint8_t head[VS_HEAD_SIZE]) {
    uint8_t items[1 + 1 + VS_EID_SIZE + 1 + 1 + VS_HEAD_SIZE];
    struct vs_writer w;
    size_t i;
    vs_writer_init(&w, items, sizeof items);
    vs_put_array(&w, 3);
    vs_put_bytes(&w, eid, VS_EID_SIZE);
    vs_put_uint(&w, seq);
    vs_put_bytes(&w, head, VS_HEAD_SIZE);
    for (i = 0; i + w.len <= VS_ANCHOR_MAX; i++) {
        if (memcmp(anchor + i, items, w.len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The chain before is named: by the run that knows, by the store after an
 * orderly stop, and by its anchor alone after a power cut. */
static void test_previous(void) {
    struct vs_sealer s, t;
    struct vs_record r;
    uint8_t public[64];
    size_t len, i;
    memcpy(public, public_key, sizeof public);
    provision(&s);
    begin_ok(&s);
    for (i = 0; i < 5; i++) {
        CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_OK, "seal");
    }
    CHECK(vs_checkpoint(&s) == VS_OK, "checkpoint");
    CHECK(vs_record_load(&r, &rig.store, &rig.crypto, s.kid) == VS_OK && r.seq == 5 &&
              memcmp(r.head, s.head, VS_HEAD_SIZE) == 0,
          "seq %u", (unsigned)r.seq);
    CHECK(vs_sealer_init(&t, &rig.crypto, &rig.store, VS_ALG_ESP256, public) == VS_OK, "restart");
    begin_ok(&t);
    CHECK(names(out, s.eid, 5, s.head), "the anchor does not name where the chain before ended");
    CHECK(vs_checkpoint(&s) == VS_ERECORD, "a sealer that was left behind stores its checkpoint");
}

/* After vs_begin neither memory nor store have the key that CS_0 came from, and
 * after an epoch nothing of that before. */
static int holds(const void *p, size_t n, const uint8_t *key) {
    const uint8_t *b = p;
    size_t i;
    for (i = 0; i + VS_SECRET_SIZE <= n; i++) {
        if (memcmp(b + i, key, VS_SECRET_SIZE) == 0) {
            return 1;
        }
    }
    return 0;
}

static void test_erased(void) {
    struct vs_sealer s;
    struct vs_record r;
    uint8_t key[VS_SECRET_SIZE], secret[VS_SECRET_SIZE], content[VS_SECRET_SIZE];
    size_t len, i;
    provision(&s);
    CHECK(vs_record_load(&r, &rig.store, &rig.crypto, s.kid) == VS_OK, "load");
    memcpy(key, r.key, sizeof key);
    begin_ok(&s);
    CHECK(!holds(&s, sizeof s, key) && !holds(rig.record, sizeof rig.record, key), "the generation before is left");
    memcpy(secret, s.secret, sizeof secret);
    memcpy(content, s.key, sizeof content);
    for (i = 1; i <= 256; i++) {
        CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_OK, "seal");
    }
    CHECK(s.epoch == 1 && !holds(&s, sizeof s, secret) && !holds(&s, sizeof s, content), "the epoch before is left");
    memcpy(secret, s.secret, sizeof secret);
    vs_end(&s);
    CHECK(!holds(&s, sizeof s, secret), "vs_end leaves a secret");
}

/* --- everything fails ---------------------------------------------------- */

/* Whatever fails in vs_begin, there is no chain, no anchor, and the next one has
 * a new salt and a boot number that no anchor that left has had. */
static void test_begin_fails(void) {
    static const struct {
        int *countdown;
        int calls, err;
    } rows[] = {{&rig.fail_random, 1, VS_ERANDOM}, {&rig.fail_sign, 1, VS_ESIGN}, {&rig.fail_hash, 18, VS_ECRYPTO},
                {&rig.fail_read, 3, VS_ESTORE}, {&rig.fail_write, 2, VS_ESTORE}, {&rig.cut_write, 2, VS_ESTORE},
                {&rig.lie_write, 2, VS_ESTORE}};
    struct vs_sealer s;
    struct vs_anchor a = an_anchor();
    size_t i, len;
    int call;
    provision(&s);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (call = 0; call < rows[i].calls; call++) {
            uint8_t head[VS_HEAD_SIZE];
            uint64_t boot;
            int err;
            begin_ok(&s);
            boot = s.boot;
            memcpy(head, s.head, sizeof head);
            memset(out, 0x5a, sizeof out);
            *rows[i].countdown = call;
            err = vs_begin(&s, &a, out, sizeof out, &len);
            CHECK(err == rows[i].err && len == 0 && !s.alive, "row %zu, call %d: error %d", i, call, err);
            CHECK(out[0] == 0 && memcmp(out, out + 1, VS_ANCHOR_MAX - 1) == 0 && out[VS_ANCHOR_MAX] == 0x5a, "row %zu: not wiped", i);
            CHECK(vs_seal(&s, payload, 1, out, sizeof out, &len) == VS_ENOCHAIN, "row %zu", i);
            no_failures();
            begin_ok(&s);
            CHECK(s.boot > boot, "row %zu, call %d: boot %u after %u", i, call, (unsigned)s.boot, (unsigned)boot);
            CHECK(names(out, head, 0, head), "row %zu, call %d: the anchor names a chain that never left", i, call);
        }
    }
}

/* Whatever fails in vs_seal, nothing of the message is left, nor any key. */
static void test_seal_fails(void) {
    static const struct {
        int *countdown, err;
    } rows[] = {{&rig.fail_aead, VS_ECRYPTO}, {&rig.fail_sign, VS_ESIGN}, {&rig.fail_hash, VS_ECRYPTO}};
    struct vs_sealer s;
    size_t i, len;
    provision(&s);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t key[VS_SECRET_SIZE];
        size_t size;
        int err;
        begin_ok(&s);
        memcpy(key, s.key, sizeof key);
        size = vs_sealed_len(&s, 100);
        memset(out, 0x5a, sizeof out);
        *rows[i].countdown = 0;
        err = vs_seal(&s, payload, 100, out, sizeof out, &len);
        no_failures();
        CHECK(err == rows[i].err && len == 0 && !s.alive, "row %zu: error %d", i, err);
        CHECK(out[0] == 0 && memcmp(out, out + 1, size - 1) == 0 && out[size] == 0x5a, "row %zu: not wiped", i);
        CHECK(!holds(&s, sizeof s, key), "row %zu: the key is left", i);
        CHECK(vs_seal(&s, payload, 100, out, sizeof out, &len) == VS_ENOCHAIN, "row %zu: goes on", i);
    }
}

static void test_random_repeats(void) {
    struct vs_sealer s;
    struct vs_anchor a = an_anchor();
    size_t len;
    provision(&s);
    rig.fixed_salt = 1;
    memset(rig.salt, 0, sizeof rig.salt);
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ERANDOM, "zeros");
    memset(rig.salt, 1, sizeof rig.salt);
    begin_ok(&s);
    CHECK(vs_begin(&s, &a, out, sizeof out, &len) == VS_ERANDOM, "the same salt again");
    rig.fixed_salt = 0;
}

static int by_use(const void *a, const void *b) { return memcmp(a, b, sizeof(struct use)); }

static void check_nonces(void) {
    size_t i, again = 0;
    qsort(rig.uses, rig.n_uses, sizeof *rig.uses, by_use);
    for (i = 1; i < rig.n_uses; i++) {
        again += memcmp(&rig.uses[i - 1], &rig.uses[i], sizeof *rig.uses) == 0;
    }
    CHECK(again == 0, "%zu of %zu nonces were used again under the same key", again, rig.n_uses);
    printf("nonces %zu repeated %zu\n", rig.n_uses, again);
}

/* One random call with one random failure ahead of it. */
static void random_step(struct vs_sealer *s, uint64_t *state) {
    static int *const countdowns[] = {&rig.fail_hash, &rig.fail_aead, &rig.fail_sign, &rig.fail_random,
                                      &rig.fail_read, &rig.fail_write, &rig.cut_write, &rig.lie_write};
    struct vs_anchor a = an_anchor();
    uint64_t dice = next_random(state), seq = s->seq;
    size_t len = 1, n = (size_t)(next_random(state) % 300), room = (size_t)(next_random(state) % 500);
    int err, was_alive = s->alive;
    no_failures();
    if (dice % 4 == 0) {
        *countdowns[dice / 16 % 8] = (int)(dice / 256 % 6);
    }
    if (dice % 97 == 0) { /* power cut: only the store is left */
        err = vs_sealer_init(s, &rig.crypto, &rig.store, VS_ALG_ESP256, public_key);
        CHECK(err == VS_OK || err == VS_ECRYPTO, "init: error %d", err);
    } else if (!s->alive || dice % 31 == 0) {
        a.shift = (uint8_t)(1 + dice / 7 % 4);
        a.suite = dice / 5 % 2 == 0 ? VS_ALG_A256GCM : VS_ALG_CHACHA20_POLY1305;
        err = vs_begin(s, &a, out, room, &len);
        CHECK((err == VS_OK) == (len > 0) && (err != VS_OK || s->alive), "begin: error %d, len %zu", err, len);
    } else if (dice % 29 == 0) {
        vs_checkpoint(s);
    } else {
        err = vs_seal(s, payload, n, out, room, &len);
        CHECK((err == VS_OK) == (len > 0), "seal: error %d, len %zu", err, len);
        CHECK(err != VS_OK || (s->alive && s->seq == seq + 1), "seal: seq");
        CHECK(err < VS_ECRYPTO || !s->alive, "error %d leaves a chain", err);
        CHECK((err != VS_ESPACE && err != VS_EPAYLOAD) || (s->alive == was_alive && s->seq == seq), "error %d moves the chain", err);
    }
    if (s->self == NULL) { /* init failed */
        no_failures();
        CHECK(vs_sealer_init(s, &rig.crypto, &rig.store, VS_ALG_ESP256, public_key) == VS_OK, "init");
    }
}

static void test_random_run(uint64_t seed, unsigned long steps) {
    struct vs_sealer s;
    uint64_t state = seed * 2 + 1;
    unsigned long i;
    printf("seed %llu steps %lu\n", (unsigned long long)seed, steps);
    provision(&s);
    for (i = 0; i < steps && rig.n_uses < MAX_USES - 1 && failures == 0; i++) {
        random_step(&s, &state);
    }
    no_failures();
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 4) {
        printf("FAIL usage: seal_test DIR [SEED STEPS]\n");
        return 1;
    }
    rig_init();
    each_vector(argv[1], batch_vector);
    CHECK(made >= 10, "%u vectors", made);
    test_chain(argv[1]);
    rig.n_uses = 0; /* vectors share chains */
    test_every_length();
    test_anchor_range();
    test_arguments();
    test_record_damage();
    test_record_of_another();
    test_previous();
    test_erased();
    test_begin_fails();
    test_seal_fails();
    test_random_repeats();
    test_random_run(argc == 4 ? strtoull(argv[2], NULL, 10) : 1, argc == 4 ? strtoul(argv[3], NULL, 10) : 20000);
    check_nonces();
    rig.n_uses = 0; /* these put the sequence number forward by hand */
    test_longest();
    test_exhausted();
    printf("vectors %u failures %u\n", made, failures);
    free(rig.uses);
    mbedtls_psa_crypto_free();
    return failures != 0;
}
