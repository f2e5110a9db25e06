/*
 * Readings, and the payload that carries them: sdk/core/vital/FORMAT.md.
 *
 * Vocabulary (IEEE 11073): a numeric is one value of one metric; a wave is a
 * run of equally spaced samples (sample array); an enumeration is a coded
 * state; an alert is an alarm that began, changed or ended. Codes and units are
 * 32-bit MDC codes, partition << 16 | term: MDC_PULS_OXIM_SAT_O2 is 150456,
 * MDC_DIM_PERCENT 262688. A value is mantissa x 10^exponent with the digits
 * that were measured, never a binary float.
 *
 * A batch is what one envelope, or one frame of plain readings, carries. For
 * the same readings it gives the same bytes as the Go encoder. Times are ms
 * since the anchor where the sensor seals, ms of uptime where the gateway does.
 */
#ifndef VITALSEAL_VITAL_H
#define VITALSEAL_VITAL_H

#include <stddef.h>
#include <stdint.h>

#include "vitalseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_MAX_TEXT 80         /* bytes of UTF-8 in a text */
#define VS_MAX_SAMPLES 16384   /* samples in one wave */
#define VS_MAX_NUMERICS 8192   /* numerics in one batch */
#define VS_MAX_BATCH 32000     /* bytes of an encoded batch */
#define VS_MAX_MANTISSA 8388605 /* either side of zero; beyond are the special values */

/* Special values of IEEE 11073-20601 as mantissas; the exponent is 0. */
#define VS_NAN 8388607     /* absent or invalid: with VS_NOT_AVAILABLE or VS_INVALID */
#define VS_NRES (-8388608) /* not at this resolution */
#define VS_POS_INF 8388606 /* above the measurable range */
#define VS_NEG_INF (-8388606)

/* MeasurementStatus of IEEE 11073-20601, bits of a status; 0 is good. */
#define VS_INVALID (UINT32_C(1) << 0)
#define VS_QUESTIONABLE (UINT32_C(1) << 1)
#define VS_NOT_AVAILABLE (UINT32_C(1) << 2) /* the value is VS_NAN */
#define VS_CALIBRATING (UINT32_C(1) << 3)
#define VS_TEST_DATA (UINT32_C(1) << 4)
#define VS_DEMO_DATA (UINT32_C(1) << 5)
#define VS_VALIDATED (UINT32_C(1) << 8)
#define VS_EARLY (UINT32_C(1) << 9)
#define VS_ONGOING (UINT32_C(1) << 10)
#define VS_IN_ALARM (UINT32_C(1) << 14)
#define VS_ALARM_OFF (UINT32_C(1) << 15)

/* Device and sensor status of IEEE 11073-10404. */
#define VS_SENSOR_DISCONNECTED (UINT32_C(1) << 16)
#define VS_SENSOR_MALFUNCTION (UINT32_C(1) << 17)
#define VS_SENSOR_DISPLACED (UINT32_C(1) << 18)
#define VS_SENSOR_UNSUPPORTED (UINT32_C(1) << 19)
#define VS_SENSOR_OFF (UINT32_C(1) << 20) /* no finger, lead off */
#define VS_SENSOR_INTERFERENCE (UINT32_C(1) << 21)
#define VS_SIGNAL_SEARCHING (UINT32_C(1) << 22)
#define VS_SIGNAL_QUESTIONABLE (UINT32_C(1) << 23)
#define VS_SIGNAL_NON_PULSATILE (UINT32_C(1) << 24)
#define VS_SIGNAL_ERRATIC (UINT32_C(1) << 25)
#define VS_SIGNAL_LOW_PERFUSION (UINT32_C(1) << 26)
#define VS_SIGNAL_POOR (UINT32_C(1) << 27)
#define VS_SIGNAL_INADEQUATE (UINT32_C(1) << 28)
#define VS_SIGNAL_PROCESSING (UINT32_C(1) << 29)
#define VS_EQUIPMENT_MALFUNCTION (UINT32_C(1) << 30)
#define VS_EXTENDED_DISPLAY_UPDATE (UINT32_C(1) << 31)

/* mantissa x 10^exponent */
struct vs_decimal {
    int32_t mantissa; /* within VS_MAX_MANTISSA, or a special value */
    int8_t exponent;
};

/* A text is UTF-8, not terminated. */
struct vs_text {
    const char *p;
    size_t len; /* at most VS_MAX_TEXT */
};

struct vs_numeric {
    uint64_t time; /* ms, at most 2^53-1 */
    uint32_t code;
    uint32_t unit;
    uint32_t status;
    int32_t mantissa;
    int8_t exponent;

    /* The encoder's, so that it needs no memory of its own; any content. */
    uint8_t mark;
    uint16_t next, link;
};

