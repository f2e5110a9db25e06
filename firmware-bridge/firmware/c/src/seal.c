/*
 * Chains of sealed batches. A message and the bytes that are signed differ in
 * what stands around their payload only, so both are made in the caller's
 * buffer, one after the other:
 *
 *   signed   84 6a "Signature1"  protected  44 "VSE1"  payload
 *   message  d2 84               protected  a0         payload  58 40 signature
 */
#include "vitalseal/seal.h"

#include <string.h>

#include "envelope.h"
#include "kdf.h"
#include "record.h"
#include "vitalseal/cbor.h"

int vs_sealer_init(struct vs_sealer *s, const struct vs_crypto *crypto, const struct vs_store *store, int32_t alg,
                   const uint8_t *public_key) {
    int err;
    if (s == NULL || crypto == NULL || store == NULL) {
        return VS_EARGUMENT;
    }
    memset(s, 0, sizeof *s);
    s->crypto = crypto;
    s->store = store;
    s->alg = alg;
    err = vs_key_id(crypto, alg, public_key, s->kid);
    s->self = err == VS_OK ? s : NULL;
    return err;
}

void vs_end(struct vs_sealer *s) {
    if (s == NULL) {
        return;
    }
    s->alive = false;
    vs_wipe(s->secret, sizeof s->secret);
    vs_wipe(s->key, sizeof s->key);
    vs_wipe(s->iv, sizeof s->iv);
}

/* --- keys ---------------------------------------------------------------- */

static int derive(const struct vs_sealer *s, const char *label, size_t size, uint8_t out[VS_HASH_SIZE]) {
    uint8_t info[VS_MAX_INFO];
    struct vs_writer w;
    vs_writer_init(&w, info, sizeof info);
    vs_put_array(&w, 5);
    vs_put_bytes(&w, s->kid, VS_KID_SIZE);
    vs_put_bytes(&w, s->salt, VS_SALT_SIZE);
    vs_put_int(&w, s->suite);
    vs_put_text(&w, label, strlen(label));
    vs_put_uint(&w, size);
    return vs_expand(s->crypto, s->secret, info, w.len, out);
}

static int rekey(struct vs_sealer *s) {
    uint8_t iv[VS_HASH_SIZE];
    int err = derive(s, "Key", VS_SECRET_SIZE, s->key);
    if (err == VS_OK) {
        err = derive(s, "IV", VS_NONCE_SIZE, iv);
    }
    if (err == VS_OK) {
        memcpy(s->iv, iv, VS_NONCE_SIZE);
    }
    vs_wipe(iv, sizeof iv);
    return err;
}

/* Moves to an epoch and erases those before. */
static int seek(struct vs_sealer *s, uint32_t epoch) {
    uint8_t next[VS_HASH_SIZE];
    int err = VS_OK;
    if (epoch == s->epoch) {
        return VS_OK;
    }
    while (err == VS_OK && s->epoch < epoch) {
        err = derive(s, "Next", VS_SECRET_SIZE, next);
        if (err == VS_OK) {
            memcpy(s->secret, next, VS_SECRET_SIZE);
            s->epoch++;
        }
    }
    vs_wipe(next, sizeof next);
    return err == VS_OK ? rekey(s) : err;
}

/* HKDF(key, salt, ["VSE1", kid, a, b]), where a is "next" if next is set. */
static int from_psk(const struct vs_sealer *s, const uint8_t *key, const uint8_t *salt, size_t salt_len, bool next,
                    uint64_t boot, uint32_t generation, uint8_t out[VS_SECRET_SIZE]) {
    uint8_t info[VS_MAX_INFO], prk[VS_HASH_SIZE];
    struct vs_writer w;
    int err;
    vs_writer_init(&w, info, sizeof info);
    vs_put_array(&w, 4);
    vs_put_text(&w, "VSE1", 4);
    vs_put_bytes(&w, s->kid, VS_KID_SIZE);
    if (next) {
        vs_put_text(&w, "next", 4);
    } else {
        vs_put_uint(&w, boot);
    }
    vs_put_uint(&w, generation);
    err = vs_extract(s->crypto, salt, salt_len, key, prk);
    if (err == VS_OK) {
        err = vs_expand(s->crypto, prk, info, w.len, out);
    }
    vs_wipe(prk, sizeof prk);
    return err;
}

/* --- messages ------------------------------------------------------------ */

/* Writes what stands before the payload: VS_SIGNED_START bytes. */
static void put_signed_start(struct vs_writer *w, const struct vs_sealer *s) {
    vs_put_array(w, 4);
    vs_put_text(w, "Signature1", 10);
    vs_put_protected(w, s->alg, s->kid);
    vs_put_bytes(w, (const uint8_t *)"VSE1", 4);
}

/*
 * Signs the first n bytes of out, which has room for the message that it turns
 * them into. hash is that of the signed bytes.
 */
