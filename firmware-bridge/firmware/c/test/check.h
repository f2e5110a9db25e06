/* What the tests share. A failed check is printed, counted, and lets the test go on. */
#ifndef VITALSEAL_CHECK_H
#define VITALSEAL_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

extern unsigned failures;

#define CHECK(ok, ...) \
    do { \
        if (!(ok)) { \
            failures++; \
            printf("FAIL %s:%d: %s: ", __FILE__, __LINE__, #ok); \
            printf(__VA_ARGS__); \
            printf("\n"); \
        } \
    } while (0)

/* A whole file, terminated; exits when it cannot be read. */
char *read_file(const char *dir, const char *name);

/* Calls visit for every .txt file of a directory, in the order of names; exits when there is none. */
void each_vector(const char *dir, void (*visit)(const char *dir, const char *name));

/* Reads hex digits, white space between bytes skipped, up to any other character
 * or the end; returns the number of bytes, at most cap. */
size_t unhex(const char *text, uint8_t *out, size_t cap);

/* Prints bytes as hex to stdout. */
void put_hex(const uint8_t *p, size_t n);

/* A generator for tests, from a seed that the test prints: xorshift64. */
uint64_t next_random(uint64_t *state);

#endif
