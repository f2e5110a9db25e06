/*
 * A simulated multi-parameter sensor without crypto: it measures a made-up
 * patient and sends readings in the plain, which its gateway seals.
 *
 * Nothing measured is lost while the gateway restarts: readings stay in a ring
 * of 4 KiB until the gateway has them on disk. While something waits there,
 * numerics are put together, 12 seconds to a frame, which takes a quarter of the
 * room, and waves stay out of the half that is theirs: numerics of 150 seconds
 * are kept whole. What finds no room is counted, and the count is sent as a
 * record when there is room again.
 */
#include <string.h>

#include "board.h"
#include "patient.h"
#include "vitalseal/link.h"
#include "vitalseal/vital.h"

#define KEEP 4096             /* bytes of the ring */
#define FOR_NUMERICS (KEEP / 2) /* of them, not for waves */
#define BODY 1024             /* bytes of the longest payload */
#define METRICS 8             /* numerics in one second at most */
#define HELD 64               /* numerics in one frame at most */
#define REPORT_MS 5000
#define LOG_MS 60000

/* MDC codes and units, IEEE 11073-10101. */
enum {
    ECG_LEAD_II = 131330,
    HEART_RATE = 147842,
    PULSE_RATE = 149530,
    NIBP_SYSTOLIC = 150021,
    NIBP_DIASTOLIC = 150022,
    NIBP_MEAN = 150023,
    TEMP_BODY = 150364,
    PLETH = 150452,
    SPO2 = 150456,
    RESP_RATE = 151562,

    NO_UNIT = 262656,
    PERCENT = 262688,
    BEATS_PER_MINUTE = 264864,
    BREATHS_PER_MINUTE = 264928,
    MM_HG = 266016,
    MILLIVOLT = 266418,
    CELSIUS = 268192,

    DROP_SENSOR = 5 /* reason: dropped by the sensor, vital/FORMAT.md */
};

/* What a step costs: ticks of the core clock, and how often. */
struct cost {
    uint64_t ticks;
    uint32_t count;
};

static struct {
    struct patient patient;
    uint64_t start; /* ms of uptime when the patient began */
    int16_t ecg[PATIENT_ECG_RATE];
    int16_t pleth[PATIENT_PLETH_RATE];

    struct vs_numeric held[HELD];
    size_t n_held;
    uint32_t lost;  /* readings without room, not yet admitted */
    uint32_t made;  /* readings, a wave counted as one */
    uint32_t drops; /* of them without room, since the start */

    uint8_t body[BODY];
} monitor;

static struct {
    struct vs_link_sensor sensor;
    uint8_t keep[KEEP];
    uint8_t receive[128];
    uint8_t wire[VS_LINK_WIRE_SIZE(BODY + 32)];
    size_t wire_len, wire_done;
} line;

static struct cost encode_numerics, encode_waves, send_data, receive_ack;

static void add_cost(struct cost *c, uint32_t since) {
    c->ticks += (uint32_t)(board_ticks() - since);
    c->count++;
}

/* --- readings ------------------------------------------------------------ */

static void lose(uint32_t n) {
    monitor.lost += n;
    monitor.drops += n;
    vs_link_sensor_dropped(&line.sensor, n);
}

/* Encodes a batch and queues it; false: no room, and nothing has changed. */
static bool queue(const struct vs_batch *b, size_t leave, struct cost *c) {
    const uint32_t since = board_ticks();
    size_t len = 0;
    if (vs_batch_encode(b, monitor.body, sizeof monitor.body, &len) != VS_OK) {
        return false;
    }
    add_cost(c, since);
    return len + leave <= vs_link_sensor_room(&line.sensor, VS_LINK_READINGS) &&
           vs_link_sensor_queue(&line.sensor, VS_LINK_READINGS, monitor.body, len) == VS_OK;
}

static void hold(uint64_t time, uint32_t code, uint32_t unit, int value, int8_t exponent) {
    monitor.held[monitor.n_held++] = (struct vs_numeric){
        .time = time, .code = code, .unit = unit, .mantissa = value, .exponent = exponent};
}

