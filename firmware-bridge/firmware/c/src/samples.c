/* The three codings of a wave's samples. */
#include "vital_internal.h"

enum {
    FIRST_RICE = 8,   /* Rice parameter of the first sample */
    FIRST_LEVEL = 32, /* model.level after it */
    ESCAPE = 24,      /* this many ones announce a number in full */
    FULL_BITS = 34    /* of that number */
};

static int32_t sample(const struct vs_wave *w, size_t i) {
    return w->samples16 != NULL ? w->samples16[i] : w->samples32[i];
}

/* Reports whether every sample is a two's complement number of so many bits. */
bool vs_samples_fit(const struct vs_wave *w, unsigned bits) {
    int32_t high = (INT32_C(1) << (bits - 1)) - 1;
    size_t i;
    for (i = 0; i < w->count; i++) {
        int32_t s = sample(w, i);
        if (s > high || s < -high - 1) {
            return false;
        }
    }
    return true;
}

static size_t fixed_len(unsigned coding, size_t n) { return coding == VS_CODING_12BIT ? (n * 12 + 7) / 8 : n * 2; }

/*
 * The model foretells each sample on the straight line through the two before
 * it, and the size of the error from the errors before.
 */
struct model {
    int64_t s1, s2; /* the last sample, the one before */
    uint64_t level; /* twice the mean of the last residuals */
    bool started;
};

static void model_init(struct model *m, int32_t zero) {
    m->s1 = zero;
    m->s2 = zero;
    m->level = 0;
    m->started = false;
}

/* The number of bits of level >> 2: the Rice parameter of the next residual, at most 33. */
static unsigned parameter(const struct model *m) {
    unsigned k = 0;
    uint64_t n;
    if (!m->started) {
        return FIRST_RICE;
    }
    for (n = m->level >> 2; n != 0; n >>= 1) {
        k++;
    }
    return k;
}

/* residual returns the next one, made non-negative, and moves on; below 2^34. */
static uint64_t residual(struct model *m, int32_t s) {
    int64_t d = s - (2 * m->s1 - m->s2);
    uint64_t z = d < 0 ? 2 * (uint64_t)(-d) - 1 : 2 * (uint64_t)d;
    m->s2 = m->started ? m->s1 : s;
    m->s1 = s;
    m->level = m->started ? m->level + z - (m->level >> 1) : FIRST_LEVEL;
    m->started = true;
    return z;
}

/* rice_len returns the length in bytes of the samples in coding 3. */
static size_t rice_len(const struct vs_wave *w) {
    struct model m;
    size_t i, bits = 0; /* of at most 16,384 samples of 58 */
    model_init(&m, w->zero);
    for (i = 0; i < w->count; i++) {
        unsigned k = parameter(&m);
        uint64_t q = residual(&m, sample(w, i)) >> k;
        bits += q < ESCAPE ? (size_t)q + 1 + k : ESCAPE + FULL_BITS;
    }
    return (bits + 7) / 8;
}

/* Bits are written from the most significant end of each byte. */
struct bits {
    struct vs_writer *w;
    uint64_t acc;
    unsigned n; /* bits of acc not yet written, at most 7 */
};

/* Writes the n lowest bits of v, at most 57; v has no others. */
static void put_bits(struct bits *b, uint64_t v, unsigned n) {
    b->acc = b->acc << n | v;
    b->n += n;
    while (b->n >= 8) {
        uint8_t byte;
        b->n -= 8;
        byte = (uint8_t)(b->acc >> b->n);
        vs_put_raw(b->w, &byte, 1);
    }
}

static void put_last_bits(struct bits *b) {
    if (b->n > 0) {
        put_bits(b, 0, 8 - b->n);
    }
}

static void put_rice(struct vs_writer *to, const struct vs_wave *w) {
    struct bits b = {NULL, 0, 0};
    struct model m;
    size_t i;
    b.w = to;
    model_init(&m, w->zero);
    for (i = 0; i < w->count; i++) {
        unsigned k = parameter(&m);
        uint64_t z = residual(&m, sample(w, i)), q = z >> k;
        if (q < ESCAPE) {
            uint64_t ones = (UINT64_C(1) << (q + 1)) - 2; /* q ones and a zero */
            put_bits(&b, ones << k | (z & ((UINT64_C(1) << k) - 1)), (unsigned)q + 1 + k);
        } else {
            put_bits(&b, (UINT64_C(1) << ESCAPE) - 1, ESCAPE);
            put_bits(&b, z, FULL_BITS);
        }
    }
    put_last_bits(&b);
}

static void put_fixed(struct vs_writer *to, const struct vs_wave *w, unsigned width) {
    struct bits b = {NULL, 0, 0};
    uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t i;
    b.w = to;
    for (i = 0; i < w->count; i++) {
        put_bits(&b, (uint64_t)(int64_t)sample(w, i) & mask, width);
    }
    put_last_bits(&b);
}

/* The last three items of a wave: coding, count, samples. */
void vs_encode_samples(struct vs_encoder *e, const struct vs_wave *w) {
    unsigned coding = w->coding;
    size_t size = 0;
    if (coding == VS_CODING_AUTO) {
        coding = vs_samples_fit(w, 12) ? VS_CODING_12BIT : vs_samples_fit(w, 16) ? VS_CODING_INT16 : VS_CODING_RICE;
        size = rice_len(w);
        if (coding != VS_CODING_RICE && size < fixed_len(coding, w->count)) {
            coding = VS_CODING_RICE;
        }
    } else if (coding == VS_CODING_RICE) {
        size = rice_len(w);
    }
    if (coding != VS_CODING_RICE) {
        size = fixed_len(coding, w->count);
    }
    vs_put_uint(&e->w, coding);
    vs_put_uint(&e->w, w->count);
    vs_put_bytes_head(&e->w, size);
    if (coding == VS_CODING_RICE) {
        put_rice(&e->w, w);
    } else {
        put_fixed(&e->w, w, coding == VS_CODING_12BIT ? 12 : 16);
    }
}
