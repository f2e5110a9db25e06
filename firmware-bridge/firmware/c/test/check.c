#include "check.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

unsigned failures;

char *read_file(const char *dir, const char *name) {
    char path[1024];
    FILE *f;
    long size;
    char *text;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0) {
        printf("FAIL %s cannot be read\n", path);
        exit(1);
    }
    text = malloc((size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, f) != (size_t)size) {
        printf("FAIL %s cannot be read\n", path);
        exit(1);
    }
    text[size] = 0;
    fclose(f);
    return text;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void each_vector(const char *dir, void (*visit)(const char *dir, const char *name)) {
    enum { MAX = 1000 };
    static char *names[MAX];
    struct dirent *entry;
    DIR *d = opendir(dir);
    size_t n = 0, i;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0 && n < MAX) {
            names[n] = malloc(len + 1);
            memcpy(names[n++], entry->d_name, len + 1);
        }
    }
    if (d == NULL || n == 0 || n == MAX) {
        printf("FAIL %zu vectors in %s\n", n, dir);
        exit(1);
    }
    closedir(d);
    qsort(names, n, sizeof names[0], by_name);
    for (i = 0; i < n; i++) {
        visit(dir, names[i]);
        free(names[i]);
    }
}

static int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t unhex(const char *text, uint8_t *out, size_t cap) {
    size_t n = 0;
    while (n < cap) {
        int high, low;
        if (*text == '\n' && digit(text[1]) >= 0) {
            text++;
        }
        high = digit(text[0]);
        low = high < 0 ? -1 : digit(text[1]);
        if (low < 0) {
            return n;
        }
        out[n++] = (uint8_t)(high * 16 + low);
        text += 2;
    }
    return n;
}

void put_hex(const uint8_t *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    while (n-- > 0) {
        putchar(digits[*p >> 4]);
        putchar(digits[*p++ & 15]);
    }
}

uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}
