/*
 * The board: LM3S6965 at 50 MHz, a clock in milliseconds, the line to the
 * gateway on UART1 (115200 8N1) and a console on UART0.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#define BOARD_TICKS_PER_MS 50000u

/* Clocks, pins, UARTs and SysTick; interrupts are on afterwards. */
void board_init(void);

/* Milliseconds since board_init. */
uint64_t board_millis(void);

/*
 * Ticks of the core clock since board_init, modulo 2^32. In QEMU with
 * -icount shift=0 a tick is 20 instructions.
 */
uint32_t board_ticks(void);

/* Takes what the line has received, at most cap bytes, and returns how much. */
size_t board_line_read(uint8_t *dst, size_t cap);

/* Gives the line as much of p as it takes at once and returns how much. */
size_t board_line_write(const uint8_t *p, size_t n);

/*
 * What the line lost or spoilt since board_init: bytes that found the UART's
 * FIFO or the ring full, and bytes with framing, parity or break errors. The
 * link's CRC finds the damage; this says why.
 */
struct board_line_errors {
    uint32_t overrun; /* UART: the interrupt came too late */
    uint32_t full;    /* ring: the main loop came too late */
    uint32_t spoilt;
};
struct board_line_errors board_line_errors(void);

/* A number that tells one boot from the next; NOT a source of keys. */
uint32_t board_boot_number(void);

/* Writes a terminated text to the console, waiting for it. */
void board_console(const char *text);

/* Sleeps until an interrupt; SysTick's comes every millisecond. */
void board_idle(void);

/* Bytes of stack there are, and the most that were ever in use. */
size_t board_stack_size(void);
size_t board_stack_used(void);

#endif
