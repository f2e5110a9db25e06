/* Messages of the link: what the sensor writes and what it reads. */
#include "vitalseal/link.h"

#include <string.h>

#include "link_writer.h"
#include "vitalseal/text.h"

bool vs_link_text_ok(const char *s, size_t n, size_t min, size_t max) {
    return n >= min && n <= max && (n == 0 || (s != NULL && vs_utf8_valid(s, n)));
}

/* The length of the character that n bytes begin with; 0: none. */
static size_t character(const char *s, size_t n) {
    for (size_t i = 1; i <= 4 && i <= n; i++) {
        if (vs_utf8_valid(s, i)) {
            return i;
        }
    }
    return 0;
}

/* Reports whether n bytes are the beginning of one character. */
static bool incomplete(const char *s, size_t n) {
    char whole[4] = "\x80\x80\x80\x80";
    if (n > 3) {
        return false;
    }
    memcpy(whole, s, n);
    if (n == 1 && (uint8_t)s[0] == 0xe0) { /* what must follow these begins above 0x80 */
        whole[1] = '\xbf';
    }
    if (n == 1 && (uint8_t)s[0] == 0xf0) {
        whole[1] = '\x90';
    }
    return character(whole, sizeof whole) > n;
}

size_t vs_link_text_repair(char *s, size_t n, bool cut) {
    for (size_t i = 0; i < n;) {
        const size_t k = character(s + i, n - i);
        if (k > 0) {
            i += k;
            continue;
        }
        if (cut && incomplete(s + i, n - i)) {
            return i;
        }
        s[i++] = '?';
    }
    return n;
}

/* --- to the gateway ------------------------------------------------------ */

int vs_link_put_hello(uint8_t *dst, size_t cap, const struct vs_link_hello *m, size_t *n) {
    struct vs_link_writer w;
    *n = 0;
    if (!vs_link_text_ok(m->firmware, m->firmware_len, 0, VS_LINK_MAX_FIRMWARE)) {
        return VS_ETEXT;
    }
    if (m->version == 0 || m->session == 0 || m->max_frame < VS_LINK_MIN_FRAME ||
        m->max_frame > VS_LINK_MAX_FRAME) {
        return VS_EARGUMENT;
    }
    vs_link_begin(&w, dst, cap, VS_LINK_HELLO);
    vs_link_u8(&w, m->version);
    vs_link_u16(&w, m->capabilities);
    vs_link_u16(&w, m->max_frame);
    vs_link_u32(&w, m->session);
    vs_link_u32(&w, m->base);
    vs_link_bytes(&w, m->kid, VS_LINK_KID_SIZE);
    vs_link_bytes(&w, m->firmware, m->firmware_len);
    return vs_link_end(&w, n);
}

int vs_link_put_proof(uint8_t *dst, size_t cap, const struct vs_link_proof *m, size_t *n) {
    struct vs_link_writer w;
    vs_link_begin(&w, dst, cap, VS_LINK_PROOF);
    vs_link_u32(&w, m->session);
    vs_link_bytes(&w, m->echo, VS_LINK_ECHO_SIZE);
    vs_link_bytes(&w, m->signature, VS_LINK_SIGNATURE_SIZE);
    return vs_link_end(&w, n);
}

int vs_link_put_heartbeat(uint8_t *dst, size_t cap, const struct vs_link_heartbeat *m, size_t *n) {
    struct vs_link_writer w;
    vs_link_begin(&w, dst, cap, VS_LINK_HEARTBEAT);
    vs_link_u32(&w, m->session);
    vs_link_u64(&w, m->now);
    vs_link_u32(&w, m->next);
    vs_link_u32(&w, m->dropped);
    vs_link_u32(&w, m->bad);
    return vs_link_end(&w, n);
}

int vs_link_put_log(uint8_t *dst, size_t cap, const struct vs_link_log *m, size_t *n) {
    struct vs_link_writer w;
    *n = 0;
    if (!vs_link_text_ok(m->text, m->len, 1, VS_LINK_MAX_LOG)) {
        return VS_ETEXT;
    }
    if (m->level > VS_LINK_LEVEL_ERROR) {
        return VS_EARGUMENT;
    }
    vs_link_begin(&w, dst, cap, VS_LINK_LOG);
    vs_link_u32(&w, m->session);
    vs_link_u8(&w, m->level);
    vs_link_bytes(&w, m->text, m->len);
    return vs_link_end(&w, n);
}

