/*
 * A slot, integers big-endian:
 *
 *   0 "VSF1"  4 serial  8 record  104 zeros  124 CRC-32C of all before
 *
 * The valid slot with the higher serial counts. Serials count writes: 2^32 of
 * them outlast every flash.
 */
#include "vitalseal/flash.h"

#include <stdbool.h>
#include <string.h>

#include "kdf.h"

enum { SERIAL = 4, RECORD = 8, PAD = RECORD + VS_RECORD_SIZE, CHECK = VS_FLASH_SLOT - 4 };

static const uint8_t magic[4] = {'V', 'S', 'F', '1'};

static uint32_t crc32c(const uint8_t *p, size_t n) {
    uint32_t crc = UINT32_C(0xffffffff);
    unsigned bit;
    while (n-- > 0) {
        crc ^= *p++;
        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (UINT32_C(0x82f63b78) & (UINT32_C(0) - (crc & 1)));
        }
    }
    return ~crc;
}

static void put32(uint8_t *to, uint32_t n) {
    to[0] = (uint8_t)(n >> 24);
    to[1] = (uint8_t)(n >> 16);
    to[2] = (uint8_t)(n >> 8);
    to[3] = (uint8_t)n;
}

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads a slot; false if it holds no record. */
static bool load(const struct vs_flash *f, unsigned sector, uint8_t slot[VS_FLASH_SLOT]) {
    return f->read(f->context, sector, slot) == 0 && memcmp(slot, magic, sizeof magic) == 0 &&
           get32(slot + CHECK) == crc32c(slot, CHECK);
}

/* Reads the slot that counts and returns its sector, 2 if there is none. */
static unsigned current(const struct vs_flash *f, uint8_t slot[VS_FLASH_SLOT]) {
    uint8_t other[VS_FLASH_SLOT];
    bool first = load(f, 0, slot), second = load(f, 1, other);
    unsigned sector = first ? 0 : 2;
    if (second && (!first || get32(other + SERIAL) > get32(slot + SERIAL))) {
        memcpy(slot, other, sizeof other);
        sector = 1;
    }
    vs_wipe(other, sizeof other);
    return sector;
}

static int flash_read(void *context, uint8_t record[VS_RECORD_SIZE]) {
    uint8_t slot[VS_FLASH_SLOT];
    unsigned sector = current((const struct vs_flash *)context, slot);
    if (sector < 2) {
        memcpy(record, slot + RECORD, VS_RECORD_SIZE);
    }
    vs_wipe(slot, sizeof slot);
    return sector == 2;
}

/* Makes slot the content of a sector, and looks. */
static int put(const struct vs_flash *f, unsigned sector, const uint8_t slot[VS_FLASH_SLOT]) {
    uint8_t back[VS_FLASH_SLOT];
    int bad = f->erase(f->context, sector) != 0 || f->program(f->context, sector, slot) != 0 ||
              !load(f, sector, back) || memcmp(back, slot, sizeof back) != 0;
    vs_wipe(back, sizeof back);
    return bad;
}

/* Erases a sector, and looks: worn-out memory does not say that it kept its bits. */
static int forget(const struct vs_flash *f, unsigned sector) {
    uint8_t back[VS_FLASH_SLOT];
    uint8_t all = 0xff;
    size_t i;
    if (f->erase(f->context, sector) != 0 || f->read(f->context, sector, back) != 0) {
        return 1;
    }
    for (i = 0; i < sizeof back; i++) {
        all &= back[i];
    }
    vs_wipe(back, sizeof back);
    return all != 0xff;
}

static int flash_write(void *context, const uint8_t record[VS_RECORD_SIZE]) {
    const struct vs_flash *f = (const struct vs_flash *)context;
    uint8_t slot[VS_FLASH_SLOT];
    unsigned old = current(f, slot), sector = old == 0 ? 1 : 0;
    uint32_t serial = old < 2 ? get32(slot + SERIAL) + 1 : 1;
    int bad;
    memcpy(slot, magic, sizeof magic);
    put32(slot + SERIAL, serial);
    memcpy(slot + RECORD, record, VS_RECORD_SIZE);
    memset(slot + PAD, 0, CHECK - PAD);
    put32(slot + CHECK, crc32c(slot, CHECK));
    bad = put(f, sector, slot) || forget(f, 1 - sector);
    vs_wipe(slot, sizeof slot);
    return bad;
}

void vs_flash_store(struct vs_flash *flash, struct vs_store *store) {
    store->context = flash;
    store->read = flash_read;
    store->write = flash_write;
}
