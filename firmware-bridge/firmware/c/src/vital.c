#include "vitalseal/vital.h"

#include "vital_internal.h"

static void put_time(struct vs_encoder *e, uint64_t time) { vs_put_uint(&e->w, time - e->base); }
static void put_code(struct vs_encoder *e, uint32_t code) { vs_put_uint(&e->w, code ^ VS_CODE_FLIP); }
static void put_text(struct vs_encoder *e, const struct vs_text *t) { vs_put_text(&e->w, t->p, t->len); }

static void put_decimal(struct vs_encoder *e, const struct vs_decimal *d) {
    vs_put_int(&e->w, d->exponent);
    vs_put_int(&e->w, d->mantissa);
}

static void put_wave(struct vs_encoder *e, const struct vs_wave *w) {
    vs_section(e, VS_KIND_WAVE, 14);
    put_time(e, w->time);
    put_code(e, w->code);
    vs_put_uint(&e->w, w->unit ^ VS_UNIT_FLIP);
    put_decimal(e, &w->rate);
    put_decimal(e, &w->factor);
    vs_put_uint(&e->w, w->divisor);
    vs_put_int(&e->w, w->zero);
    vs_put_uint(&e->w, w->status);
    vs_encode_samples(e, w);
}

static void put_enumeration(struct vs_encoder *e, const struct vs_enumeration *n) {
    vs_section(e, VS_KIND_ENUMERATION, 6);
    put_time(e, n->time);
    put_code(e, n->code);
    vs_put_uint(&e->w, n->value);
    vs_put_uint(&e->w, n->status);
    put_text(e, &n->text);
}

static void put_alert(struct vs_encoder *e, const struct vs_alert *a) {
    vs_section(e, VS_KIND_ALERT, 11);
    put_time(e, a->time);
    put_code(e, a->source);
    vs_put_uint(&e->w, a->kind);
    vs_put_uint(&e->w, a->priority);
    vs_put_uint(&e->w, a->state);
    put_decimal(e, &a->value);
    put_decimal(e, &a->limit);
    put_text(e, &a->text);
}

static void put_event(struct vs_encoder *e, const struct vs_event *v) {
    vs_section(e, VS_KIND_EVENT, 5);
    put_time(e, v->time);
    vs_put_uint(&e->w, v->kind);
    vs_put_uint(&e->w, v->count);
    put_text(e, &v->text);
}

static void put_dropped(struct vs_encoder *e, const struct vs_dropped *d) {
    vs_section(e, VS_KIND_DROPPED, 7);
    put_time(e, d->time);
    vs_put_uint(&e->w, d->reason);
    vs_put_uint(&e->w, d->count);
    vs_put_bytes(&e->w, d->eid, sizeof d->eid);
    vs_put_uint(&e->w, d->from);
    vs_put_uint(&e->w, d->to);
}

static void put_heartbeat(struct vs_encoder *e, const struct vs_heartbeat *h) {
    vs_section(e, VS_KIND_HEARTBEAT, 4);
    put_time(e, h->time);
    vs_put_uint(&e->w, h->interval);
    vs_put_uint(&e->w, h->recorded);
}

static void put_label(struct vs_encoder *e, const struct vs_text *label) {
    vs_section(e, VS_KIND_LABEL, 2);
    put_text(e, label);
}

static void put_records(struct vs_encoder *e, const struct vs_batch *b) {
    size_t i;
    for (i = 0; i < b->n_waves; i++) {
        put_wave(e, &b->waves[i]);
    }
    for (i = 0; i < b->n_enumerations; i++) {
        put_enumeration(e, &b->enumerations[i]);
    }
    for (i = 0; i < b->n_alerts; i++) {
        put_alert(e, &b->alerts[i]);
    }
    for (i = 0; i < b->n_events; i++) {
        put_event(e, &b->events[i]);
    }
    for (i = 0; i < b->n_drops; i++) {
        put_dropped(e, &b->drops[i]);
    }
    for (i = 0; i < b->n_heartbeats; i++) {
        put_heartbeat(e, &b->heartbeats[i]);
    }
}

int vs_batch_encode(const struct vs_batch *b, uint8_t *out, size_t cap, size_t *len) {
    struct vs_encoder e;
    struct vs_plan plan;
    size_t sections;
    int err;
    if (len == NULL) {
        return VS_EARGUMENT;
    }
    *len = 0;
    if (b == NULL || out == NULL) {
        return VS_EARGUMENT;
    }
    err = vs_batch_check(b, &e.base);
    if (err != VS_OK) {
        return err;
    }
    vs_plan_numerics(&plan, b->numerics, b->n_numerics);
    sections = (b->label.len > 0 ? 1u : 0u) + plan.sections + b->n_waves + b->n_enumerations + b->n_alerts + b->n_events +
               b->n_drops + b->n_heartbeats;
    vs_writer_init(&e.w, out, cap < VS_MAX_BATCH ? cap : VS_MAX_BATCH);
    vs_put_array(&e.w, 2);
    vs_put_uint(&e.w, e.base);
    vs_put_array(&e.w, sections);
    if (b->label.len > 0) {
        put_label(&e, &b->label);
    }
    vs_encode_numerics(&e, &plan, b->numerics, b->n_numerics);
    put_records(&e, b);
    if (e.w.err != VS_OK) {
        return cap < VS_MAX_BATCH ? e.w.err : VS_ETOOLARGE;
    }
    *len = e.w.len;
    return VS_OK;
}
