/*
 * Why a call did nothing, or what it ended. Zero is success. The numbers stay:
 * a device may log them.
 */
#ifndef VITALSEAL_ERROR_H
#define VITALSEAL_ERROR_H

enum vs_error {
    VS_OK = 0,
    VS_EARGUMENT = 1, /* a pointer is missing, or a number has no meaning there */
    VS_ESPACE = 2,    /* the destination is too short */
    VS_ETOOLARGE = 3, /* over 32,000 bytes or 8,192 numerics: split the batch */

    /* A reading is out of range: vital/FORMAT.md, "What a decoder refuses". */
    VS_ETIME = 10,         /* a time is over 2^53-1 ms */
    VS_ESPAN = 11,         /* times of one batch are over 2^32-1 ms apart: split the batch */
    VS_EVALUE = 12,        /* no decimal of 24 bits, or a special value with an exponent */
    VS_ENOTAVAILABLE = 13, /* the status is not-available and the value is not NaN */
    VS_ENAN = 14,          /* NaN, and the status neither not-available nor invalid */
    VS_ETEXT = 15,         /* a text is over 80 bytes or not UTF-8 */
    VS_ERATE = 16,         /* the rate of a wave is not a number above zero */
    VS_EFACTOR = 17,       /* the factor of a wave is not a number */
    VS_ECOUNT = 18,        /* a wave has no samples or over 16,384 */
    VS_ECODING = 19,       /* unknown coding of samples */
    VS_ERANGE = 20,        /* a sample does not fit the coding that was asked for */
    VS_EALERT = 21,        /* kind, priority or state of an alert is unknown */
    VS_EEVENT = 22,        /* an event has no kind */
    VS_EDROP = 23,         /* a dropped record has no reason or ends before it starts */

    /* Sealing. After those marked (*) the chain has ended: vs_begin. */
    VS_EANCHOR = 30,    /* an anchor is out of range: seal/FORMAT.md, rules 8 and 9 */
    VS_ENOCHAIN = 31,   /* no chain, or a copy of the sealer */
    VS_EPAYLOAD = 32,   /* nothing to seal, or over 32,512 bytes */
    VS_EEXHAUSTED = 33, /* the chain is at its end: vs_begin */
    VS_ERANDOM = 34,    /* the random generator fails or repeats itself (*) */
    VS_ECRYPTO = 35,    /* the hash or the AEAD fails (*) */
    VS_ESIGN = 36,      /* the signer fails (*) */
    VS_ESTORE = 37,     /* the boot record cannot be read, written or read back (*) */
    VS_ERECORD = 38,    /* the boot record is damaged, rolled back or another device's (*) */
    VS_EGENERATION = 39 /* the pre-shared key is at its last generation: provision anew (*) */
};

#endif
