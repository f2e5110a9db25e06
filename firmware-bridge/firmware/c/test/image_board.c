/*
 * The board of image/board.h made of pipes and a clock of its own, so that hours
 * of the sensor pass in seconds under the sanitizers. The test is the line: after
 * every EXCHANGE_MS milliseconds the board writes what the line took, as a length
 * of four bytes (least significant first) and the bytes, and reads what arrives
 * in the same form. It ends when its input does.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../image/board.h"

#define EXCHANGE_MS 10
#define LINE_BYTES_PER_MS 11 /* 115200 baud */

static uint64_t millis;
static uint8_t in[1 << 16], out[1 << 16];
static size_t in_len, in_done, out_len, budget;

static void pass(void *p, size_t n, bool to_test) {
    const size_t done = to_test ? fwrite(p, 1, n, stdout) : fread(p, 1, n, stdin);
    if (done != n) {
        exit(0); /* the test has ended */
    }
}

static void exchange(void) {
    uint8_t head[4] = {(uint8_t)out_len, (uint8_t)(out_len >> 8), (uint8_t)(out_len >> 16), 0};
    pass(head, sizeof head, true);
    pass(out, out_len, true);
    fflush(stdout);
    out_len = 0;
    memmove(in, in + in_done, in_len - in_done);
    in_len -= in_done;
    in_done = 0;
    pass(head, sizeof head, false);
    const size_t n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
    if (n > sizeof in - in_len) {
        fputs("image_board: too much at once\n", stderr);
        exit(2);
    }
    pass(in + in_len, n, false);
    in_len += n;
}

void board_init(void) {}

uint64_t board_millis(void) { return millis; }

uint32_t board_ticks(void) { return (uint32_t)millis * BOARD_TICKS_PER_MS; }

size_t board_line_read(uint8_t *dst, size_t cap) {
    const size_t n = in_len - in_done < cap ? in_len - in_done : cap;
    memcpy(dst, in + in_done, n);
    in_done += n;
    return n;
}

size_t board_line_write(const uint8_t *p, size_t n) {
    n = n < budget ? n : budget;
    n = n < sizeof out - out_len ? n : sizeof out - out_len;
    memcpy(out + out_len, p, n);
    out_len += n;
    budget -= n;
    return n;
}

struct board_line_errors board_line_errors(void) { return (struct board_line_errors){0, 0, 0}; }

uint32_t board_boot_number(void) { return 12345; }

void board_console(const char *text) { fputs(text, stderr); }

void board_idle(void) {
    millis++;
    budget = LINE_BYTES_PER_MS;
    if (millis % EXCHANGE_MS == 0) {
        exchange();
    }
}

size_t board_stack_size(void) { return 0; }

size_t board_stack_used(void) { return 0; }
