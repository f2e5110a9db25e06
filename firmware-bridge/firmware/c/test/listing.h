/* Reads the listings of sdk/core/vital/testdata/vectors into batches. */
#ifndef VITALSEAL_LISTING_H
#define VITALSEAL_LISTING_H

#include "vitalseal/vital.h"

enum { LIST_NUMERICS = 8200, LIST_RECORDS = 600, LIST_SAMPLES = 80000, LIST_TEXTS = 100000 };

/* A batch and its memory. */
struct listed {
    struct vs_batch batch;
    struct vs_numeric numerics[LIST_NUMERICS];
    struct vs_wave waves[LIST_RECORDS];
    struct vs_enumeration enumerations[LIST_RECORDS];
    struct vs_alert alerts[LIST_RECORDS];
    struct vs_event events[LIST_RECORDS];
    struct vs_dropped drops[LIST_RECORDS];
    struct vs_heartbeat heartbeats[LIST_RECORDS];
    int32_t samples[LIST_SAMPLES];
    size_t n_samples;
    char texts[LIST_TEXTS];
    size_t n_texts;
};

void listed_reset(struct listed *l);

/*
 * Adds one line, without its end. A text is "in quotes", or x and hex digits,
 * which takes any byte. Returns 0 when the line is none of a listing or there is
 * no more memory.
 */
int listed_add(struct listed *l, const char *line);

#endif