static void hold_absent(uint64_t time, uint32_t code, uint32_t unit) {
    hold(time, code, unit, VS_NAN, 0);
    monitor.held[monitor.n_held - 1].status = VS_NOT_AVAILABLE | VS_SENSOR_OFF;
}

static void hold_vitals(uint64_t time, const struct vitals *v) {
    hold(time, HEART_RATE, BEATS_PER_MINUTE, v->heart_rate, 0);
    if (v->finger_off) {
        hold_absent(time, PULSE_RATE, BEATS_PER_MINUTE);
        hold_absent(time, SPO2, PERCENT);
    } else {
        hold(time, PULSE_RATE, BEATS_PER_MINUTE, v->heart_rate, 0);
        hold(time, SPO2, PERCENT, v->spo2, 0);
    }
    hold(time, RESP_RATE, BREATHS_PER_MINUTE, v->resp_rate, 0);
    hold(time, TEMP_BODY, CELSIUS, v->temp, -1);
    if (v->cuff) {
        hold(time, NIBP_SYSTOLIC, MM_HG, v->systolic, 0);
        hold(time, NIBP_DIASTOLIC, MM_HG, v->diastolic, 0);
        hold(time, NIBP_MEAN, MM_HG, v->mean, 0);
    }
}

/* Queues what is held, with the count of what was lost before it. */
static void flush_numerics(uint64_t time) {
    const struct vs_dropped drop = {
        .time = time, .reason = DROP_SENSOR, .count = monitor.lost};
    const struct vs_batch b = {.numerics = monitor.held,
                               .n_numerics = monitor.n_held,
                               .drops = &drop,
                               .n_drops = monitor.lost > 0 ? 1 : 0};
    if (queue(&b, 0, &encode_numerics)) {
        monitor.n_held = 0;
        monitor.lost = 0;
    }
}

static void numerics(uint64_t time) {
    const struct vitals v = patient_vitals(&monitor.patient);
    const uint32_t n = v.cuff ? METRICS : METRICS - 3;
    monitor.made += n;
    if (monitor.n_held + METRICS > HELD) {
        lose(n); /* the oldest are kept: they are what the gateway misses first */
    } else {
        hold_vitals(time, &v);
    }
    const bool idle = vs_link_sensor_status(&line.sensor).unacked == 0;
    if (idle || monitor.n_held + METRICS > HELD) {
        flush_numerics(time);
    }
}

/* Queues the second of waves that began at time. */
static void waves(uint64_t time) {
    const struct vs_wave w[2] = {
        {.time = time,
         .code = ECG_LEAD_II,
         .unit = MILLIVOLT,
         .rate = {PATIENT_ECG_RATE, 0},
         .factor = {1, 0},
         .divisor = PATIENT_ECG_PER_MV,
         .samples16 = monitor.ecg,
         .count = PATIENT_ECG_RATE},
        {.time = time,
         .code = PLETH,
         .unit = NO_UNIT,
         .rate = {PATIENT_PLETH_RATE, 0},
         .samples16 = monitor.pleth,
         .count = PATIENT_PLETH_RATE},
    };
    const struct vs_batch b = {.waves = w, .n_waves = 2};
    monitor.made += 2;
    if (!queue(&b, FOR_NUMERICS, &encode_waves)) {
        lose(2);
    }
}

/* When the next sample is due. */
static uint64_t sample_time(void) {
    return monitor.start + ((uint64_t)monitor.patient.sample + 1) * PATIENT_SAMPLE_MS;
}

/* Takes the samples that are due. */
static void measure(uint64_t now) {
    struct patient *p = &monitor.patient;
    for (uint64_t at = sample_time(); now >= at; at = sample_time()) {
        const uint32_t i = p->sample % PATIENT_ECG_RATE;
        int16_t pleth;
        patient_step(p, &monitor.ecg[i], &pleth);
        if (i % 2 == 0) {
            monitor.pleth[i / 2] = pleth;
        }
        if (i == PATIENT_ECG_RATE - 1) {
            numerics(at);
            waves(at - (PATIENT_ECG_RATE - 1) * PATIENT_SAMPLE_MS);
        }
    }
}

