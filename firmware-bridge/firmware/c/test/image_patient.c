/*
 * Prints what the image's patient is, second by second: the test holds what
 * arrives against it. One line a second:
 *
 *   heart resp spo2 temp finger_off cuff systolic diastolic mean ecg... pleth...
 */
#include <stdio.h>
#include <stdlib.h>

#include "../image/patient.h"

int main(int argc, char **argv) {
    struct patient p = {0, 0, 0};
    int16_t ecg[PATIENT_ECG_RATE], pleth[PATIENT_PLETH_RATE];
    const long seconds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    for (long s = 0; s < seconds; s++) {
        for (int i = 0; i < PATIENT_ECG_RATE; i++) {
            int16_t sample;
            patient_step(&p, &ecg[i], &sample);
            if (i % 2 == 0) {
                pleth[i / 2] = sample;
            }
        }
        const struct vitals v = patient_vitals(&p);
        printf("%d %d %d %d %d %d %d %d %d", v.heart_rate, v.resp_rate, v.spo2, v.temp,
               v.finger_off, v.cuff, v.systolic, v.diastolic, v.mean);
        for (int i = 0; i < PATIENT_ECG_RATE; i++) {
            printf(" %d", ecg[i]);
        }
        for (int i = 0; i < PATIENT_PLETH_RATE; i++) {
            printf(" %d", pleth[i]);
        }
        putchar('\n');
    }
    return 0;
}
