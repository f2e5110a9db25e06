/*
 * Does with the link what the lines on standard input say, and prints what
 * comes of it, so that the Go test can hold it against the Go package. One line
 * in, one line out; numbers are decimal, bytes hexadecimal, "-" none.
 *
 *   init session kid caps firmware keep receive first     error
 *   receive now bytes                                     ok
 *   queue type bytes                                      error
 *   room type                                             number
 *   send now                                              bytes
 *   next now                                              number
 *   log level bytes                                       ok
 *   dropped n                                             ok
 *   failures n                                            ok: so often the signer fails
 *   script message signature                              ok: all that it signs from now on
 *   time                                                  unix error beacon at
 *   state                                                 phase reason unacked acked next
 *   counts                                                good bad
 *   frame bytes                                           bytes, from delimiter to delimiter
 *   decode size bytes                                     good bad, then each frame
 *   piecemeal size bytes                                  the same, a byte at a time
 *   parse bytes                                           fields of a frame from the gateway
 *   proof kid session challenge                           bytes
 *   hello|signature|heartbeat|log_frame|data fields...    bytes, with delimiters
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vitalseal/link.h"

#define LINE (1 << 17)
#define WIRE VS_LINK_WIRE_SIZE(VS_LINK_MAX_FRAME)

static char input[LINE];

static void fail(const char *why) {
    fprintf(stderr, "link_driver: %s\n", why);
    exit(2);
}

/* --- arguments ----------------------------------------------------------- */

static const char *word(void) {
    const char *w = strtok(NULL, " \n");
    if (w == NULL) {
        fail("argument missing");
    }
    return w;
}

static uint64_t number(void) { return strtoull(word(), NULL, 10); }

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* Bytes in memory of their own and of exactly their length, for the sanitizer. */
static uint8_t *bytes(size_t *n) {
    const char *w = word();
    *n = strcmp(w, "-") == 0 ? 0 : strlen(w) / 2;
    uint8_t *p = malloc(*n > 0 ? *n : 1);
    if (p == NULL) {
        fail("no memory");
    }
    for (size_t i = 0; i < *n; i++) {
        p[i] = (uint8_t)(nibble(w[2 * i]) << 4 | nibble(w[2 * i + 1]));
    }
    return p;
}

static void bytes_into(uint8_t *dst, size_t want) {
    size_t n;
    uint8_t *p = bytes(&n);
    if (n != want) {
        fail("wrong length");
    }
    memcpy(dst, p, n);
    free(p);
}

static void print(const uint8_t *p, size_t n) {
    if (n == 0) {
        putchar('-');
    }
    for (size_t i = 0; i < n; i++) {
        printf("%02x", p[i]);
    }
}

static void print_line(const uint8_t *p, size_t n) {
    print(p, n);
    putchar('\n');
}

/* --- sensor -------------------------------------------------------------- */

static struct vs_link_sensor sensor;
static uint8_t *keep, *receive;
static char *firmware;

static int failures;                 /* how often the signer fails */
static uint8_t *expected, *scripted; /* what a vector has it sign, once */
static size_t expected_len;

static int sign_as_scripted(const uint8_t *m, size_t n, uint8_t out[VS_LINK_SIGNATURE_SIZE]) {
    if (scripted == NULL || n != expected_len || memcmp(m, expected, n) != 0) {
        fail("signs what it should not");
    }
    memcpy(out, scripted, VS_LINK_SIGNATURE_SIZE);
    free(scripted);
    scripted = NULL;
    return 0;
}

/* As the Go test's: every byte depends on the whole message. */
static int sign(void *context, const uint8_t *m, size_t n, uint8_t out[VS_LINK_SIGNATURE_SIZE]) {
    int *fails = context;
    if (*fails > 0) {
        --*fails;
        return 1;
    }
    if (expected != NULL) {
        return sign_as_scripted(m, n, out);
    }
    const uint32_t crc = vs_link_crc32c(0, m, n);
    for (size_t i = 0; i < VS_LINK_SIGNATURE_SIZE; i++) {
        out[i] = (uint8_t)((crc >> (8 * (i % 4))) + i);
    }
    return 0;
}

static void forget_script(void) {
    free(expected);
    free(scripted);
    expected = scripted = NULL;
    failures = 0;
}

static void script(void) {
    size_t n;
    forget_script();
    expected = bytes(&expected_len);
    scripted = bytes(&n);
    if (n != VS_LINK_SIGNATURE_SIZE) {
        fail("no signature");
    }
    puts("ok");
}