static int finish(const struct vs_sealer *s, uint8_t *out, size_t cap, size_t n, uint8_t hash[VS_HASH_SIZE], size_t *len) {
    uint8_t signature[VS_SIGNATURE_SIZE];
    struct vs_writer w;
    size_t payload = n - VS_SIGNED_START;
    if (s->crypto->sign(s->crypto->context, out, n, signature) != 0) {
        return VS_ESIGN;
    }
    if (s->crypto->sha256(s->crypto->context, out, n, hash) != 0) {
        return VS_ECRYPTO;
    }
    memmove(out + VS_MESSAGE_START, out + VS_SIGNED_START, payload);
    vs_writer_init(&w, out, cap);
    vs_put_tag(&w, 18); /* COSE_Sign1 */
    vs_put_array(&w, 4);
    vs_put_protected(&w, s->alg, s->kid);
    vs_put_map(&w, 0);
    w.len += payload;
    vs_put_bytes(&w, signature, sizeof signature);
    *len = w.len;
    return w.err == VS_OK ? VS_OK : VS_ECRYPTO; /* cannot happen: cap was compared before */
}

/* --- anchors ------------------------------------------------------------- */

/* Signs and gives the message of the anchor of s; hash is its head. */
static int put_anchor_message(const struct vs_sealer *s, const struct vs_anchor *a, const struct vs_record *r, uint8_t *out,
                              size_t cap, uint8_t hash[VS_HASH_SIZE], size_t *len) {
    uint8_t commitment[VS_HASH_SIZE];
    struct vs_writer w;
    int err = derive(s, "Commit", VS_SECRET_SIZE, commitment);
    if (err != VS_OK) {
        return err;
    }
    vs_writer_init(&w, out, cap);
    put_signed_start(&w, s);
    vs_put_anchor(&w, s, a, r, commitment);
    if (w.err != VS_OK) {
        return VS_ECRYPTO; /* cannot happen: cap is VS_ANCHOR_MAX or more */
    }
    return finish(s, out, cap, w.len, hash, len);
}

/* Takes a salt, and makes the record durable that the next start will read,
 * before the secret that comes from the old one seals anything. r->generation
 * stays that of the anchor. */
static int start(struct vs_sealer *s, struct vs_record *r) {
    static const uint8_t zero[VS_SALT_SIZE];
    uint8_t salt[VS_SALT_SIZE], next[VS_SECRET_SIZE];
    int err;
    if (r->boot < s->boot || r->boot == UINT64_MAX) {
        return VS_ERECORD; /* rolled back while we ran, or never ours */
    }
    if (r->generation >= VS_MAX_GENERATION) {
        return VS_EGENERATION;
    }
    if (s->crypto->random(s->crypto->context, salt, sizeof salt) != 0 || memcmp(salt, zero, sizeof salt) == 0 ||
        memcmp(salt, s->salt, sizeof salt) == 0) {
        return VS_ERANDOM;
    }
    memcpy(s->salt, salt, sizeof salt);
    s->epoch = 0;
    r->boot++;
    err = from_psk(s, r->key, s->salt, VS_SALT_SIZE, false, r->boot, r->generation, s->secret);
    if (err == VS_OK) {
        err = from_psk(s, r->key, NULL, 0, true, 0, r->generation + 1, next);
    }
    if (err == VS_OK) {
        memcpy(r->key, next, sizeof next);
        r->generation++;
        err = vs_record_save(r, s->store, s->crypto);
        r->generation--;
    }
    if (err == VS_OK) {
        s->boot = r->boot;
    }
    vs_wipe(next, sizeof next);
    return err == VS_OK ? rekey(s) : err;
}

static int begin(struct vs_sealer *s, const struct vs_anchor *a, struct vs_record *r, uint8_t *out, size_t cap,
                 size_t *len) {
    static const uint8_t none[VS_EID_SIZE];
    uint8_t hash[VS_HASH_SIZE];
    int err = vs_record_load(r, s->store, s->crypto, s->kid);
    if (err == VS_OK) {
        if (memcmp(s->eid, none, VS_EID_SIZE) != 0) {
            vs_record_follow(r, s->eid, s->seq, s->head); /* newer than what is stored */
        }
        err = start(s, r);
    }
    if (err == VS_OK) {
        err = put_anchor_message(s, a, r, out, cap, hash, len);
    }
    if (err == VS_OK) {
        /* Before the anchor leaves, so that no chain can be forgotten. */
        vs_record_follow(r, hash, 0, hash);
        r->generation++;
        err = vs_record_save(r, s->store, s->crypto);
    }
    if (err == VS_OK) {
        memcpy(s->eid, hash, VS_EID_SIZE);
        memcpy(s->head, hash, VS_HEAD_SIZE);
        s->seq = 0;
    }
    return err;
}

