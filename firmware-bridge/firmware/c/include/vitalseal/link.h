/*
 * The sensor's end of the link between a sensor and its gateway, version 1.
 *
 * The normative text is firmware-bridge/link/FORMAT.md; the Go package beside
 * it and this library read the same vectors and produce the same bytes.
 *
 * Vocabulary:
 *
 *   frame    type, fields, body and a CRC-32C, at most 4,096 bytes. On the wire
 *            it is COBS-encoded between two zero bytes.
 *   session  one life of the sensor: a number that differs from the last boot's.
 *   data     a frame with a sequence number, kept until the gateway says that
 *            it is durable: readings, anchor, sealed.
 *   window   how many data frames may be on their way unacknowledged.
 *
 * A sensor's main loop:
 *
 *     vs_link_sensor_receive(&s, in, n_in, uptime);            what the UART had
 *     vs_link_sensor_queue(&s, VS_LINK_READINGS, body, len);   what was measured
 *     if (the UART has written the last frame)
 *         n = vs_link_sensor_send(&s, out, sizeof out, uptime);
 *     sleep until vs_link_sensor_next(&s, uptime), or until bytes arrive
 *
 * Sans-IO: the caller moves the bytes and gives the time, in milliseconds of
 * the sensor's uptime. Nothing here allocates, blocks or keeps state outside
 * the structures it is given. A structure is for one thread at a time; an
 * interrupt handler puts bytes in a ring of its own.
 *
 * Corruption is found by the CRC; tampering is not: that is what the envelope's
 * signature is for.
 */
#ifndef VITALSEAL_LINK_H
#define VITALSEAL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vitalseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_LINK_VERSION 1
#define VS_LINK_MAX_FRAME 4096 /* bytes of the longest frame, CRC included */
#define VS_LINK_MIN_FRAME 64   /* the least that a side may announce */
#define VS_LINK_CRC_SIZE 4
#define VS_LINK_MAX_FIRMWARE 32 /* bytes of UTF-8 */
#define VS_LINK_MAX_LOG 80      /* bytes of UTF-8 */
#define VS_LINK_KID_SIZE 8
#define VS_LINK_CHALLENGE_SIZE 32
#define VS_LINK_ECHO_SIZE 4
#define VS_LINK_SIGNATURE_SIZE 64
#define VS_LINK_BEACON_SIZE 16
#define VS_LINK_PROOF_MAX 64 /* bytes of the longest message that is signed */

/* Bytes on the wire of a frame of n bytes, CRC included, at most. */
#define VS_LINK_WIRE_SIZE(n) ((n) + ((n) + 253) / 254 + 2)

/* Errors of the link, beside those of error.h. */
enum vs_link_error {
    VS_LINK_EFULL = 50,     /* no room until the gateway acknowledges more */
    VS_LINK_EMALFORMED = 51 /* not a frame of this type */
};

/* Types of frame. Those from 0x80 on come from the gateway. */
enum vs_link_type {
    VS_LINK_HELLO = 0x01,
    VS_LINK_PROOF = 0x02,
    VS_LINK_HEARTBEAT = 0x03,
    VS_LINK_LOG = 0x04,
    VS_LINK_READINGS = 0x10,
    VS_LINK_ANCHOR = 0x11,
    VS_LINK_SEALED = 0x12,
    VS_LINK_WELCOME = 0x81,
    VS_LINK_ACK = 0x82,
    VS_LINK_REFUSE = 0x83,
    VS_LINK_TIME = 0x84,
    VS_LINK_POLL = 0x85
};

/* Capabilities in a hello. */
#define VS_LINK_CAN_PLAIN 0x0001u
#define VS_LINK_CAN_SEALED 0x0002u

/* Why a gateway refuses a sensor; 0 is none. */
enum vs_link_reason {
    VS_LINK_UNKNOWN_DEVICE = 1,
    VS_LINK_WRONG_DEVICE = 2, /* not the one expected at this port */
    VS_LINK_BAD_SIGNATURE = 3,
    VS_LINK_BAD_VERSION = 4,
    VS_LINK_BAD_MODE = 5 /* plain where sealed is required, or the reverse */
};

