/*
 * A store for the boot record in two sectors of flash, for parts that have
 * nothing better (an FRAM, a file system, a key-value store of the RTOS).
 *
 * Each write erases the sector that is not in use, writes the new record there,
 * reads it back, and erases the old one with its key. An anchor takes two
 * writes, and so two erasures of each sector: 10,000 of them last 13 years at
 * one anchor a day.
 */
#ifndef VITALSEAL_FLASH_H
#define VITALSEAL_FLASH_H

#include "vitalseal/record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_FLASH_SLOT 128 /* bytes used at the start of each sector */

/* What the vendor supplies. Sectors are 0 and 1; functions return 0, or anything else for a failure. */
struct vs_flash {
    void *context;
    int (*read)(void *context, unsigned sector, uint8_t to[VS_FLASH_SLOT]);
    /* Sets every bit of a sector. A power cut may leave anything there. */
    int (*erase)(void *context, unsigned sector);
    /* Writes the first VS_FLASH_SLOT bytes of an erased sector. A power cut may leave anything there. */
    int (*program)(void *context, unsigned sector, const uint8_t from[VS_FLASH_SLOT]);
};

/* Fills in a store whose context is flash, which must outlive it. */
void vs_flash_store(struct vs_flash *flash, struct vs_store *store);

#ifdef __cplusplus
}
#endif

#endif