/* How samples are packed; all are lossless. The numbers are wire constants. */
enum vs_coding {
    VS_CODING_AUTO = 0, /* the shortest */
    VS_CODING_INT16 = 1,
    VS_CODING_12BIT = 2,
    VS_CODING_RICE = 3 /* second differences, adaptive Golomb-Rice; any 32 bits */
};

/* The physical value of sample s is (s - zero) x factor / divisor, in unit. */
struct vs_wave {
    uint64_t time; /* ms, of the first sample */
    uint32_t code;
    uint32_t unit;
    struct vs_decimal rate;   /* samples a second, above zero */
    struct vs_decimal factor; /* 0: the device gives no scale */
    uint32_t divisor;         /* 0 means 1 */
    int32_t zero;             /* the sample that means nought */
    uint32_t status;
    uint8_t coding;           /* enum vs_coding */
    const int16_t *samples16; /* one of the two, */
    const int32_t *samples32; /* the other NULL */
    size_t count;             /* 1 to VS_MAX_SAMPLES */
};

struct vs_enumeration {
    uint64_t time;
    uint32_t code;  /* what is in the state */
    uint32_t value; /* the state: an MDC code or a vendor's number */
    uint32_t status;
    struct vs_text text;
};

/* IEC 60601-1-8 */
enum vs_alert_kind { VS_PHYSIOLOGICAL = 0, VS_TECHNICAL = 1, VS_ADVISORY = 2 };
enum vs_priority { VS_PRIORITY_NONE = 0, VS_PRIORITY_LOW = 1, VS_PRIORITY_MEDIUM = 2, VS_PRIORITY_HIGH = 3 };
enum vs_alert_state { VS_ALERT_PRESENT = 0, VS_ALERT_LATCHED = 1, VS_ALERT_ENDED = 2 };

/* Alerts are not batched: encode, seal and send each at once. */
struct vs_alert {
    uint64_t time;
    uint32_t source; /* the metric concerned, 0 for the device itself */
    uint8_t kind;
    uint8_t priority;
    uint8_t state;
    struct vs_decimal value; /* that raised it, or VS_NAN */
    struct vs_decimal limit; /* that it crossed, or VS_NAN */
    struct vs_text text;
};

enum vs_event_kind {
    VS_EVENT_STARTED = 1,
    VS_EVENT_STOPPED = 2,
    VS_EVENT_LINE_OPENED = 3,
    VS_EVENT_LINE_LOST = 4,
    VS_EVENT_LINE_SILENT = 5,
    VS_EVENT_LINE_RESUMED = 6,
    VS_EVENT_BAD_FRAMES = 7, /* count of them */
    VS_EVENT_DECODER_PANIC = 8,
    VS_EVENT_WRONG_DEVICE = 9,
    VS_EVENT_CLOCK_STEP = 10,
    VS_EVENT_IDENTIFIED = 11 /* text is what the device says of itself */
};

struct vs_event {
    uint64_t time;
    uint8_t kind; /* not 0 */
    uint32_t count;
    struct vs_text text; /* never a reading */
};

enum vs_drop_reason {
    VS_DROP_BOUND = 1,   /* the open batch was full: readings refused */
    VS_DROP_STORE = 2,   /* the store was full: oldest envelopes dropped */
    VS_DROP_CORRUPT = 3, /* the store could not read an envelope back */
    VS_DROP_TOO_LATE = 4
};

/* Admits to a loss: count readings that were never sealed (eid, from and to 0),
 * or the envelopes from .. to of the chain eid. */
struct vs_dropped {
    uint64_t time;
    uint8_t reason; /* not 0 */
    uint64_t count;
    uint8_t eid[8];
    uint64_t from, to;
};

struct vs_heartbeat {
    uint64_t time;
    uint32_t interval; /* ms until the next one at the latest */
    uint64_t recorded; /* readings since the anchor */
};

/* All zero is an empty batch. Arrays are the caller's; numerics are worked in. */
struct vs_batch {
    struct vs_text label; /* opaque name of a bed or an encounter; empty: unchanged */
    struct vs_numeric *numerics;
    size_t n_numerics;
    const struct vs_wave *waves;
    size_t n_waves;
    const struct vs_enumeration *enumerations;
    size_t n_enumerations;
    const struct vs_alert *alerts;
    size_t n_alerts;
    const struct vs_event *events;
    size_t n_events;
    const struct vs_dropped *drops;
    size_t n_drops;
    const struct vs_heartbeat *heartbeats;
    size_t n_heartbeats;
};

/*
 * Writes the payload to out and its length to *len. VS_ESPACE: it is longer than
 * cap; VS_ETOOLARGE and VS_ESPAN: split the batch; others name the reading that
 * is out of range. Then *len is 0 and out holds nothing of use.
 *
 * Time grows with the square of the number of different metrics, and linearly
 * with all else. A wave of CODING_AUTO is gone through twice.
 */
int vs_batch_encode(const struct vs_batch *b, uint8_t *out, size_t cap, size_t *len);

#ifdef __cplusplus
}
#endif

#endif
