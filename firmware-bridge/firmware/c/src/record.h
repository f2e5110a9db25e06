/* The boot record, taken apart; not installed. */
#ifndef VITALSEAL_RECORD_INTERNAL_H
#define VITALSEAL_RECORD_INTERNAL_H

#include "vitalseal/record.h"
#include "vitalseal/seal.h"

#define VS_MAX_GENERATION (UINT32_C(1) << 20)

struct vs_record {
    uint32_t generation; /* of key */
    uint64_t boot;       /* of the newest anchor */
    uint8_t kid[VS_KID_SIZE];
    uint8_t key[VS_SECRET_SIZE]; /* the pre-shared key */
    /* The newest chain, as far as it is known; eid all zero: none. */
    uint8_t eid[VS_EID_SIZE];
    uint64_t seq;
    uint8_t head[VS_HEAD_SIZE];
};

/* VS_ESTORE, VS_ECRYPTO, or VS_ERECORD for one that is damaged or another device's. */
int vs_record_load(struct vs_record *r, const struct vs_store *store, const struct vs_crypto *c,
                   const uint8_t kid[VS_KID_SIZE]);

/* Sets the newest chain. */
void vs_record_follow(struct vs_record *r, const uint8_t eid[VS_EID_SIZE], uint64_t seq, const uint8_t head[VS_HEAD_SIZE]);

/* Writes the record and reads it back. VS_ESTORE or VS_ECRYPTO. */
int vs_record_save(const struct vs_record *r, const struct vs_store *store, const struct vs_crypto *c);

#endif
