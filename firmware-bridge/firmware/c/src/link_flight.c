/* What a sensor keeps and sends until it is acknowledged: FORMAT.md, "Data". */
#include "link_flight.h"

#include "link_writer.h"

/* The times of FORMAT.md, in ms. */
#define RETRY_FIRST 1000u     /* without progress, then send again */
#define RETRY_LAST 8000u      /* doubling up to */

#define SEALED_HEAD (1u + 4u + 4u)
#define READINGS_HEAD (SEALED_HEAD + 8u)

/* Reports whether a comes before b; numbers wrap around (RFC 1982). */
static bool before(uint32_t a, uint32_t b) { return a != b && b - a < UINT32_C(0x80000000); }

/* --- ring ---------------------------------------------------------------- */

/* A frame in the ring. */
struct entry {
    uint8_t type;
    size_t len;  /* of the body */
    size_t body; /* its position; it may go over the end and on at the beginning */
};

/* Brings a position of less than twice the length back into the ring. */
static size_t wrap(const struct vs_link_sensor *s, size_t at) {
    return at < s->config.keep_size ? at : at - s->config.keep_size;
}

static struct entry entry_at(const struct vs_link_sensor *s, size_t at) {
    const uint8_t *ring = s->config.keep;
    const size_t high = wrap(s, at + 1), low = wrap(s, at + 2);
    return (struct entry){ring[at], (size_t)ring[high] << 8 | ring[low], wrap(s, at + 3)};
}

static size_t after(const struct vs_link_sensor *s, const struct entry *e) {
    return wrap(s, e->body + e->len);
}

static void pop(struct vs_link_sensor *s) {
    const struct entry e = entry_at(s, s->head);
    s->head = after(s, &e);
    s->used -= VS_LINK_KEEP_COST + e.len;
}

static void push(struct vs_link_sensor *s, uint8_t b) {
    s->config.keep[wrap(s, s->head + s->used)] = b;
    s->used++;
}

/* The length of the body that the rest of the ring holds. */
static size_t room(const struct vs_link_sensor *s) {
    const size_t rest = s->config.keep_size - s->used;
    return rest > VS_LINK_KEEP_COST ? rest - VS_LINK_KEEP_COST : 0;
}

static bool allowed(const struct vs_link_sensor *s, uint8_t type) {
    const uint16_t can = s->config.capabilities;
    switch (type) {
    case VS_LINK_READINGS: return (can & VS_LINK_CAN_PLAIN) != 0;
    case VS_LINK_ANCHOR:
    case VS_LINK_SEALED: return (can & VS_LINK_CAN_SEALED) != 0;
    default: return false;
    }
}

/* The longest body of a type in a frame that the gateway takes. */
static size_t max_body(const struct vs_link_sensor *s, uint8_t type) {
    const size_t head = type == VS_LINK_READINGS ? READINGS_HEAD : SEALED_HEAD;
    return s->max_frame - head - VS_LINK_CRC_SIZE;
}

/* The longest body of a type that is ever taken. */
static size_t largest(const struct vs_link_sensor *s, uint8_t type) {
    const size_t ring = s->config.keep_size - VS_LINK_KEEP_COST, frame = max_body(s, type);
    return ring < frame ? ring : frame;
}

size_t vs_link_sensor_room(const struct vs_link_sensor *s, uint8_t type) {
    if (!allowed(s, type)) {
        return 0;
    }
    const size_t now = room(s), ever = largest(s, type);
    return now < ever ? now : ever;
}

int vs_link_sensor_queue(struct vs_link_sensor *s, uint8_t type, const uint8_t *body, size_t len) {
    if (!allowed(s, type) || (body == NULL && len > 0)) {
        return VS_EARGUMENT;
    }
    if (len == 0 || len > largest(s, type)) {
        return VS_ETOOLARGE;
    }
    if (len > room(s)) {
        return VS_LINK_EFULL;
    }
    push(s, type);
    push(s, (uint8_t)(len >> 8));
    push(s, (uint8_t)len);
    for (size_t i = 0; i < len; i++) {
        push(s, body[i]);
    }
    s->next++;
    return VS_OK;
}

/* --- flight: go-back-N over the ring ------------------------------------- */

void vs_flight_rewind(struct vs_link_sensor *s) {
    s->sending = s->base;
    s->at = s->head;
}

static uint32_t in_flight(const struct vs_link_sensor *s) { return s->sending - s->base; }

/*
 * Reports whether a frame is there that was not sent since the last rewind, the
 * window has room for it, and the gateway takes one as long; it was queued
 * before the gateway said what it takes, if not.
 */
static bool flight_goes_on(const struct vs_link_sensor *s) {
    if (s->sending == s->next || in_flight(s) >= s->window) {
        return false;
    }
    const struct entry e = entry_at(s, s->at);
    return e.len <= max_body(s, e.type);
}

uint64_t vs_flight_due(const struct vs_link_sensor *s) {
    if (s->window == 0) {
        return UINT64_MAX;
    }
    if (flight_goes_on(s)) {
        return 0;
    }
    return in_flight(s) > 0 ? s->retry_at : UINT64_MAX;
}

size_t vs_flight_send(struct vs_link_sensor *s, uint8_t *dst, size_t cap, uint64_t now) {
    struct vs_link_writer w;
    size_t n;
    if (!flight_goes_on(s)) {
        vs_flight_rewind(s);
        s->retry = 2 * s->retry < RETRY_LAST ? 2 * s->retry : RETRY_LAST;
        s->hurried = false;
    }
    const struct entry e = entry_at(s, s->at);
    const size_t to_end = s->config.keep_size - e.body;
    const size_t first = e.len < to_end ? e.len : to_end;
    vs_link_begin(&w, dst, cap, e.type);
    vs_link_u32(&w, s->config.session);
    vs_link_u32(&w, s->sending);
    if (e.type == VS_LINK_READINGS) {
        vs_link_u64(&w, now);
    }
    vs_link_bytes(&w, s->config.keep + e.body, first);
    vs_link_bytes(&w, s->config.keep, e.len - first);
    if (vs_link_end(&w, &n) != VS_OK) {
        return 0;
    }
    s->at = after(s, &e);
    s->sending++;
    if (before(s->high, s->sending)) {
        s->high = s->sending;
    }
    s->retry_at = now + s->retry;
    return n;
}

void vs_flight_ack(struct vs_link_sensor *s, uint32_t next, uint64_t now) {
    uint32_t n = next - s->base;
    if (n > s->high - s->base) {
        return; /* of what was not sent, or older than what is known */
    }
    if (n == 0) {
        if (in_flight(s) > 1 && !s->hurried) {
            vs_flight_rewind(s);
            s->hurried = true;
        }
        return;
    }
    const bool behind = before(s->sending, next);
    for (; n > 0; n--) {
        pop(s);
    }
    s->base = next;
    if (behind) {
        vs_flight_rewind(s);
    }
    s->retry = RETRY_FIRST;
    s->retry_at = now + RETRY_FIRST;
    s->hurried = false;
}

void vs_flight_begin(struct vs_link_sensor *s) {
    vs_flight_rewind(s);
    s->retry = RETRY_FIRST;
    s->hurried = false;
}