int vs_link_put_data(uint8_t *dst, size_t cap, const struct vs_link_data *m, size_t *n) {
    struct vs_link_writer w;
    *n = 0;
    if (m->type < VS_LINK_READINGS || m->type > VS_LINK_SEALED || m->body == NULL || m->len == 0) {
        return VS_EARGUMENT;
    }
    vs_link_begin(&w, dst, cap, m->type);
    vs_link_u32(&w, m->session);
    vs_link_u32(&w, m->seq);
    if (m->type == VS_LINK_READINGS) {
        vs_link_u64(&w, m->now);
    }
    vs_link_bytes(&w, m->body, m->len);
    return vs_link_end(&w, n);
}

/* --- from the gateway ---------------------------------------------------- */

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

static uint64_t get64(const uint8_t *p) { return (uint64_t)get32(p) << 32 | get32(p + 4); }

static bool is(const uint8_t *frame, size_t len, uint8_t type, size_t want) {
    return len == want && frame[0] == type;
}

int vs_link_get_welcome(struct vs_link_welcome *m, const uint8_t *frame, size_t len) {
    const size_t want = 1 + 1 + 2 + 1 + 4 + VS_LINK_CHALLENGE_SIZE;
    if (len < want || frame[0] != VS_LINK_WELCOME) {
        return VS_LINK_EMALFORMED;
    }
    m->version = frame[1];
    m->max_frame = get16(frame + 2);
    m->window = frame[4];
    m->session = get32(frame + 5);
    memcpy(m->challenge, frame + 9, VS_LINK_CHALLENGE_SIZE);
    if (m->version == 0 || (m->version == VS_LINK_VERSION && len != want) ||
        m->max_frame < VS_LINK_MIN_FRAME || m->max_frame > VS_LINK_MAX_FRAME) {
        return VS_LINK_EMALFORMED;
    }
    return VS_OK;
}

int vs_link_get_ack(struct vs_link_ack *m, const uint8_t *frame, size_t len) {
    if (!is(frame, len, VS_LINK_ACK, 10)) {
        return VS_LINK_EMALFORMED;
    }
    m->session = get32(frame + 1);
    m->next = get32(frame + 5);
    m->window = frame[9];
    return VS_OK;
}

int vs_link_get_refuse(struct vs_link_refuse *m, const uint8_t *frame, size_t len) {
    if (!is(frame, len, VS_LINK_REFUSE, 6)) {
        return VS_LINK_EMALFORMED;
    }
    m->session = get32(frame + 1);
    m->reason = frame[5];
    return m->reason == 0 ? VS_LINK_EMALFORMED : VS_OK;
}

int vs_link_get_time(struct vs_link_time *m, const uint8_t *frame, size_t len) {
    if (!is(frame, len, VS_LINK_TIME, 1 + 8 + 4 + VS_LINK_BEACON_SIZE)) {
        return VS_LINK_EMALFORMED;
    }
    m->unix_ms = get64(frame + 1);
    m->error = get32(frame + 9);
    memcpy(m->beacon, frame + 13, VS_LINK_BEACON_SIZE);
    return VS_OK;
}

int vs_link_get_poll(const uint8_t *frame, size_t len) {
    return is(frame, len, VS_LINK_POLL, 1) ? VS_OK : VS_LINK_EMALFORMED;
}

/* --- proof --------------------------------------------------------------- */

size_t vs_link_proof_message(uint8_t *dst, const uint8_t kid[VS_LINK_KID_SIZE], uint32_t session,
                             const uint8_t challenge[VS_LINK_CHALLENGE_SIZE]) {
    static const uint8_t head[] = {0x84, 0x67, 'V', 'S', 'L', 'I', 'N', 'K', '1',
                                   0x40 | VS_LINK_KID_SIZE};
    size_t n = sizeof head;
    memcpy(dst, head, n);
    memcpy(dst + n, kid, VS_LINK_KID_SIZE);
    n += VS_LINK_KID_SIZE;
    /* The shortest head of an unsigned integer (RFC 8949, section 4.2.1). */
    if (session < 24) {
        dst[n++] = (uint8_t)session;
    } else {
        const unsigned width = session <= 0xff ? 1 : session <= 0xffff ? 2 : 4;
        dst[n++] = (uint8_t)(width == 1 ? 0x18 : width == 2 ? 0x19 : 0x1a);
        for (unsigned i = width; i-- > 0;) {
            dst[n++] = (uint8_t)(session >> (8 * i));
        }
    }
    dst[n++] = 0x58;
    dst[n++] = VS_LINK_CHALLENGE_SIZE;
    memcpy(dst + n, challenge, VS_LINK_CHALLENGE_SIZE);
    return n + VS_LINK_CHALLENGE_SIZE;
}
