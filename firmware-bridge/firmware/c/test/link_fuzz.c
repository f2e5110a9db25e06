/*
 * Fuzzes the sensor's end of the link:
 *
 *   link_fuzz SEED ROUNDS FILE...
 *
 * Each file is a stream of bytes, a vector's wire. A round puts some together,
 * mutates them and feeds them to a decoder and to sensors, under the sanitizers,
 * and checks what must hold whatever comes. A round is made from seed and number
 * alone; what fails is printed with both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vitalseal/link.h"

#define STREAM 6000
#define WIRE VS_LINK_WIRE_SIZE(VS_LINK_MAX_FRAME)

static uint64_t state, seed, round_number;

/* splitmix64 */
static uint64_t any(void) {
    uint64_t x = state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static size_t below(size_t n) { return (size_t)(any() % n); }

static void must(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "link_fuzz: seed %" PRIu64 " round %" PRIu64 ": %s\n", seed, round_number, what);
        exit(1);
    }
}

/* --- streams ------------------------------------------------------------- */

struct corpus {
    uint8_t *p;
    size_t n;
};

static struct corpus read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    struct corpus c = {malloc(STREAM), 0};
    if (f == NULL || c.p == NULL) {
        perror(path);
        exit(2);
    }
    c.n = fread(c.p, 1, STREAM, f);
    fclose(f);
    return c;
}

static size_t append(uint8_t *dst, size_t n, const uint8_t *p, size_t len) {
    len = len < STREAM - n ? len : STREAM - n;
    memcpy(dst + n, p, len);
    return n + len;
}

/* A frame as the gateway of a session sends it, its CRC right, its fields odd. */
static size_t append_answer(uint8_t *dst, size_t n, const struct vs_link_sensor *s) {
    static const uint8_t sizes[5] = {41, 10, 6, 29, 1};
    uint8_t frame[64] = {0}, wire[VS_LINK_WIRE_SIZE(68)];
    const size_t kind = below(5);
    const struct vs_link_status now = vs_link_sensor_status(s);
    const uint32_t session = s->config.session;
    frame[0] = (uint8_t)(VS_LINK_WELCOME + kind);
    for (size_t i = 1; i < sizes[kind]; i++) {
        frame[i] = (uint8_t)any();
    }
    const size_t at = kind == 0 ? 5 : 1;
    if (kind < 3) {
        for (size_t i = 0; i < 4; i++) {
            frame[at + i] = (uint8_t)(session >> (24 - 8 * i));
        }
    }
    if (kind == 0) {
        frame[1] = 1;
        frame[2] &= 0x0f;
        if (below(2) == 0) {
            memset(frame + 9, 0, VS_LINK_CHALLENGE_SIZE);
        }
    }
    if (kind == 1) {
        const uint32_t next = now.acked + (uint32_t)below(now.unacked + 2);
        for (size_t i = 0; i < 4; i++) {
            frame[5 + i] = (uint8_t)(next >> (24 - 8 * i));
        }
    }
    size_t len;
    must(vs_link_put_frame(wire, sizeof wire, frame, sizes[kind], &len) == VS_OK, "no room");
    return append(dst, n, wire, len);
}

static size_t mutate(uint8_t *p, size_t n) {
    for (size_t k = below(4); k > 0 && n > 0; k--) {
        const size_t at = below(n);
        switch (below(4)) {
        case 0: p[at] = (uint8_t)(p[at] ^ 1u << below(8)); break;
        case 1: p[at] = (uint8_t)any(); break;
        case 2: memmove(p + at, p + at + 1, n - at - 1); n--; break;
        default:
            if (n < STREAM) {
                memmove(p + at + 1, p + at, n - at);
                p[at] = (uint8_t)any();
                n++;
            }
        }
    }
    return n;
}

/* --- decoder ------------------------------------------------------------- */

/* What one decoder finds in pieces another finds at once. */
static void fuzz_decoder(const uint8_t *p, size_t n) {
    const size_t size = 5 + below(VS_LINK_MAX_FRAME - 4);
    uint8_t *a = malloc(size), *b = malloc(size), *wire = malloc(WIRE);
    struct vs_link_decoder whole, pieces;
    vs_link_decoder_init(&whole, a, size);
    vs_link_decoder_init(&pieces, b, size);
    size_t at = 0;
    for (size_t i = 0; i < n;) {
        const uint8_t *f, *g = NULL;
        size_t len, other = 0, again;
        i += vs_link_decode(&whole, p + i, n - i, &f, &len);
        must(i <= n, "took more than there is");
        while (at < i && g == NULL) {
            const size_t piece = 1 + below(7), rest = i - at;
            at += vs_link_decode(&pieces, p + at, piece < rest ? piece : rest, &g, &other);
        }
        must(at == i && (f == NULL) == (g == NULL) && len == other, "pieces are not the whole");
        if (f == NULL) {
            continue;
        }
        must(len > 0 && len + VS_LINK_CRC_SIZE <= size && memcmp(f, g, len) == 0, "frame");
        must(vs_link_put_frame(wire, WIRE, f, len, &again) == VS_OK, "does not encode");
        must(again <= VS_LINK_WIRE_SIZE(len + VS_LINK_CRC_SIZE), "longer than it may be");
    }
    must(whole.good == pieces.good && whole.bad == pieces.bad, "counts");
    free(a);
    free(b);
    free(wire);
}

/* --- sensor -------------------------------------------------------------- */

static int sign(void *context, const uint8_t *m, size_t n, uint8_t out[VS_LINK_SIGNATURE_SIZE]) {
    (void)context;
    must(n <= VS_LINK_PROOF_MAX && n > 50 && m[0] == 0x84, "signs something else");
    memset(out, 0x5a, VS_LINK_SIGNATURE_SIZE);
    return below(8) == 0;
}