int vs_begin(struct vs_sealer *s, const struct vs_anchor *anchor, uint8_t *out, size_t cap, size_t *len) {
    struct vs_record r = {0};
    int err;
    if (len == NULL) {
        return VS_EARGUMENT;
    }
    *len = 0;
    if (s == NULL || anchor == NULL || out == NULL) {
        return VS_EARGUMENT;
    }
    if (s->self != s) {
        return VS_ENOCHAIN;
    }
    if (cap < VS_ANCHOR_MAX) {
        return VS_ESPACE;
    }
    if (!vs_anchor_valid(anchor)) {
        return VS_EANCHOR;
    }
    vs_end(s);
    s->suite = anchor->suite != 0 ? anchor->suite : VS_ALG_CHACHA20_POLY1305;
    s->shift = anchor->shift != 0 ? anchor->shift : VS_DEFAULT_SHIFT;
    err = begin(s, anchor, &r, out, cap, len);
    vs_wipe(&r, sizeof r);
    if (err != VS_OK) {
        vs_end(s);
        vs_wipe(out, VS_ANCHOR_MAX);
        *len = 0;
        return err;
    }
    s->alive = true;
    return VS_OK;
}

int vs_checkpoint(struct vs_sealer *s) {
    struct vs_record r = {0};
    int err;
    if (s == NULL) {
        return VS_EARGUMENT;
    }
    if (s->self != s || !s->alive) {
        return VS_ENOCHAIN;
    }
    err = vs_record_load(&r, s->store, s->crypto, s->kid);
    if (err == VS_OK && r.boot != s->boot) {
        err = VS_ERECORD;
    }
    if (err == VS_OK) {
        vs_record_follow(&r, s->eid, s->seq, s->head);
        err = vs_record_save(&r, s->store, s->crypto);
    }
    vs_wipe(&r, sizeof r);
    return err;
}

/* --- batches ------------------------------------------------------------- */

static int encrypt(const struct vs_sealer *s, uint64_t seq, const uint8_t *payload, size_t n, uint8_t *out) {
    uint8_t nonce[VS_NONCE_SIZE], aad[VS_AAD_MAX];
    struct vs_writer w;
    unsigned i;
    memcpy(nonce, s->iv, sizeof nonce);
    for (i = 0; i < 8; i++) {
        nonce[VS_NONCE_SIZE - 1 - i] ^= (uint8_t)(seq >> (8 * i));
    }
    vs_writer_init(&w, aad, sizeof aad);
    vs_put_aad(&w, s);
    if (s->crypto->aead_seal(s->crypto->context, s->suite, s->key, nonce, aad, w.len, payload, n, out) != 0) {
        return VS_ECRYPTO;
    }
    return VS_OK;
}

/* The nonce of seq is used here, and s has no chain while it is. */
static int seal(struct vs_sealer *s, uint64_t seq, const uint8_t *payload, size_t n, uint8_t *out, size_t cap, size_t *len) {
    uint8_t hash[VS_HASH_SIZE];
    struct vs_writer w;
    int err = seek(s, (uint32_t)(seq >> s->shift));
    if (err != VS_OK) {
        return err;
    }
    vs_writer_init(&w, out, cap);
    put_signed_start(&w, s);
    vs_put_batch_start(&w, s, seq, n);
    err = encrypt(s, seq, payload, n, out + w.len);
    if (err == VS_OK) {
        err = finish(s, out, cap, w.len + n + VS_TAG_SIZE, hash, len);
    }
    if (err == VS_OK) {
        memcpy(s->head, hash, VS_HEAD_SIZE);
        s->seq = seq;
    }
    return err;
}

size_t vs_sealed_len(const struct vs_sealer *s, size_t n) {
    uint64_t seq;
    if (s == NULL || s->self != s || !s->alive || n == 0 || n > VS_MAX_PAYLOAD) {
        return 0;
    }
    seq = s->seq + 1;
    if (seq > VS_MAX_SEQ || seq >> s->shift >= VS_MAX_EPOCHS) {
        return 0;
    }
    return vs_batch_message_len(s->suite, seq, n);
}

static bool overlap(const uint8_t *a, size_t n, const uint8_t *b, size_t m) {
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y ? y - x < n : x - y < m;
}

int vs_seal(struct vs_sealer *s, const uint8_t *payload, size_t n, uint8_t *out, size_t cap, size_t *len) {
    size_t size;
    int err;
    if (len == NULL) {
        return VS_EARGUMENT;
    }
    *len = 0;
    if (s == NULL || payload == NULL || out == NULL || overlap(payload, n, out, cap)) {
        return VS_EARGUMENT;
    }
    if (s->self != s || !s->alive) {
        return VS_ENOCHAIN;
    }
    if (n == 0 || n > VS_MAX_PAYLOAD) {
        return VS_EPAYLOAD;
    }
    size = vs_sealed_len(s, n);
    if (size == 0) {
        return VS_EEXHAUSTED;
    }
    if (cap < size) {
        return VS_ESPACE;
    }
    s->alive = false; /* until the message is whole: a nonce is used once, whatever fails */
    err = seal(s, s->seq + 1, payload, n, out, cap, len);
    if (err != VS_OK) {
        vs_end(s);
        vs_wipe(out, size);
        *len = 0;
        return err;
    }
    s->alive = true;
    return VS_OK;
}
