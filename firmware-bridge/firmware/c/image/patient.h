/*
 * A made-up patient in integers: everything is a function of the number of
 * samples since it began, on every machine alike.
 */
#ifndef PATIENT_H
#define PATIENT_H

#include <stdbool.h>
#include <stdint.h>

#define PATIENT_SAMPLE_MS 4 /* ECG at 250 Hz; the pleth is every second of them */
#define PATIENT_ECG_RATE 250
#define PATIENT_PLETH_RATE 125
#define PATIENT_ECG_PER_MV 200

/* Zero is a patient at its beginning. */
struct patient {
    uint32_t sample; /* number of samples so far */
    uint32_t beat;   /* phase of the heart, 2^32 a beat */
    uint32_t breath; /* phase of the breath */
};

/* The numbers that a monitor would show. */
struct vitals {
    int heart_rate; /* a minute */
    int resp_rate;  /* a minute */
    int spo2;       /* % */
    int temp;       /* tenths of a degree Celsius */
    bool finger_off; /* no SpO2, pulse rate or pleth */
    bool cuff;       /* a blood pressure was just measured: */
    int systolic, diastolic, mean; /* mmHg */
};

/* Goes on by one sample and gives it. */
void patient_step(struct patient *p, int16_t *ecg, int16_t *pleth);

/* What the monitor shows after the samples so far. */
struct vitals patient_vitals(const struct patient *p);

#endif