static void init(void) {
    struct vs_link_config c = {.session = (uint32_t)number(), .sign_context = &failures};
    size_t n;
    forget_script();
    bytes_into(c.kid, sizeof c.kid);
    c.capabilities = (uint16_t)number();
    uint8_t *text = bytes(&n);
    free(firmware);
    firmware = calloc(1, n + 1);
    memcpy(firmware, text, n);
    free(text);
    c.firmware = firmware;
    c.keep_size = (size_t)number();
    c.receive_size = (size_t)number();
    c.first = (uint32_t)number();
    free(keep);
    free(receive);
    c.keep = keep = malloc(c.keep_size);
    c.receive = receive = malloc(c.receive_size);
    for (size_t i = 0; i < sizeof c.kid; i++) {
        c.sign = c.kid[i] != 0 ? sign : c.sign;
    }
    printf("%d\n", vs_link_sensor_init(&sensor, &c));
}

static void receive_bytes(void) {
    const uint64_t now = number();
    size_t n;
    uint8_t *p = bytes(&n);
    vs_link_sensor_receive(&sensor, p, n, now);
    free(p);
    puts("ok");
}

static void queue(void) {
    const uint8_t type = (uint8_t)number();
    size_t n;
    uint8_t *p = bytes(&n);
    printf("%d\n", vs_link_sensor_queue(&sensor, type, p, n));
    free(p);
}

static void send_frame(void) {
    uint8_t *dst = malloc(WIRE);
    print_line(dst, vs_link_sensor_send(&sensor, dst, WIRE, number()));
    free(dst);
}

static void log_line(void) {
    const uint8_t level = (uint8_t)number();
    size_t n;
    uint8_t *p = bytes(&n);
    vs_link_sensor_log(&sensor, level, (const char *)p, n);
    free(p);
    puts("ok");
}

static void print_time(void) {
    struct vs_link_time t;
    uint64_t at;
    if (!vs_link_sensor_time(&sensor, &t, &at)) {
        puts("-");
        return;
    }
    printf("%" PRIu64 " %" PRIu32 " ", t.unix_ms, t.error);
    print(t.beacon, sizeof t.beacon);
    printf(" %" PRIu64 "\n", at);
}

static void print_state(void) {
    const struct vs_link_status s = vs_link_sensor_status(&sensor);
    printf("%u %u %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", s.phase, s.reason, s.unacked, s.acked, s.next);
}

static void print_counts(void) {
    const struct vs_link_status s = vs_link_sensor_status(&sensor);
    printf("%" PRIu64 " %" PRIu64 "\n", s.good, s.bad);
}

/* --- frames -------------------------------------------------------------- */

static void frame(void) {
    size_t n, len;
    uint8_t *p = bytes(&len), *dst = malloc(WIRE);
    const int err = vs_link_put_frame(dst, WIRE, p, len, &n);
    if (err != VS_OK) {
        printf("error %d\n", err);
    } else {
        print_line(dst, n);
    }
    /* One byte less is too little, and nothing is written behind it. */
    uint8_t *tight = malloc(n > 1 ? n - 1 : 1);
    size_t none = 1;
    if (n > 1 && (vs_link_put_frame(tight, n - 1, p, len, &none) != VS_ESPACE || none != 0)) {
        fail("a frame went into less than its length");
    }
    free(tight);
    free(p);
    free(dst);
}

static void decode(size_t piece) {
    struct vs_link_decoder d;
    const size_t size = (size_t)number();
    size_t n;
    uint8_t *buf = malloc(size), *p = bytes(&n), *found = malloc(2 * n + 2);
    size_t used = 0;
    vs_link_decoder_init(&d, buf, size);
    for (size_t i = 0; i < n;) {
        const uint8_t *f;
        size_t len;
        i += vs_link_decode(&d, p + i, n - i < piece ? n - i : piece, &f, &len);
        if (f != NULL) {
            found[used++] = (uint8_t)(len >> 8);
            found[used++] = (uint8_t)len;
            memcpy(found + used, f, len);
            used += len;
        }
    }
    printf("%" PRIu64 " %" PRIu64, d.good, d.bad);
    for (size_t i = 0; i < used;) {
        const size_t len = (size_t)found[i] << 8 | found[i + 1];
        putchar(' ');
        print(found + i + 2, len);
        i += 2 + len;
    }
    putchar('\n');
    free(buf);
    free(p);
    free(found);
}

static void parse(void) {
    struct vs_link_welcome w;
    struct vs_link_ack a;
    struct vs_link_refuse r;
    struct vs_link_time t;
    size_t n;
    uint8_t *p = bytes(&n);
    if (n == 0) {
        puts("malformed");
    } else if (vs_link_get_welcome(&w, p, n) == VS_OK) {
        printf("welcome %u %u %u %" PRIu32 " ", w.version, w.max_frame, w.window, w.session);
        print_line(w.challenge, sizeof w.challenge);
    } else if (vs_link_get_ack(&a, p, n) == VS_OK) {
        printf("ack %" PRIu32 " %" PRIu32 " %u\n", a.session, a.next, a.window);
    } else if (vs_link_get_refuse(&r, p, n) == VS_OK) {
        printf("refuse %" PRIu32 " %u\n", r.session, r.reason);
    } else if (vs_link_get_time(&t, p, n) == VS_OK) {
        printf("time %" PRIu64 " %" PRIu32 " ", t.unix_ms, t.error);
        print_line(t.beacon, sizeof t.beacon);
    } else {
        puts(vs_link_get_poll(p, n) == VS_OK ? "poll" : "malformed");
    }
    free(p);
}

