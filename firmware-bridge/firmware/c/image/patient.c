#include "patient.h"

#define SAMPLES_PER_S (1000 / PATIENT_SAMPLE_MS)
#define CUFF_S 60   /* seconds between two blood pressures */
#define FINGER_S 90 /* the finger is off for 3 of so many seconds, from the fifth on */

/*
 * A sine of full range ±1,024 for a phase of 2^32 a turn: two parabolas, off
 * by at most 6 %, which is no matter here.
 */
static int sine(uint32_t phase) {
    const int x = (int)(phase >> 21); /* 0 to 2047 */
    const int half = x & 1023;
    const int y = half * (1024 - half) / 256;
    return x < 1024 ? y : -y;
}

/* A sine with a period in seconds, at a number of samples. */
static int slow(uint32_t sample, uint32_t period_s) {
    const uint32_t turn = period_s * SAMPLES_PER_S;
    return sine((uint32_t)(((uint64_t)(sample % turn) << 32) / turn));
}

/* Ten times the rate a minute. */
static int heart(uint32_t sample) { return 740 + slow(sample, 170) * 60 / 1024 + slow(sample, 23) * 20 / 1024; }

static int resp(uint32_t sample) { return 150 + slow(sample, 130) * 25 / 1024; }

/* The phase that one sample advances at ten times a rate a minute. */
static uint32_t advance(int rate_x10) {
    return (uint32_t)(((uint64_t)rate_x10 << 32) / (600u * SAMPLES_PER_S));
}

/* A parabola of a height about a centre, zero beyond its half width; phases of 1,024 a beat. */
static int bump(int x, int centre, int half, int height) {
    const int d = x - centre;
    if (d <= -half || d >= half) {
        return 0;
    }
    return height - height * d * d / (half * half);
}

static int ecg_at(int x) {
    return bump(x, 200, 40, 24) - bump(x, 300, 12, 20) + bump(x, 320, 16, 220) -
           bump(x, 342, 14, 50) + bump(x, 560, 80, 56);
}

static int pleth_at(int x) { return bump(x, 480, 170, 1500) + bump(x, 760, 150, 600); }

/* A little noise, -3 to 3: the upper bits of a multiplicative hash. */
static int noise(uint32_t sample) { return (int)(sample * 2654435761u >> 29) - 4 + (int)(sample & 1u); }

static bool finger_off(uint32_t sample) {
    const uint32_t s = sample / SAMPLES_PER_S % FINGER_S;
    return s >= 5 && s < 8;
}

void patient_step(struct patient *p, int16_t *ecg, int16_t *pleth) {
    const int x = (int)(p->beat >> 22);
    const int wander = sine(p->breath);
    *ecg = (int16_t)(ecg_at(x) + wander * 6 / 1024 + noise(p->sample));
    *pleth = (int16_t)(finger_off(p->sample) ? 0 : 400 + pleth_at(x) + wander * 60 / 1024);
    p->beat += advance(heart(p->sample));
    p->breath += advance(resp(p->sample));
    p->sample++;
}

struct vitals patient_vitals(const struct patient *p) {
    const uint32_t s = p->sample;
    struct vitals v = {
        .heart_rate = (heart(s) + 5) / 10,
        .resp_rate = (resp(s) + 5) / 10,
        .spo2 = 97 + slow(s, 210) * 2 / 1024,
        .temp = 368 + slow(s, 900) * 3 / 1024,
        .finger_off = s > 0 && finger_off(s - 1),
        .cuff = s > 0 && s % (CUFF_S * SAMPLES_PER_S) == 10 * SAMPLES_PER_S,
    };
    if (v.cuff) {
        v.systolic = 121 + slow(s, 700) * 9 / 1024;
        v.diastolic = 76 + slow(s, 500) * 6 / 1024;
        v.mean = v.diastolic + (v.systolic - v.diastolic) / 3;
    }
    return v;
}
