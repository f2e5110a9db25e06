/* Between the files of the payload's encoder; not installed. */
#ifndef VITALSEAL_VITAL_INTERNAL_H
#define VITALSEAL_VITAL_INTERNAL_H

#include <stdbool.h>

#include "vitalseal/cbor.h"
#include "vitalseal/vital.h"

/* Kinds of section, the first item of each. They are wire constants. */
enum {
    VS_KIND_ROWS = 0,
    VS_KIND_MOMENT = 1,
    VS_KIND_REGULAR = 2,
    VS_KIND_COLUMNS = 3,
    VS_KIND_WAVE = 4,
    VS_KIND_ENUMERATION = 5,
    VS_KIND_ALERT = 6,
    VS_KIND_EVENT = 7,
    VS_KIND_DROPPED = 8,
    VS_KIND_HEARTBEAT = 9,
    VS_KIND_LABEL = 10
};

/* Codes are sent with the bits of their usual partition flipped: terms alone. */
#define VS_CODE_FLIP (UINT32_C(2) << 16)
#define VS_UNIT_FLIP (UINT32_C(4) << 16)

struct vs_encoder {
    struct vs_writer w;
    uint64_t base; /* the smallest time */
};

static inline void vs_section(struct vs_encoder *e, unsigned kind, size_t items) {
    vs_put_array(&e->w, items);
    vs_put_uint(&e->w, kind);
}

/* validate.c: VS_OK or why the batch is refused; *base is its smallest time. */
int vs_batch_check(const struct vs_batch *b, uint64_t *base);

/* numerics.c: plans the sections of the numerics and returns their number. */
struct vs_plan {
    uint16_t leaders; /* the first group, VS_NONE if there is none */
    size_t sections;
};
#define VS_NONE UINT16_MAX
void vs_plan_numerics(struct vs_plan *p, struct vs_numeric *numerics, size_t n);
void vs_encode_numerics(struct vs_encoder *e, const struct vs_plan *p, struct vs_numeric *numerics, size_t n);

/* samples.c */
bool vs_samples_fit(const struct vs_wave *w, unsigned bits);
void vs_encode_samples(struct vs_encoder *e, const struct vs_wave *w);

#endif
