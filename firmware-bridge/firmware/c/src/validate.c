#include "vital_internal.h"
#include "vitalseal/text.h"

#define MAX_TIME ((UINT64_C(1) << 53) - 1)
#define MAX_SPAN UINT64_C(0xffffffff)

/* span collects the times of a batch and the first error. */
struct span {
    uint64_t first, last;
    bool any;
    int err;
};

static void add(struct span *s, uint64_t time, int err) {
    if (!s->any || time < s->first) {
        s->first = time;
    }
    if (!s->any || time > s->last) {
        s->last = time;
    }
    s->any = true;
    if (s->err == VS_OK) {
        s->err = err != VS_OK ? err : time > MAX_TIME ? VS_ETIME : VS_OK;
    }
}

static bool is_number(int32_t mantissa) {
    return mantissa >= -VS_MAX_MANTISSA && mantissa <= VS_MAX_MANTISSA;
}

/* A special value has the exponent 0, so that each has one encoding. */
static bool decimal_valid(int32_t mantissa, int8_t exponent) {
    if (is_number(mantissa)) {
        return true;
    }
    return exponent == 0 && (mantissa == VS_NAN || mantissa == VS_NRES || mantissa == VS_POS_INF || mantissa == VS_NEG_INF);
}

static int check_text(const struct vs_text *t) {
    if (t->len > VS_MAX_TEXT || (t->len > 0 && (t->p == NULL || !vs_utf8_valid(t->p, t->len)))) {
        return VS_ETEXT;
    }
    return VS_OK;
}

static int check_numeric(const struct vs_numeric *n) {
    if (!decimal_valid(n->mantissa, n->exponent)) {
        return VS_EVALUE;
    }
    if (n->mantissa != VS_NAN) {
        return (n->status & VS_NOT_AVAILABLE) != 0 ? VS_ENOTAVAILABLE : VS_OK;
    }
    return (n->status & (VS_NOT_AVAILABLE | VS_INVALID)) == 0 ? VS_ENAN : VS_OK;
}

static int check_wave(const struct vs_wave *w) {
    if (!is_number(w->rate.mantissa) || w->rate.mantissa <= 0) {
        return VS_ERATE;
    }
    if (!is_number(w->factor.mantissa)) {
        return VS_EFACTOR;
    }
    if (w->count == 0 || w->count > VS_MAX_SAMPLES) {
        return VS_ECOUNT;
    }
    if ((w->samples16 == NULL) == (w->samples32 == NULL)) {
        return VS_EARGUMENT;
    }
    if (w->coding > VS_CODING_RICE) {
        return VS_ECODING;
    }
    if ((w->coding == VS_CODING_INT16 && !vs_samples_fit(w, 16)) ||
        (w->coding == VS_CODING_12BIT && !vs_samples_fit(w, 12))) {
        return VS_ERANGE;
    }
    return VS_OK;
}

static int check_alert(const struct vs_alert *a) {
    if (a->kind > VS_ADVISORY || a->priority > VS_PRIORITY_HIGH || a->state > VS_ALERT_ENDED) {
        return VS_EALERT;
    }
    if (!decimal_valid(a->value.mantissa, a->value.exponent) || !decimal_valid(a->limit.mantissa, a->limit.exponent)) {
        return VS_EVALUE;
    }
    return check_text(&a->text);
}

static int check_event(const struct vs_event *v) { return v->kind == 0 ? VS_EEVENT : check_text(&v->text); }

static int check_drop(const struct vs_dropped *d) { return d->reason == 0 || d->from > d->to ? VS_EDROP : VS_OK; }

/* Arrays that are counted must be there. */
static bool arrays_given(const struct vs_batch *b) {
    return (b->numerics != NULL || b->n_numerics == 0) && (b->waves != NULL || b->n_waves == 0) &&
           (b->enumerations != NULL || b->n_enumerations == 0) && (b->alerts != NULL || b->n_alerts == 0) &&
           (b->events != NULL || b->n_events == 0) && (b->drops != NULL || b->n_drops == 0) &&
           (b->heartbeats != NULL || b->n_heartbeats == 0);
}

int vs_batch_check(const struct vs_batch *b, uint64_t *base) {
    struct span s = {0, 0, false, VS_OK};
    size_t i;
    if (!arrays_given(b)) {
        return VS_EARGUMENT;
    }
    if (b->n_numerics > VS_MAX_NUMERICS) {
        return VS_ETOOLARGE;
    }
    s.err = check_text(&b->label);
    for (i = 0; i < b->n_numerics; i++) {
        add(&s, b->numerics[i].time, check_numeric(&b->numerics[i]));
    }
    for (i = 0; i < b->n_waves; i++) {
        add(&s, b->waves[i].time, check_wave(&b->waves[i]));
    }
    for (i = 0; i < b->n_enumerations; i++) {
        add(&s, b->enumerations[i].time, check_text(&b->enumerations[i].text));
    }
    for (i = 0; i < b->n_alerts; i++) {
        add(&s, b->alerts[i].time, check_alert(&b->alerts[i]));
    }
    for (i = 0; i < b->n_events; i++) {
        add(&s, b->events[i].time, check_event(&b->events[i]));
    }
    for (i = 0; i < b->n_drops; i++) {
        add(&s, b->drops[i].time, check_drop(&b->drops[i]));
    }
    for (i = 0; i < b->n_heartbeats; i++) {
        add(&s, b->heartbeats[i].time, VS_OK);
    }
    if (s.err == VS_OK && s.last - s.first > MAX_SPAN) {
        s.err = VS_ESPAN;
    }
    *base = s.first;
    return s.err;
}
