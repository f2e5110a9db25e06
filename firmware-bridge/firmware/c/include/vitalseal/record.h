/*
 * The boot record: what a device must not forget. How often it began a chain,
 * its pre-shared key and that key's generation, and the chain before.
 *
 * The vendor keeps its bytes, which are not theirs to read: one record, in
 * flash, FRAM or a secure element, where nobody else reads it, for it holds the
 * key. vs_begin refuses to seal when it cannot be stored.
 */
#ifndef VITALSEAL_RECORD_H
#define VITALSEAL_RECORD_H

#include "vitalseal/crypto.h"
#include "vitalseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_RECORD_SIZE 96

struct vs_store {
    void *context;

    /* Gives the record that was written last. 0, or anything else when there is none. */
    int (*read)(void *context, uint8_t record[VS_RECORD_SIZE]);

    /*
     * Replaces the record. When it returns 0 the new one is in place for good,
     * whatever becomes of the power, and no copy of the old one can be read any
     * more: erase the old flash sector before you return, since messages that
     * were sent would open with its key. A power cut on the way leaves the old
     * record or the new one, whole: write the new one into another sector first.
     */
    int (*write)(void *context, const uint8_t record[VS_RECORD_SIZE]);
};

/*
 * The first record of a device, made where the device is made and written to
 * its store there: no chain yet, generation 0 of the key. The same key goes to
 * the receivers, with the device's public key. psk is erased.
 */
int vs_record_make(const struct vs_crypto *crypto, const uint8_t kid[VS_KID_SIZE], uint8_t psk[VS_SECRET_SIZE],
                   uint8_t record[VS_RECORD_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