/* --- line ---------------------------------------------------------------- */

static void listen(uint64_t now) {
    uint8_t in[64];
    size_t n;
    while ((n = board_line_read(in, sizeof in)) > 0) {
        const uint32_t acked = vs_link_sensor_status(&line.sensor).acked;
        const uint32_t since = board_ticks();
        vs_link_sensor_receive(&line.sensor, in, n, now);
        if (vs_link_sensor_status(&line.sensor).acked != acked) {
            add_cost(&receive_ack, since);
        }
    }
}

static void talk(uint64_t now) {
    if (line.wire_done == line.wire_len) {
        const uint32_t since = board_ticks();
        line.wire_done = 0;
        line.wire_len = vs_link_sensor_send(&line.sensor, line.wire, sizeof line.wire, now);
        if (line.wire_len > 100) { /* no frame but data is as long */
            add_cost(&send_data, since);
        }
    }
    line.wire_done += board_line_write(line.wire + line.wire_done, line.wire_len - line.wire_done);
}

/* --- reports: never a reading -------------------------------------------- */

static char text[200];
static size_t text_len;

static void say(const char *s) {
    const size_t n = strlen(s);
    if (n <= sizeof text - 1 - text_len) {
        memcpy(text + text_len, s, n);
        text_len += n;
        text[text_len] = 0;
    }
}

static void say_number(const char *name, uint64_t n) {
    char digits[21];
    size_t i = sizeof digits - 1;
    digits[i] = 0;
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    say(name);
    say(digits + i);
}

static void say_cost(const char *name, const struct cost *c) {
    say_number(name, c->count == 0 ? 0 : c->ticks / c->count);
}

static void say_health(void) {
    const struct board_line_errors e = board_line_errors();
    text_len = 0;
    say_number("stack=", board_stack_used());
    say_number("/", board_stack_size());
    say_number(" overrun=", e.overrun);
    say_number(" full=", e.full);
    say_number(" spoilt=", e.spoilt);
}

static void report_to_gateway(void) {
    const struct board_line_errors e = board_line_errors();
    const bool well = e.overrun == 0 && e.full == 0 && e.spoilt == 0;
    say_health();
    vs_link_sensor_log(&line.sensor, well ? VS_LINK_LEVEL_INFO : VS_LINK_LEVEL_WARN, text, text_len);
}

static void report_to_console(uint64_t now) {
    say_health();
    say_number(" t=", now);
    say_number(" made=", monitor.made);
    say_number(" dropped=", monitor.drops);
    say_cost(" numerics=", &encode_numerics);
    say_cost(" waves=", &encode_waves);
    say_cost(" send=", &send_data);
    say_cost(" ack=", &receive_ack);
    say("\n");
    board_console(text);
}

static void report(uint64_t now) {
    static uint64_t next_report, next_log = 2 * REPORT_MS;
    if (now >= next_report) {
        next_report = now - now % REPORT_MS + REPORT_MS;
        report_to_console(now);
    }
    if (now >= next_log) {
        next_log = now - now % LOG_MS + LOG_MS;
        report_to_gateway();
    }
}

/* --- main ---------------------------------------------------------------- */

static bool begin(void) {
    const struct vs_link_config c = {
        .session = board_boot_number() | 1u, /* never 0 */
        .firmware = "vitalseal-c lm3s6965 1",
        .keep = line.keep,
        .keep_size = sizeof line.keep,
        .receive = line.receive,
        .receive_size = sizeof line.receive,
    };
    monitor.start = board_millis() / 1000 * 1000 + 1000;
    return vs_link_sensor_init(&line.sensor, &c) == VS_OK;
}

int main(void) {
    board_init();
    board_console("vitalseal-c lm3s6965\n");
    if (!begin()) {
        board_console("configuration is wrong\n");
        return 1;
    }
    for (;;) {
        const uint64_t now = board_millis();
        measure(now);
        listen(now);
        talk(now);
        report(now);
        board_idle();
    }
}
