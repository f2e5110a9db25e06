/* Registers: LM3S6965 data sheet (SPMS006); UARTs: ARM PL011. */
#include "board.h"

#include <stdbool.h>

#include "vitalseal/link.h"

#define REG(address) (*(volatile uint32_t *)(address))

/* System control. */
#define RIS REG(0x400fe050u)
#define RCC REG(0x400fe060u)
#define RCGC1 REG(0x400fe104u)
#define RCGC2 REG(0x400fe108u)

/* SysTick and interrupts of the core. */
#define SYST_CSR REG(0xe000e010u)
#define SYST_RVR REG(0xe000e014u)
#define SYST_CVR REG(0xe000e018u)
#define NVIC_ISER0 REG(0xe000e100u)
#define ICSR REG(0xe000ed04u)

/* Pins: UART0 is PA0 and PA1, UART1 is PD2 and PD3. */
#define GPIO_A 0x40004000u
#define GPIO_D 0x40007000u
#define AFSEL(port) REG((port) + 0x420u)
#define DEN(port) REG((port) + 0x51cu)

#define UART0 0x4000c000u
#define UART1 0x4000d000u
#define UART1_IRQ 6
#define DR(uart) REG((uart) + 0x00u)
#define FR(uart) REG((uart) + 0x18u)
#define IBRD(uart) REG((uart) + 0x24u)
#define FBRD(uart) REG((uart) + 0x28u)
#define LCRH(uart) REG((uart) + 0x2cu)
#define CTL(uart) REG((uart) + 0x30u)
#define IM(uart) REG((uart) + 0x38u)
#define ICR(uart) REG((uart) + 0x44u)

#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define DR_SPOILT (7u << 8) /* framing, parity, break */
#define DR_OVERRUN (1u << 11)
#define INT_RX (1u << 4)
#define INT_TIMEOUT (1u << 6)
#define INT_OVERRUN (1u << 10)

void systick_handler(void);
void uart1_handler(void);

/* --- clock --------------------------------------------------------------- */

static volatile uint64_t millis;

void systick_handler(void) { millis++; }

uint64_t board_millis(void) {
    uint64_t a, b;
    do { /* two words that the interrupt changes */
        a = millis;
        b = millis;
    } while (a != b);
    return a;
}

uint32_t board_ticks(void) {
    uint64_t ms;
    uint32_t left;
    do {
        ms = board_millis();
        left = SYST_CVR;
    } while (ms != board_millis());
    return (uint32_t)ms * BOARD_TICKS_PER_MS + (BOARD_TICKS_PER_MS - 1 - left);
}

/* 8 MHz crystal, PLL, 200 MHz divided by 4: the sequence of the data sheet, 5.3. */
static void clock_init(void) {
    const uint32_t bypass = 1u << 11, use_div = 1u << 22, powered_down = 1u << 13;
    RCC = (RCC | bypass) & ~use_div;
    RCC = (RCC & ~(0xfu << 6 | 3u << 4 | powered_down | 1u)) | 0xeu << 6;
    while ((RIS & (1u << 6)) == 0) { /* the PLL locks within 0.5 ms */
    }
    RCC = (RCC & ~(0xfu << 23)) | 3u << 23 | use_div;
    RCC &= ~bypass;

    SYST_RVR = BOARD_TICKS_PER_MS - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
}

/* --- line ---------------------------------------------------------------- */

/* Written by the interrupt at head, read by the main loop at tail. */
#define RING 1024u
static volatile uint8_t ring[RING];
static volatile uint32_t head, tail;
static volatile struct board_line_errors errors;
static volatile uint32_t first_byte; /* ticks when it came, 0: none yet */

void uart1_handler(void) {
    ICR(UART1) = INT_RX | INT_TIMEOUT | INT_OVERRUN;
    while ((FR(UART1) & FR_RXFE) == 0) {
        const uint32_t d = DR(UART1);
        if ((d & DR_OVERRUN) != 0) {
            errors.overrun++;
        }
        if ((d & DR_SPOILT) != 0) {
            errors.spoilt++;
        }
        if (head - tail == RING) {
            errors.full++;
            continue;
        }
        ring[head % RING] = (uint8_t)d;
        head++;
    }
    if (first_byte == 0) {
        first_byte = board_ticks() | 1u;
    }
}

size_t board_line_read(uint8_t *dst, size_t cap) {
    size_t n = 0;
    while (n < cap && tail != head) {
        dst[n++] = ring[tail % RING];
        tail++;
    }
    return n;
}

size_t board_line_write(const uint8_t *p, size_t n) {
    size_t i = 0;
    while (i < n && (FR(UART1) & FR_TXFF) == 0) {
        DR(UART1) = p[i++];
    }
    return i;
}

struct board_line_errors board_line_errors(void) {
    return (struct board_line_errors){errors.overrun, errors.full, errors.spoilt};
}

static void uart_init(uint32_t uart) {
    CTL(uart) = 0;
    IBRD(uart) = 27; /* 50 MHz / 16 / 115200 = 27 + 8/64 */
    FBRD(uart) = 8;
    LCRH(uart) = 3u << 5 | 1u << 4; /* 8 bits, FIFO */
    CTL(uart) = 1u | 1u << 8 | 1u << 9;
}

static void pins_init(void) {
    RCGC1 |= 3u;
    RCGC2 |= 1u | 1u << 3;
    (void)RCGC2; /* the clocks need three cycles to arrive */
    (void)RCGC2;
    AFSEL(GPIO_A) |= 3u;
    DEN(GPIO_A) |= 3u;
    AFSEL(GPIO_D) |= 3u << 2;
    DEN(GPIO_D) |= 3u << 2;
}

void board_init(void) {
    clock_init();
    pins_init();
    uart_init(UART0);
    uart_init(UART1);
    IM(UART1) = INT_RX | INT_TIMEOUT | INT_OVERRUN;
    NVIC_ISER0 = 1u << UART1_IRQ;
}

/* --- boot number --------------------------------------------------------- */

/* What power-up left in RAM, or the run before a warm reset. */
__attribute__((section(".noinit"))) static uint32_t remains[16];

/*
 * This chip has no random generator, and this image no flash slot. What differs
 * between two boots is when, to 20 ns, the gateway's first byte came, and what
 * RAM held. A product counts its boots in flash instead.
 */
uint32_t board_boot_number(void) {
    while (first_byte == 0) {
        board_idle();
    }
    remains[0]++;
    remains[1] ^= first_byte;
    const uint32_t n = vs_link_crc32c(0, (const uint8_t *)remains, sizeof remains);
    remains[2] ^= n;
    return n;
}

/* --- the rest ------------------------------------------------------------ */

void board_console(const char *text) {
    for (; *text != 0; text++) {
        while ((FR(UART0) & FR_TXFF) != 0) {
        }
        DR(UART0) = (uint8_t)*text;
    }
}

void board_idle(void) { __asm volatile("wfi"); }
