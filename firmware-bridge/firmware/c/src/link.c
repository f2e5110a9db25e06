/* The sensor's end of the link: firmware-bridge/link/FORMAT.md, "Session". */
#include "vitalseal/link.h"

#include <string.h>

#include "link_flight.h"
#include "link_writer.h"

/* The times of FORMAT.md, in ms. */
#define HELLO_EVERY 1000u     /* until somebody answers */
#define HELLO_REFUSED 10000u  /* after a refusal */
#define HELLO_GAP 200u        /* between two, however often the gateway polls */
#define PROOF_EVERY 1000u     /* until somebody answers */
#define PROOF_GAP 200u        /* between two, however often it is challenged */
#define HEARTBEAT_EVERY 2000u /* when there was nothing else to send */
#define GATEWAY_LOST 5000u    /* without a good frame from it */

static bool zero(const uint8_t *p, size_t n) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= p[i];
    }
    return any == 0;
}

static uint64_t sooner(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* --- beginning ----------------------------------------------------------- */

static bool config_ok(const struct vs_link_config *c) {
    const uint16_t known = VS_LINK_CAN_PLAIN | VS_LINK_CAN_SEALED;
    if (c->session == 0 || c->keep == NULL || c->keep_size <= VS_LINK_KEEP_COST ||
        c->receive == NULL || c->receive_size < VS_LINK_MIN_FRAME) {
        return false;
    }
    if (zero(c->kid, sizeof c->kid) != (c->sign == NULL)) {
        return false;
    }
    return (c->capabilities & ~known) == 0 &&
           ((c->capabilities & VS_LINK_CAN_SEALED) == 0 || c->sign != NULL);
}

int vs_link_sensor_init(struct vs_link_sensor *s, const struct vs_link_config *c) {
    if (s == NULL || c == NULL || !config_ok(c)) {
        return VS_EARGUMENT;
    }
    const size_t firmware = c->firmware == NULL ? 0 : strlen(c->firmware);
    if (!vs_link_text_ok(c->firmware, firmware, 0, VS_LINK_MAX_FIRMWARE)) {
        return VS_ETEXT;
    }
    memset(s, 0, sizeof *s); /* no second copy of it on the stack */
    s->config = *c;
    s->firmware_len = (uint8_t)firmware;
    if (c->capabilities == 0) {
        s->config.capabilities = c->sign == NULL ? VS_LINK_CAN_PLAIN : VS_LINK_CAN_SEALED;
    }
    if (c->receive_size > VS_LINK_MAX_FRAME) {
        s->config.receive_size = VS_LINK_MAX_FRAME;
    }
    s->base = s->sending = s->high = s->next = c->first == 0 ? 1 : c->first;
    s->max_frame = VS_LINK_MAX_FRAME;
    vs_flight_begin(s);
    vs_link_decoder_init(&s->in, c->receive, s->config.receive_size);
    return VS_OK;
}

/* --- receiving ----------------------------------------------------------- */

/* The handlers report whether a frame is one from this sensor's gateway. */

/* A repeated challenge is not signed again. */
static void keep_challenge(struct vs_link_sensor *s, const uint8_t *challenge) {
    if (s->challenged && memcmp(s->challenge, challenge, sizeof s->challenge) == 0) {
        return;
    }
    memcpy(s->challenge, challenge, sizeof s->challenge);
    s->challenged = true;
    s->proved = false;
}

/*
 * A sensor with a key signs no challenge of zeros, and one without key cannot
 * answer another.
 */
static bool on_welcome(struct vs_link_sensor *s, const uint8_t *frame, size_t len, uint64_t now) {
    struct vs_link_welcome m;
    if (vs_link_get_welcome(&m, frame, len) != VS_OK || m.session != s->config.session ||
        zero(m.challenge, sizeof m.challenge) != (s->config.sign == NULL)) {
        return false;
    }
    if (s->config.sign != NULL) {
        keep_challenge(s, m.challenge);
    }
    s->phase = VS_LINK_WELCOMED;
    s->proof_at = later(now, s->proof_ok);
    s->window = m.window;
    s->max_frame = m.max_frame;
    return true;
}

/* The first acknowledgement accepts the sensor. */
static bool on_ack(struct vs_link_sensor *s, const uint8_t *frame, size_t len, uint64_t now) {
    struct vs_link_ack m;
    if (vs_link_get_ack(&m, frame, len) != VS_OK || m.session != s->config.session) {
        return false;
    }
    if (s->phase == VS_LINK_WELCOMED && (s->proved || s->config.sign == NULL)) {
        s->phase = VS_LINK_ACCEPTED;
        vs_flight_begin(s); /* the gateway goes on where it was */
    } else if (s->phase != VS_LINK_ACCEPTED) {
        return true; /* left over from before */
    }
    s->window = m.window;
    vs_flight_ack(s, m.next, now);
    return true;
}

static bool on_refuse(struct vs_link_sensor *s, const uint8_t *frame, size_t len, uint64_t now) {
    struct vs_link_refuse m;
    if (vs_link_get_refuse(&m, frame, len) != VS_OK || m.session != s->config.session) {
        return false;
    }
    s->phase = VS_LINK_REFUSED;
    s->reason = m.reason;
    s->hello_at = now + HELLO_REFUSED;
    return true;
}

static bool on_time(struct vs_link_sensor *s, const uint8_t *frame, size_t len, uint64_t now) {
    if (vs_link_get_time(&s->time, frame, len) != VS_OK) {
        return false;
    }
    const uint32_t error = s->time.error + VS_LINK_TIME_LATENCY;
    s->time.error = error < VS_LINK_TIME_LATENCY ? VS_LINK_ERROR_UNKNOWN : error;
    s->time_at = now;
    s->timed = true;
    return true;
}

/* The gateway has no session: hello again. */
static bool on_poll(struct vs_link_sensor *s, const uint8_t *frame, size_t len, uint64_t now) {
    if (vs_link_get_poll(frame, len) != VS_OK) {
        return false;
    }
    uint64_t at = s->said ? later(now, s->said_at + HELLO_GAP) : now;
    if (s->phase == VS_LINK_GREETING) {
        at = sooner(at, s->hello_at);
    }
    s->phase = VS_LINK_GREETING;
    s->hello_at = at;
    return true;
}

static bool on_frame(struct vs_link_sensor *s, const uint8_t *frame, size_t len, uint64_t now) {
    switch (frame[0]) {
    case VS_LINK_WELCOME: return on_welcome(s, frame, len, now);
    case VS_LINK_ACK: return on_ack(s, frame, len, now);
    case VS_LINK_REFUSE: return on_refuse(s, frame, len, now);
    case VS_LINK_TIME: return on_time(s, frame, len, now);
    case VS_LINK_POLL: return on_poll(s, frame, len, now);
    default: return false;
    }
}

void vs_link_sensor_receive(struct vs_link_sensor *s, const uint8_t *p, size_t n, uint64_t now) {
    while (n > 0) {
        const uint8_t *frame;
        size_t len;
        const size_t taken = vs_link_decode(&s->in, p, n, &frame, &len);
        p += taken;
        n -= taken;
        if (frame != NULL && on_frame(s, frame, len, now)) {
            s->heard = now;
        }
    }
}

/* --- sending ------------------------------------------------------------- */

enum output { OUT_HELLO, OUT_PROOF, OUT_DATA, OUT_LOG, OUT_HEARTBEAT };

/* A log line and data take turns, so that neither keeps the other waiting. */
static enum output schedule_accepted(const struct vs_link_sensor *s, uint64_t now, uint64_t lost,
                                     uint64_t *at) {
    const uint64_t data = vs_flight_due(s), beat = s->sent + HEARTBEAT_EVERY;
    if (s->log_len > 0 && (!s->log_last || data > now)) {
        *at = 0;
        return OUT_LOG;
    }
    if (data <= now || (data <= beat && data < lost)) {
        *at = data;
        return OUT_DATA;
    }
    *at = sooner(beat, lost);
    return beat < lost ? OUT_HEARTBEAT : OUT_HELLO;
}

/* Which frame is due next, and when: at once if that is not after now. */
static enum output schedule(const struct vs_link_sensor *s, uint64_t now, uint64_t *at) {
    const uint64_t lost = s->heard + GATEWAY_LOST;
    *at = lost;
    switch (s->phase) {
    case VS_LINK_WELCOMED:
        if (s->config.sign == NULL || s->proof_at >= lost) {
            return OUT_HELLO;
        }
        *at = s->proof_at;
        return OUT_PROOF;
    case VS_LINK_ACCEPTED: return lost > now ? schedule_accepted(s, now, lost, at) : OUT_HELLO;
    default: *at = s->hello_at; return OUT_HELLO;
    }
}

uint64_t vs_link_sensor_next(const struct vs_link_sensor *s, uint64_t now) {
    uint64_t at;
    (void)schedule(s, now, &at);
    return later(at, now);
}

static size_t send_hello(struct vs_link_sensor *s, uint8_t *dst, size_t cap, uint64_t now) {
    const struct vs_link_config *c = &s->config;
    struct vs_link_hello m = {.version = VS_LINK_VERSION,
                              .capabilities = c->capabilities,
                              .max_frame = (uint16_t)c->receive_size,
                              .session = c->session,
                              .base = s->base,
                              .firmware = c->firmware,
                              .firmware_len = s->firmware_len};
    size_t n;
    memcpy(m.kid, c->kid, sizeof m.kid);
    if (vs_link_put_hello(dst, cap, &m, &n) != VS_OK) {
        return 0;
    }
    if (s->phase != VS_LINK_REFUSED) {
        s->phase = VS_LINK_GREETING;
    }
    s->hello_at = now + (s->phase == VS_LINK_REFUSED ? HELLO_REFUSED : HELLO_EVERY);
    s->said_at = now;
    s->said = true;
    return n;
}

/* Makes the signature unless it is there, and reports whether it is. */
static bool sign(struct vs_link_sensor *s) {
    const struct vs_link_config *c = &s->config;
    uint8_t message[VS_LINK_PROOF_MAX];
    if (s->proved) {
        return true;
    }
    const size_t len = vs_link_proof_message(message, c->kid, c->session, s->challenge);
    return c->sign(c->sign_context, message, len, s->signature) == 0;
}

static size_t send_proof(struct vs_link_sensor *s, uint8_t *dst, size_t cap, uint64_t now) {
    struct vs_link_proof m = {.session = s->config.session};
    size_t n;
    s->proof_at = now + PROOF_EVERY;
    if (!sign(s)) {
        return 0;
    }
    memcpy(m.echo, s->challenge, sizeof m.echo);
    memcpy(m.signature, s->signature, sizeof m.signature);
    if (vs_link_put_proof(dst, cap, &m, &n) != VS_OK) {
        return 0;
    }
    if (!s->proved) {
        s->heard = now; /* signing may take its time */
    }
    s->proved = true;
    s->proof_ok = now + PROOF_GAP;
    return n;
}

static size_t send_log(struct vs_link_sensor *s, uint8_t *dst, size_t cap) {
    const struct vs_link_log m = {s->config.session, s->log_level, s->log, s->log_len};
    size_t n;
    if (vs_link_put_log(dst, cap, &m, &n) == VS_OK) {
        s->log_len = 0;
    }
    return n;
}

static size_t send_heartbeat(const struct vs_link_sensor *s, uint8_t *dst, size_t cap,
                             uint64_t now) {
    const struct vs_link_heartbeat m = {.session = s->config.session,
                                        .now = now,
                                        .next = s->next,
                                        .dropped = s->dropped,
                                        .bad = (uint32_t)s->in.bad};
    size_t n;
    (void)vs_link_put_heartbeat(dst, cap, &m, &n);
    return n;
}

static size_t send_output(struct vs_link_sensor *s, enum output out, uint8_t *dst, size_t cap,
                          uint64_t now) {
    switch (out) {
    case OUT_HELLO: return send_hello(s, dst, cap, now);
    case OUT_PROOF: return send_proof(s, dst, cap, now);
    case OUT_DATA: return vs_flight_send(s, dst, cap, now);
    case OUT_LOG: return send_log(s, dst, cap);
    default: return send_heartbeat(s, dst, cap, now);
    }
}

size_t vs_link_sensor_send(struct vs_link_sensor *s, uint8_t *dst, size_t cap, uint64_t now) {
    uint64_t at;
    const enum output out = schedule(s, now, &at);
    const size_t n = at <= now ? send_output(s, out, dst, cap, now) : 0;
    if (n > 0) {
        s->sent = now;
        s->log_last = out == OUT_LOG;
    }
    return n;
}

/* --- the rest ------------------------------------------------------------ */

void vs_link_sensor_log(struct vs_link_sensor *s, uint8_t level, const char *text, size_t len) {
    const bool cut = len > VS_LINK_MAX_LOG;
    if (cut) {
        len = VS_LINK_MAX_LOG;
    }
    for (size_t i = 0; i < len; i++) {
        s->log[i] = text[i];
    }
    s->log_len = (uint8_t)vs_link_text_repair(s->log, len, cut);
    s->log_level = level > VS_LINK_LEVEL_ERROR ? VS_LINK_LEVEL_ERROR : level;
}

bool vs_link_sensor_time(const struct vs_link_sensor *s, struct vs_link_time *t, uint64_t *at) {
    if (s->timed) {
        *t = s->time;
        *at = s->time_at;
    }
    return s->timed;
}

void vs_link_sensor_dropped(struct vs_link_sensor *s, uint32_t n) {
    s->dropped = n > UINT32_MAX - s->dropped ? UINT32_MAX : s->dropped + n;
}

struct vs_link_status vs_link_sensor_status(const struct vs_link_sensor *s) {
    return (struct vs_link_status){
        .phase = s->phase,
        .reason = s->phase == VS_LINK_REFUSED ? s->reason : 0,
        .unacked = s->next - s->base,
        .acked = s->base,
        .next = s->next,
        .good = s->in.good,
        .bad = s->in.bad,
    };
}