/* Levels of a log frame. */
enum vs_link_level {
    VS_LINK_LEVEL_DEBUG = 0,
    VS_LINK_LEVEL_INFO = 1,
    VS_LINK_LEVEL_WARN = 2,
    VS_LINK_LEVEL_ERROR = 3
};

#define VS_LINK_ERROR_UNKNOWN 0xffffffffu /* of vs_link_time */

/* --- messages ------------------------------------------------------------ */

struct vs_link_hello {
    uint8_t version;
    uint16_t capabilities;
    uint16_t max_frame; /* largest frame the sensor takes: 64 to 4096 */
    uint32_t session; /* names this run of the sensor, not 0 */
    uint32_t base; /* the oldest sequence number it still keeps */
    uint8_t kid[VS_LINK_KID_SIZE]; /* zero: no key, plain readings */
    const char *firmware;          /* not terminated */
    uint8_t firmware_len;          /* 0 to 32 */
};

struct vs_link_proof {
    uint32_t session;
    uint8_t echo[VS_LINK_ECHO_SIZE]; /* the first bytes of the challenge */
    uint8_t signature[VS_LINK_SIGNATURE_SIZE];
};

struct vs_link_heartbeat {
    uint32_t session;
    uint64_t now;     /* ms of uptime */
    uint32_t next;    /* sequence number of the next data frame queued */
    uint32_t dropped; /* readings that the sensor could not keep */
    uint32_t bad;     /* frames from the gateway that failed their check */
};

struct vs_link_log {
    uint32_t session;
    uint8_t level; /* enum vs_link_level */
    const char *text;
    uint8_t len; /* 1 to 80 */
};

/* Readings, anchor or sealed. Now is of readings only. */
struct vs_link_data {
    uint8_t type;
    uint32_t session;
    uint32_t seq;
    uint64_t now; /* ms of uptime when it was sent */
    const uint8_t *body;
    size_t len;
};

struct vs_link_welcome {
    uint8_t version;
    uint16_t max_frame; /* largest frame the gateway takes */
    uint8_t window;
    uint32_t session;
    uint8_t challenge[VS_LINK_CHALLENGE_SIZE];
};

struct vs_link_ack {
    uint32_t session;
    uint32_t next; /* all below is durable */
    uint8_t window;
};

struct vs_link_refuse {
    uint32_t session;
    uint8_t reason;
};

struct vs_link_time {
    uint64_t unix_ms; /* 0: unknown */
    uint32_t error;   /* ms; VS_LINK_ERROR_UNKNOWN: nobody knows */
    uint8_t beacon[VS_LINK_BEACON_SIZE]; /* all zero: none */
};

/*
 * Encoders write one whole frame for the wire, delimiters and CRC included, to
 * dst and its length to *n. VS_ESPACE: dst is too short; VS_ETOOLARGE: the frame
 * is over 4,096 bytes; VS_ETEXT and VS_EARGUMENT: a field is out of its range.
 * Then *n is 0.
 */
int vs_link_put_frame(uint8_t *dst, size_t cap, const uint8_t *frame, size_t len, size_t *n);
int vs_link_put_hello(uint8_t *dst, size_t cap, const struct vs_link_hello *m, size_t *n);
int vs_link_put_proof(uint8_t *dst, size_t cap, const struct vs_link_proof *m, size_t *n);
int vs_link_put_heartbeat(uint8_t *dst, size_t cap, const struct vs_link_heartbeat *m, size_t *n);
int vs_link_put_log(uint8_t *dst, size_t cap, const struct vs_link_log *m, size_t *n);
int vs_link_put_data(uint8_t *dst, size_t cap, const struct vs_link_data *m, size_t *n);

/*
 * Parsers of what the gateway sends: a frame without its CRC, as the decoder
 * gives it, the type included. VS_LINK_EMALFORMED: another type, a wrong length
 * or a field out of its range.
 */
