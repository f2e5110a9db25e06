#include "envelope.h"

#include <string.h>

#include "vitalseal/text.h"

#define MAX_CLOCK (UINT64_C(1) << 53)

enum { LABEL_ALG = 1, LABEL_KID = 4, LABEL_PARTIAL_IV = 6, KIND_ANCHOR = 0, VERSION = 1 };

void vs_put_protected(struct vs_writer *w, int32_t alg, const uint8_t kid[VS_KID_SIZE]) {
    vs_put_bytes_head(w, VS_PROTECTED_SIZE - 1);
    vs_put_map(w, 2);
    vs_put_uint(w, LABEL_ALG);
    vs_put_int(w, alg);
    vs_put_uint(w, LABEL_KID);
    vs_put_bytes(w, kid, VS_KID_SIZE);
}

static size_t suite_header_len(int32_t suite) { return 3 + vs_head_len((uint64_t)suite); }

/* {1: suite} as a byte string */
static void put_suite_header(struct vs_writer *w, int32_t suite) {
    vs_put_bytes_head(w, suite_header_len(suite) - 1);
    vs_put_map(w, 1);
    vs_put_uint(w, LABEL_ALG);
    vs_put_int(w, suite);
}

void vs_put_aad(struct vs_writer *w, const struct vs_sealer *s) {
    vs_put_array(w, 3);
    vs_put_text(w, "Encrypt0", 8);
    put_suite_header(w, s->suite);
    vs_put_bytes_head(w, 1 + 5 + VS_PROTECTED_SIZE + 1 + VS_EID_SIZE + 1 + VS_HEAD_SIZE);
    vs_put_array(w, 4);
    vs_put_text(w, "VSE1", 4);
    vs_put_protected(w, s->alg, s->kid);
    vs_put_bytes(w, s->eid, VS_EID_SIZE);
    vs_put_bytes(w, s->head, VS_HEAD_SIZE);
}

/* The bytes of the shortest big-endian encoding of seq, which is 1 or more. */
static size_t partial_iv_len(uint64_t seq) {
    size_t n = 1;
    while (seq >>= 8, seq != 0) {
        n++;
    }
    return n;
}

static size_t batch_len(int32_t suite, uint64_t seq, size_t n) {
    size_t cipher = n + VS_TAG_SIZE;
    return 1 + (1 + VS_EID_SIZE) + (1 + VS_HEAD_SIZE) + 1 + suite_header_len(suite) + 3 + partial_iv_len(seq) +
           vs_head_len(cipher) + cipher;
}

size_t vs_batch_message_len(int32_t suite, uint64_t seq, size_t n) {
    size_t batch = batch_len(suite, seq, n);
    return VS_MESSAGE_START + vs_head_len(batch) + batch + VS_SIGNATURE_PART;
}

void vs_put_batch_start(struct vs_writer *w, const struct vs_sealer *s, uint64_t seq, size_t n) {
    uint8_t iv[8];
    size_t size = partial_iv_len(seq), i;
    for (i = 0; i < size; i++) {
        iv[i] = (uint8_t)(seq >> (8 * (size - 1 - i)));
    }
    vs_put_bytes_head(w, batch_len(s->suite, seq, n));
    vs_put_array(w, 3);
    vs_put_bytes(w, s->eid, VS_EID_SIZE);
    vs_put_bytes(w, s->head, VS_HEAD_SIZE);
    vs_put_array(w, 3);
    put_suite_header(w, s->suite);
    vs_put_map(w, 1);
    vs_put_uint(w, LABEL_PARTIAL_IV);
    vs_put_bytes(w, iv, size);
    vs_put_bytes_head(w, n + VS_TAG_SIZE);
}

static bool all_zero(const uint8_t *p, size_t n) {
    uint8_t any = 0;
    while (n-- > 0) {
        any |= *p++;
    }
    return any == 0;
}

bool vs_anchor_valid(const struct vs_anchor *a) {
    return a->site != NULL && a->site_len > 0 && a->site_len <= VS_MAX_SITE && vs_utf8_valid(a->site, a->site_len) &&
           a->shift <= VS_MAX_SHIFT && a->clock <= MAX_CLOCK && (a->flags & ~(VS_FLAG_TEST | VS_FLAG_WEAK_ENTROPY)) == 0 &&
           (a->suite == 0 || a->suite == VS_ALG_CHACHA20_POLY1305 || a->suite == VS_ALG_A256GCM);
}

static void put_clock(struct vs_writer *w, const struct vs_anchor *a) {
    if (a->clock == 0) {
        vs_put_null(w);
        return;
    }
    vs_put_array(w, 2);
    vs_put_uint(w, a->clock);
    vs_put_uint(w, a->clock_error);
}

static void put_previous(struct vs_writer *w, const struct vs_record *r) {
    if (all_zero(r->eid, VS_EID_SIZE)) {
        vs_put_null(w);
        return;
    }
    vs_put_array(w, 3);
    vs_put_bytes(w, r->eid, VS_EID_SIZE);
    vs_put_uint(w, r->seq);
    vs_put_bytes(w, r->head, VS_HEAD_SIZE);
}

static void put_anchor_items(struct vs_writer *w, const struct vs_sealer *s, const struct vs_anchor *a,
                             const struct vs_record *r, const uint8_t commitment[VS_SECRET_SIZE]) {
    vs_put_array(w, 14);
    vs_put_uint(w, KIND_ANCHOR);
    vs_put_uint(w, VERSION);
    vs_put_text(w, a->site, a->site_len);
    vs_put_uint(w, s->boot);
    vs_put_bytes(w, s->salt, VS_SALT_SIZE);
    vs_put_bytes(w, commitment, VS_SECRET_SIZE);
    vs_put_uint(w, s->shift);
    vs_put_int(w, s->suite);
    vs_put_uint(w, a->heartbeat);
    put_clock(w, a);
    if (all_zero(a->beacon, VS_BEACON_SIZE)) {
        vs_put_null(w);
    } else {
        vs_put_bytes(w, a->beacon, VS_BEACON_SIZE);
    }
    put_previous(w, r);
    vs_put_uint(w, r->generation);
    vs_put_uint(w, a->flags);
}

/* The items have 65 to 212 bytes, so the head before them always has two: it is
 * written once their length is known. */
void vs_put_anchor(struct vs_writer *w, const struct vs_sealer *s, const struct vs_anchor *a, const struct vs_record *r,
                   const uint8_t commitment[VS_SECRET_SIZE]) {
    static const uint8_t place[2];
    struct vs_writer head;
    size_t at = w->len;
    vs_put_raw(w, place, sizeof place);
    put_anchor_items(w, s, a, r, commitment);
    if (w->err == VS_OK) {
        vs_writer_init(&head, w->p + at, sizeof place);
        vs_put_bytes_head(&head, w->len - at - sizeof place);
        w->err = head.err;
    }
}
