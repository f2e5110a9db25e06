/*
 * The envelope, VSE-1, with a pre-shared key: sdk/core/seal/FORMAT.md.
 *
 * Vocabulary: a chain begins with an anchor, which is signed and not encrypted;
 * batches follow, each encrypted and signed, numbered from 1, each naming the
 * hash of the message before. A nonce is used once, whatever fails: a chain
 * cannot be resumed, and it ends when the signer fails.
 *
 *   vs_sealer_init    once, at start
 *   vs_begin          an anchor: at start, after an error that ended the chain,
 *                     when the label inside changes, and daily
 *   vs_seal           a batch
 *   vs_checkpoint     before an orderly stop, so that the next anchor says
 *                     where this chain ended
 *   vs_end            erases the keys
 */
#ifndef VITALSEAL_SEAL_H
#define VITALSEAL_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vitalseal/crypto.h"
#include "vitalseal/error.h"
#include "vitalseal/record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_SALT_SIZE 16
#define VS_EID_SIZE 8
#define VS_HEAD_SIZE 16
#define VS_BEACON_SIZE 16
#define VS_MAX_SITE 64
#define VS_MAX_PAYLOAD 32512 /* bytes of plaintext in one batch */
#define VS_MAX_SEQ ((UINT64_C(1) << 40) - 1)
#define VS_MAX_EPOCHS 65536
#define VS_MAX_SHIFT 32
#define VS_DEFAULT_SHIFT 8 /* epochs of 256 messages */

#define VS_ANCHOR_MAX 297 /* bytes of the longest anchor message */

/* Bytes of the longest batch message with n bytes of payload; most are 3 to 7 less. */
#define VS_SEALED_MAX(n) ((n) + 146)

/* Flags of an anchor. */
#define VS_FLAG_TEST UINT32_C(1)         /* not a patient: simulator or test bench */
#define VS_FLAG_WEAK_ENTROPY UINT32_C(2) /* the salt comes from a stand-in for a random generator */

#define VS_NO_BOUND UINT32_C(0xffffffff) /* nothing keeps the clock in step */

/* What an anchor says that the library does not know by itself. */
struct vs_anchor {
    const char *site; /* name of the site the device is enrolled at, UTF-8, 1 to 64 bytes */
    size_t site_len;
    int32_t suite;         /* 0: ChaCha20-Poly1305 */
    uint8_t shift;         /* an epoch of content keys has 2^shift messages; 0: 8 */
    uint32_t heartbeat;    /* ms: something is sealed at least this often; 0: no promise */
    uint64_t clock;        /* ms since 1970 at time 0 of the readings; 0: no clock */
    uint32_t clock_error;  /* ms either way, or VS_NO_BOUND */
    uint8_t beacon[VS_BEACON_SIZE]; /* the newest heard, all zero: none */
    uint32_t flags;
};

/* One device's sealer, for one thread. Fields are the library's; a copy seals nothing. */
struct vs_sealer {
    const struct vs_sealer *self;
    const struct vs_crypto *crypto;
    const struct vs_store *store;
    bool alive; /* there is a chain */
    int32_t alg, suite;
    uint8_t kid[VS_KID_SIZE];
    uint8_t shift;
    uint32_t epoch;
    uint64_t boot; /* of the newest anchor */
    uint64_t seq;  /* of the newest message, 0 for the anchor */
    uint8_t salt[VS_SALT_SIZE];
    uint8_t eid[VS_EID_SIZE];   /* of the chain; all zero: none since the start */
    uint8_t head[VS_HEAD_SIZE]; /* of the newest message */
    uint8_t secret[VS_SECRET_SIZE], key[VS_SECRET_SIZE], iv[VS_NONCE_SIZE]; /* of the epoch */
};

/* alg and public_key as for vs_key_id. crypto and store must outlive the sealer. */
int vs_sealer_init(struct vs_sealer *s, const struct vs_crypto *crypto, const struct vs_store *store, int32_t alg,
                   const uint8_t *public_key);

/*
 * Begins a chain: counts up the boot record, takes a salt, derives the content
 * keys and moves the pre-shared key on, and writes the anchor's message to out
 * and its length to *len. cap is VS_ANCHOR_MAX or more.
 *
 * VS_EARGUMENT, VS_ESPACE and VS_EANCHOR leave all as it was. After any other
 * error there is no chain, out is wiped, and a boot number may have been used.
 */
int vs_begin(struct vs_sealer *s, const struct vs_anchor *anchor, uint8_t *out, size_t cap, size_t *len);

/*
 * Writes the message that seals n bytes of payload to out, its length to *len.
 * payload and out do not overlap.
 *
 * VS_EARGUMENT, VS_EPAYLOAD and VS_ESPACE (nothing is written: out needs
 * vs_sealed_len bytes) leave the chain as it was, VS_ENOCHAIN and VS_EEXHAUSTED
 * too: begin a new one. After any other error the chain has ended, its keys are
 * erased, and out is wiped.
 */
int vs_seal(struct vs_sealer *s, const uint8_t *payload, size_t n, uint8_t *out, size_t cap, size_t *len);

/* The length of the next message with n bytes of payload, 0 if there will be none. */
size_t vs_sealed_len(const struct vs_sealer *s, size_t n);

/* Stores how far the chain has come. An error does not end it. */
int vs_checkpoint(struct vs_sealer *s);

/* Erases the keys. */
void vs_end(struct vs_sealer *s);

#ifdef __cplusplus
}
#endif

#endif