int vs_link_get_welcome(struct vs_link_welcome *m, const uint8_t *frame, size_t len);
int vs_link_get_ack(struct vs_link_ack *m, const uint8_t *frame, size_t len);
int vs_link_get_refuse(struct vs_link_refuse *m, const uint8_t *frame, size_t len);
int vs_link_get_time(struct vs_link_time *m, const uint8_t *frame, size_t len);
int vs_link_get_poll(const uint8_t *frame, size_t len);

/*
 * The message that a proof signs: CBOR ["VSLINK1", kid, session, challenge].
 * dst has VS_LINK_PROOF_MAX bytes; the length is returned.
 */
size_t vs_link_proof_message(uint8_t *dst, const uint8_t kid[VS_LINK_KID_SIZE], uint32_t session,
                             const uint8_t challenge[VS_LINK_CHALLENGE_SIZE]);

/* CRC-32C of n bytes, continued from an earlier result; begin with 0. */
uint32_t vs_link_crc32c(uint32_t crc, const uint8_t *p, size_t n);

/* --- decoder ------------------------------------------------------------- */

/*
 * The push decoder of frames. Its buffer is the caller's and as long as the
 * longest frame taken, CRC included; a longer one is counted as bad.
 */
struct vs_link_decoder {
    uint8_t *buf;
    size_t size;
    size_t n;     /* bytes decoded of the frame under way */
    uint8_t code; /* of the COBS block under way; 0: between frames */
    uint8_t left; /* bytes to come of it */
    bool over;    /* too long: skip to the next delimiter */
    uint64_t good, bad;
};

void vs_link_decoder_init(struct vs_link_decoder *d, uint8_t *buf, size_t size);

/*
 * Takes bytes from p until one good frame is complete and returns how many it
 * took. *frame is then that frame without its CRC, in the decoder's buffer and
 * valid until the next call, *len its length; or NULL when all of p is used up.
 */
size_t vs_link_decode(struct vs_link_decoder *d, const uint8_t *p, size_t n, const uint8_t **frame,
                      size_t *len);

/* --- sensor -------------------------------------------------------------- */

/*
 * Signs a message with the device key; the signature goes to out. Zero is
 * success; after anything else no proof is sent, and the sensor says hello
 * again. It takes less than 4 s.
 */
typedef int (*vs_link_sign)(void *context, const uint8_t *message, size_t len,
                            uint8_t out[VS_LINK_SIGNATURE_SIZE]);

#define VS_LINK_KEEP_COST 3 /* bytes of the ring that a data frame takes beside its body */
#define VS_LINK_TIME_LATENCY 250 /* ms that a time message may be late at the sensor */

struct vs_link_config {
    uint32_t session;              /* differs from that of every earlier boot; not 0 */
    uint8_t kid[VS_LINK_KID_SIZE]; /* all zero: a sensor without key */
    vs_link_sign sign;             /* set if and only if kid is */
    void *sign_context;
    uint16_t capabilities; /* 0: VS_LINK_CAN_PLAIN without sign, VS_LINK_CAN_SEALED with it */
    const char *firmware;  /* name and version, UTF-8, terminated; NULL: none */
    uint8_t *keep;         /* ring for what is not acknowledged, e.g. 4 KiB */
    size_t keep_size;
    uint8_t *receive;    /* the frame that is coming in */
    size_t receive_size; /* 64 or more: announced as the longest frame that is taken */
    uint32_t first;      /* number of the first data frame; 0: 1 */
};

enum vs_link_phase {
    VS_LINK_GREETING = 0, /* says hello, nobody has answered */
    VS_LINK_WELCOMED = 1, /* proves who it is */
    VS_LINK_ACCEPTED = 2, /* sends data */
    VS_LINK_REFUSED = 3   /* says hello every 10 s */
};

struct vs_link_status {
    uint8_t phase;     /* enum vs_link_phase */
    uint8_t reason;    /* why it is refused, 0 otherwise */
    uint32_t unacked;  /* data frames kept */
    uint32_t acked;    /* all data frames below this number are durable at the gateway */
    uint32_t next;     /* number that the next queued data frame gets */
    uint64_t good, bad; /* frames received, and damaged ones */
};

/* The sensor's end. The fields are the implementation's. */
struct vs_link_sensor {
    struct vs_link_config config;
    struct vs_link_decoder in;