static void check_queue(struct vs_link_sensor *s, uint8_t type) {
    uint8_t body[300];
    const size_t room = vs_link_sensor_room(s, type);
    const struct vs_link_status before = vs_link_sensor_status(s);
    const size_t len = below(sizeof body + 1);
    memset(body, (int)below(3), sizeof body);
    const int err = vs_link_sensor_queue(s, type, body, len);
    must((err == VS_OK) == (len > 0 && len <= room), "room and queue disagree");
    const struct vs_link_status after = vs_link_sensor_status(s);
    must(after.next - before.next == (err == VS_OK ? 1u : 0u), "numbers");
    must(after.unacked - before.unacked == (err == VS_OK ? 1u : 0u), "kept");
}

static bool is_data(uint8_t type) { return type >= VS_LINK_READINGS && type <= VS_LINK_SEALED; }

/* Whatever it heard, what it sends is one good frame, and data only when accepted. */
static void check_send(struct vs_link_sensor *s, uint64_t now) {
    const size_t cap = below(4) == 0 ? 1 + below(90) : WIRE; /* now and then too short */
    uint8_t *dst = malloc(cap), *buf = malloc(VS_LINK_MAX_FRAME);
    struct vs_link_decoder d;
    const uint8_t *frame;
    size_t len;
    const uint64_t next = vs_link_sensor_next(s, now);
    const size_t n = vs_link_sensor_send(s, dst, cap, now);
    must(next >= now && (n == 0 || next == now), "sends before it said");
    if (n > 0) {
        vs_link_decoder_init(&d, buf, VS_LINK_MAX_FRAME);
        must(vs_link_decode(&d, dst, n, &frame, &len) == n && frame != NULL, "no frame");
        must(len + VS_LINK_CRC_SIZE <= s->max_frame || !is_data(frame[0]), "longer than is taken");
        must(!is_data(frame[0]) || vs_link_sensor_status(s).phase == VS_LINK_ACCEPTED, "not accepted");
        must(!is_data(frame[0]) || s->window > 0, "sends in a pause");
    }
    free(dst);
    free(buf);
}

static void check_state(const struct vs_link_sensor *s, uint32_t acked) {
    const struct vs_link_status now = vs_link_sensor_status(s);
    must(now.next - now.acked == now.unacked && now.acked - acked < UINT32_C(0x80000000), "goes back");
    must(s->used <= s->config.keep_size && s->head < s->config.keep_size, "ring");
    must((s->used == 0) == (now.unacked == 0), "ring and numbers disagree");
    must(s->sending - s->base <= s->high - s->base && s->high - s->base <= s->next - s->base, "flight");
}

static void fuzz_sensor(const struct corpus *all, size_t n_all) {
    struct vs_link_sensor s;
    struct vs_link_config c = {.session = 7, .firmware = "fuzz"};
    const uint8_t type = below(2) == 0 ? VS_LINK_READINGS : VS_LINK_SEALED;
    uint8_t *stream = malloc(STREAM);
    if (type == VS_LINK_SEALED) {
        c.kid[0] = 1;
        c.sign = sign;
    }
    c.first = below(2) == 0 ? 0 : UINT32_MAX - (uint32_t)below(5);
    c.keep_size = VS_LINK_KEEP_COST + 1 + below(700);
    c.receive_size = VS_LINK_MIN_FRAME + below(100);
    c.keep = malloc(c.keep_size);
    c.receive = malloc(c.receive_size);
    must(vs_link_sensor_init(&s, &c) == VS_OK, "init");
    uint64_t now = below(10000);
    for (size_t step = 0; step < 60; step++) {
        const uint32_t acked = vs_link_sensor_status(&s).acked;
        size_t n = 0;
        for (size_t k = below(4); k > 0; k--) {
            const struct corpus *f = &all[below(n_all)];
            n = below(4) == 0 ? append(stream, n, f->p, f->n) : append_answer(stream, n, &s);
        }
        n = below(3) == 0 ? mutate(stream, n) : n;
        vs_link_sensor_receive(&s, stream, n, now);
        check_state(&s, acked);
        check_queue(&s, type);
        vs_link_sensor_log(&s, (uint8_t)any(), (const char *)stream, n < 200 ? n : 200);
        for (size_t k = below(5); k > 0; k--) {
            check_send(&s, now);
        }
        check_state(&s, acked);
        now += below(4) == 0 ? below(9000) : below(300);
    }
    free(c.keep);
    free(c.receive);
    free(stream);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fputs("usage: link_fuzz SEED ROUNDS FILE...\n", stderr);
        return 2;
    }
    const uint64_t rounds = strtoull(argv[2], NULL, 10);
    const size_t n = (size_t)argc - 3;
    struct corpus *all = calloc(n, sizeof *all);
    uint8_t *stream = malloc(STREAM);
    seed = strtoull(argv[1], NULL, 10);
    for (size_t i = 0; i < n; i++) {
        all[i] = read_file(argv[i + 3]);
    }
    for (round_number = 0; round_number < rounds; round_number++) {
        size_t len = 0;
        state = seed ^ round_number * UINT64_C(0xd1342543de82ef95);
        for (size_t k = 1 + below(3); k > 0; k--) {
            const struct corpus *f = &all[below(n)];
            len = append(stream, len, f->p, f->n);
        }
        fuzz_decoder(stream, mutate(stream, len));
        fuzz_sensor(all, n);
    }
    printf("%" PRIu64 " rounds\n", rounds);
    for (size_t i = 0; i < n; i++) {
        free(all[i].p);
    }
    free(all);
    free(stream);
    return 0;
}
