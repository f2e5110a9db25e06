/* From reset to main: memory, the painted stack, the vector table. */
#include <stddef.h>
#include <stdint.h>

#include "board.h"

#define PAINT 0xdeadc0deu

extern uint32_t __stack_bottom[], __stack_top[];
extern uint32_t __data_start[], __data_end[], __data_load[];
extern uint32_t __bss_start[], __bss_end[];

int main(void);
void reset_handler(void);
void fault_handler(void);
void systick_handler(void);
void uart1_handler(void);

/*
 * Naked of any frame of its own as far as C allows: it paints all of the stack
 * below where it stands itself.
 */
void reset_handler(void) {
    uint32_t *sp = (uint32_t *)__builtin_frame_address(0) - 16;
    for (uint32_t *p = __stack_bottom; p < sp; p++) {
        *p = PAINT;
    }
    for (uint32_t *from = __data_load, *to = __data_start; to < __data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *p = __bss_start; p < __bss_end; p++) {
        *p = 0;
    }
    main();
    fault_handler();
}

/* A fault ends this run: say so, and start anew (AIRCR, SYSRESETREQ). */
void fault_handler(void) {
    board_console("fault\n");
    *(volatile uint32_t *)0xe000ed0cu = 0x05fa0004u;
    for (;;) {
    }
}

size_t board_stack_size(void) {
    return (size_t)(__stack_top - __stack_bottom) * sizeof *__stack_top;
}

size_t board_stack_used(void) {
    const uint32_t *p = __stack_bottom;
    while (p < __stack_top && *p == PAINT) {
        p++;
    }
    return (size_t)(__stack_top - p) * sizeof *p;
}

typedef void (*vector)(void);

/* Exceptions 1 to 15, then interrupts 0 to 43 of the LM3S6965. */
#define FAULT {.handler = fault_handler}
#define FAULTS_6 FAULT, FAULT, FAULT, FAULT, FAULT, FAULT
__attribute__((section(".vectors"), used)) static const union {
    uint32_t *stack;
    vector handler;
} vectors[16 + 44] = {
    {.stack = __stack_top},
    {.handler = reset_handler},
    FAULTS_6, FAULTS_6, FAULT, /* 2 to 14 */
    {.handler = systick_handler},
    FAULTS_6, /* UART0 is interrupt 5 */
    {.handler = uart1_handler},
    FAULTS_6, FAULTS_6, FAULTS_6, FAULTS_6, FAULTS_6, FAULTS_6, FAULT,
};