    /* A ring of type, length and body for each data frame kept. Numbers wrap:
     * base <= sending <= high <= next. */
    size_t head, used; /* position of the oldest, and bytes in all */
    size_t at;         /* position of sending */
    uint32_t base;     /* the oldest kept */
    uint32_t sending;  /* the next to be sent */
    uint32_t high;     /* behind the last that was ever sent */
    uint32_t next;     /* the next to be queued */
    uint64_t retry;    /* ms without progress, then send again */
    uint64_t retry_at;
    bool hurried; /* base was sent again before its time */

    uint8_t phase, reason;
    bool said;         /* a hello went out */
    bool proved;       /* the proof of this challenge went out */
    uint64_t hello_at; /* when the next hello is due */
    uint64_t said_at;  /* when the last one went out */
    uint64_t proof_at; /* when the next proof is due */
    uint64_t proof_ok; /* when one may go out, since the last */
    uint64_t heard;    /* when the last good frame of the gateway came */
    uint64_t sent;     /* when the last frame went out */
    uint32_t dropped;

    /* What the gateway said. */
    uint16_t max_frame;
    uint8_t window;
    bool challenged;
    uint8_t challenge[VS_LINK_CHALLENGE_SIZE];
    uint8_t signature[VS_LINK_SIGNATURE_SIZE];
    bool timed;
    struct vs_link_time time;
    uint64_t time_at;

    bool log_last; /* the last frame that went out was a log line */
    uint8_t log_level, log_len;
    uint8_t firmware_len;
    char log[VS_LINK_MAX_LOG];
};

/*
 * Begins a session; the sensor forgets all that it knew. VS_EARGUMENT: a buffer
 * is missing or too small, or fields do not go together; VS_ETEXT: firmware.
 * The buffers are the sensor's from here on.
 */
int vs_link_sensor_init(struct vs_link_sensor *s, const struct vs_link_config *c);

/* Takes bytes that came from the line. Not for an interrupt handler. */
void vs_link_sensor_receive(struct vs_link_sensor *s, const uint8_t *p, size_t n, uint64_t now);

/*
 * Keeps a copy of a body until the gateway has acknowledged it. VS_LINK_EFULL:
 * try again later; VS_ETOOLARGE: empty, or larger than is ever taken;
 * VS_EARGUMENT: not a type of data that the sensor announces.
 */
int vs_link_sensor_queue(struct vs_link_sensor *s, uint8_t type, const uint8_t *body, size_t len);

/* The length of the longest body of a type that can be queued now. */
size_t vs_link_sensor_room(const struct vs_link_sensor *s, uint8_t type);

/*
 * Writes the next frame that is due to dst and returns its length, 0 when none
 * is. Call it again when the bytes are on their way. A frame longer than dst is
 * not sent: VS_LINK_WIRE_SIZE(longest body + 21), and 94 at least.
 */
size_t vs_link_sensor_send(struct vs_link_sensor *s, uint8_t *dst, size_t cap, uint64_t now);

/* When there will be something to send, if nothing arrives before: now, if there is. */
uint64_t vs_link_sensor_next(const struct vs_link_sensor *s, uint64_t now);

/*
 * Sends a line. There is room for one: a newer takes the place of one that has
 * not gone out. Text over VS_LINK_MAX_LOG bytes is cut, bytes that are not UTF-8
 * become question marks. It never holds readings.
 */
void vs_link_sensor_log(struct vs_link_sensor *s, uint8_t level, const char *text, size_t len);

/*
 * The newest time message and the uptime at which it arrived; false: none came.
 * Its error has VS_LINK_TIME_LATENCY added.
 */
bool vs_link_sensor_time(const struct vs_link_sensor *s, struct vs_link_time *t, uint64_t *at);

/* Adds to the count of readings that found no room, which heartbeats carry. */
void vs_link_sensor_dropped(struct vs_link_sensor *s, uint32_t n);

struct vs_link_status vs_link_sensor_status(const struct vs_link_sensor *s);

#ifdef __cplusplus
}
#endif

#endif
