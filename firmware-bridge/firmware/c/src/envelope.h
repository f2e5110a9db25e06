/* The parts of messages, RFC 9052 and sdk/core/seal/FORMAT.md; not installed. */
#ifndef VITALSEAL_ENVELOPE_H
#define VITALSEAL_ENVELOPE_H

#include "record.h"
#include "vitalseal/cbor.h"
#include "vitalseal/seal.h"

enum {
    VS_PROTECTED_SIZE = 14, /* byte string of {1: alg, 4: kid} */
    VS_SIGNED_START = 1 + 11 + VS_PROTECTED_SIZE + 5,
    VS_MESSAGE_START = 2 + VS_PROTECTED_SIZE + 1,
    VS_SIGNATURE_PART = 2 + VS_SIGNATURE_SIZE,
    VS_AAD_MAX = 1 + 9 + 5 + 2 + 1 + 5 + VS_PROTECTED_SIZE + 1 + VS_EID_SIZE + 1 + VS_HEAD_SIZE
};

/* {1: alg, 4: kid} as a byte string */
void vs_put_protected(struct vs_writer *w, int32_t alg, const uint8_t kid[VS_KID_SIZE]);

/* ["Encrypt0", <<{1: suite}>>, <<["VSE1", <<protected>>, eid, prev]>>] */
void vs_put_aad(struct vs_writer *w, const struct vs_sealer *s);

/* A batch as a byte string, up to the n bytes of ciphertext and the tag. */
void vs_put_batch_start(struct vs_writer *w, const struct vs_sealer *s, uint64_t seq, size_t n);

/* The length of the message. */
size_t vs_batch_message_len(int32_t suite, uint64_t seq, size_t n);

/* Holds what is sealed to the ranges that receivers hold it to. */
bool vs_anchor_valid(const struct vs_anchor *a);

/* An anchor as a byte string. r has its generation, and the chain before. */
void vs_put_anchor(struct vs_writer *w, const struct vs_sealer *s, const struct vs_anchor *a, const struct vs_record *r,
                   const uint8_t commitment[VS_SECRET_SIZE]);

#endif
