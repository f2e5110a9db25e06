/* A seam that remembers, and fails when told to, for the tests of envelopes. */
#ifndef VITALSEAL_SEAL_RIG_H
#define VITALSEAL_SEAL_RIG_H

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "vitalseal/psa.h"
#include "vitalseal/seal.h"

struct use { /* of a nonce */
    uint8_t key[VS_SECRET_SIZE], nonce[VS_NONCE_SIZE];
};

enum { MAX_USES = 1 << 17 };

struct rig {
    struct vs_crypto crypto, psa;
    struct vs_psa device;
    uint8_t signature[VS_SIGNATURE_SIZE];
    uint8_t salt[VS_SALT_SIZE];
    int fixed_salt;

    /* The call of each that fails, counted down to 0; negative: none. */
    int fail_hash, fail_aead, fail_sign, fail_random, fail_read, fail_write, cut_write, lie_write;

    struct vs_store store;
    uint8_t record[VS_RECORD_SIZE];
    unsigned writes;
    struct use *uses;
    size_t n_uses;
};

extern struct rig rig;
extern uint8_t public_key[64];
extern uint8_t out[40000]; /* for what is made */

/* Has nothing fail from now on. */
void no_failures(void);

/* Makes the rig; its uses are the caller's to free. */
void rig_init(void);

/* Starts a device anew: another key, boot 0, generation 0. */
void provision(struct vs_sealer *s);

struct vs_anchor an_anchor(void);

/* Begins a chain. */
void begin_ok(struct vs_sealer *s);

#endif
