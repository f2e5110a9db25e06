/*
 * The bytes of a boot record, integers big-endian:
 *
 *   0 "VSB1"  4 generation  8 boot  16 kid  24 key  56 eid  64 seq  72 head
 *   88 the first 8 bytes of SHA-256 of all before
 */
#include "record.h"

#include <string.h>

#include "kdf.h"

enum { GENERATION = 4, BOOT = 8, KID = 16, KEY = 24, EID = 56, SEQ = 64, HEAD = 72, CHECK = 88, CHECK_SIZE = 8 };

static const uint8_t magic[4] = {'V', 'S', 'B', '1'};

static void put(uint8_t *to, uint64_t n, unsigned size) {
    while (size-- > 0) {
        to[size] = (uint8_t)n;
        n >>= 8;
    }
}

static uint64_t get(const uint8_t *p, unsigned size) {
    uint64_t n = 0;
    while (size-- > 0) {
        n = n << 8 | *p++;
    }
    return n;
}

static int encode(const struct vs_record *r, const struct vs_crypto *c, uint8_t bytes[VS_RECORD_SIZE]) {
    uint8_t hash[VS_HASH_SIZE];
    memcpy(bytes, magic, sizeof magic);
    put(bytes + GENERATION, r->generation, 4);
    put(bytes + BOOT, r->boot, 8);
    memcpy(bytes + KID, r->kid, VS_KID_SIZE);
    memcpy(bytes + KEY, r->key, VS_SECRET_SIZE);
    memcpy(bytes + EID, r->eid, VS_EID_SIZE);
    put(bytes + SEQ, r->seq, 8);
    memcpy(bytes + HEAD, r->head, VS_HEAD_SIZE);
    if (c->sha256(c->context, bytes, CHECK, hash) != 0) {
        return VS_ECRYPTO;
    }
    memcpy(bytes + CHECK, hash, CHECK_SIZE);
    return VS_OK;
}

static int decode(struct vs_record *r, const struct vs_crypto *c, const uint8_t kid[VS_KID_SIZE],
                  const uint8_t bytes[VS_RECORD_SIZE]) {
    uint8_t hash[VS_HASH_SIZE];
    if (c->sha256(c->context, bytes, CHECK, hash) != 0) {
        return VS_ECRYPTO;
    }
    r->generation = (uint32_t)get(bytes + GENERATION, 4);
    r->boot = get(bytes + BOOT, 8);
    memcpy(r->kid, bytes + KID, VS_KID_SIZE);
    memcpy(r->key, bytes + KEY, VS_SECRET_SIZE);
    memcpy(r->eid, bytes + EID, VS_EID_SIZE);
    r->seq = get(bytes + SEQ, 8);
    memcpy(r->head, bytes + HEAD, VS_HEAD_SIZE);
    if (memcmp(bytes, magic, sizeof magic) != 0 || memcmp(bytes + CHECK, hash, CHECK_SIZE) != 0 ||
        memcmp(r->kid, kid, VS_KID_SIZE) != 0 || r->generation > VS_MAX_GENERATION || r->seq > VS_MAX_SEQ) {
        return VS_ERECORD;
    }
    return VS_OK;
}

void vs_record_follow(struct vs_record *r, const uint8_t eid[VS_EID_SIZE], uint64_t seq, const uint8_t head[VS_HEAD_SIZE]) {
    memcpy(r->eid, eid, VS_EID_SIZE);
    memcpy(r->head, head, VS_HEAD_SIZE);
    r->seq = seq;
}

int vs_record_load(struct vs_record *r, const struct vs_store *store, const struct vs_crypto *c,
                   const uint8_t kid[VS_KID_SIZE]) {
    uint8_t bytes[VS_RECORD_SIZE] = {0};
    int err = VS_ESTORE;
    if (store->read(store->context, bytes) == 0) {
        err = decode(r, c, kid, bytes);
    }
    vs_wipe(bytes, sizeof bytes);
    return err;
}

int vs_record_save(const struct vs_record *r, const struct vs_store *store, const struct vs_crypto *c) {
    uint8_t bytes[VS_RECORD_SIZE], back[VS_RECORD_SIZE] = {0};
    int err = encode(r, c, bytes);
    if (err == VS_OK && (store->write(store->context, bytes) != 0 || store->read(store->context, back) != 0 ||
                         memcmp(bytes, back, sizeof bytes) != 0)) {
        err = VS_ESTORE;
    }
    vs_wipe(bytes, sizeof bytes);
    vs_wipe(back, sizeof back);
    return err;
}

int vs_record_make(const struct vs_crypto *crypto, const uint8_t kid[VS_KID_SIZE], uint8_t psk[VS_SECRET_SIZE],
                   uint8_t record[VS_RECORD_SIZE]) {
    struct vs_record r = {0};
    int err;
    if (crypto == NULL || kid == NULL || psk == NULL || record == NULL) {
        return VS_EARGUMENT;
    }
    memcpy(r.kid, kid, VS_KID_SIZE);
    memcpy(r.key, psk, VS_SECRET_SIZE);
    err = encode(&r, crypto, record);
    vs_wipe(&r, sizeof r);
    if (err == VS_OK) {
        vs_wipe(psk, VS_SECRET_SIZE);
    }
    return err;
}