static void proof_message(void) {
    uint8_t kid[VS_LINK_KID_SIZE], challenge[VS_LINK_CHALLENGE_SIZE], dst[VS_LINK_PROOF_MAX];
    bytes_into(kid, sizeof kid);
    const uint32_t session = (uint32_t)number();
    bytes_into(challenge, sizeof challenge);
    print_line(dst, vs_link_proof_message(dst, kid, session, challenge));
}

static void print_put(int err, const uint8_t *dst, size_t n) {
    if (err != VS_OK) {
        printf("error %d\n", err);
    } else {
        print_line(dst, n);
    }
}

static void hello(void) {
    struct vs_link_hello m = {.version = (uint8_t)number()};
    uint8_t dst[200];
    size_t n, text;
    m.capabilities = (uint16_t)number();
    m.max_frame = (uint16_t)number();
    m.session = (uint32_t)number();
    m.base = (uint32_t)number();
    bytes_into(m.kid, sizeof m.kid);
    uint8_t *p = bytes(&text);
    m.firmware = (const char *)p;
    m.firmware_len = (uint8_t)text;
    const int err = vs_link_put_hello(dst, sizeof dst, &m, &n);
    print_put(err, dst, n);
    free(p);
}

static void signature(void) {
    struct vs_link_proof m = {.session = (uint32_t)number()};
    uint8_t dst[200];
    size_t n;
    bytes_into(m.echo, sizeof m.echo);
    bytes_into(m.signature, sizeof m.signature);
    const int err = vs_link_put_proof(dst, sizeof dst, &m, &n);
    print_put(err, dst, n);
}

static void heartbeat(void) {
    struct vs_link_heartbeat m = {.session = (uint32_t)number()};
    uint8_t dst[200];
    size_t n;
    m.now = number();
    m.next = (uint32_t)number();
    m.dropped = (uint32_t)number();
    m.bad = (uint32_t)number();
    const int err = vs_link_put_heartbeat(dst, sizeof dst, &m, &n);
    print_put(err, dst, n);
}

static void log_frame(void) {
    struct vs_link_log m = {.session = (uint32_t)number()};
    uint8_t dst[400];
    size_t n, text;
    m.level = (uint8_t)number();
    uint8_t *p = bytes(&text);
    m.text = (const char *)p;
    m.len = (uint8_t)text;
    const int err = vs_link_put_log(dst, sizeof dst, &m, &n);
    print_put(err, dst, n);
    free(p);
}

static void data(void) {
    struct vs_link_data m = {.type = (uint8_t)number()};
    uint8_t *dst = malloc(WIRE);
    size_t n;
    m.session = (uint32_t)number();
    m.seq = (uint32_t)number();
    m.now = number();
    uint8_t *p = bytes(&m.len);
    m.body = p;
    const int err = vs_link_put_data(dst, WIRE, &m, &n);
    print_put(err, dst, n);
    free(p);
    free(dst);
}

static void step(const char *verb) {
    static const struct {
        const char *name;
        void (*run)(void);
    } verbs[] = {
        {"init", init},           {"receive", receive_bytes}, {"queue", queue},
        {"send", send_frame},     {"log", log_line},          {"time", print_time},
        {"state", print_state},   {"frame", frame},           {"parse", parse},
        {"proof", proof_message}, {"hello", hello},           {"signature", signature},
        {"heartbeat", heartbeat}, {"log_frame", log_frame},   {"data", data},
        {"script", script},       {"counts", print_counts},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i].name) == 0) {
            verbs[i].run();
            return;
        }
    }
    if (strcmp(verb, "room") == 0) {
        printf("%zu\n", vs_link_sensor_room(&sensor, (uint8_t)number()));
    } else if (strcmp(verb, "next") == 0) {
        printf("%" PRIu64 "\n", vs_link_sensor_next(&sensor, number()));
    } else if (strcmp(verb, "dropped") == 0) {
        vs_link_sensor_dropped(&sensor, (uint32_t)number());
        puts("ok");
    } else if (strcmp(verb, "failures") == 0) {
        failures = (int)number();
        puts("ok");
    } else if (strcmp(verb, "decode") == 0) {
        decode(SIZE_MAX);
    } else if (strcmp(verb, "piecemeal") == 0) {
        decode(1);
    } else {
        fail("unknown verb");
    }
}

int main(void) {
    while (fgets(input, sizeof input, stdin) != NULL) {
        const char *verb = strtok(input, " \n");
        if (verb == NULL) {
            fail("empty line");
        }
        step(verb);
    }
    free(keep);
    free(receive);
    free(firmware);
    forget_script();
    return 0;
}
