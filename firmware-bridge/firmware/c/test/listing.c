#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

void listed_reset(struct listed *l) {
    memset(&l->batch, 0, sizeof l->batch);
    l->n_samples = 0;
    l->n_texts = 0;
    l->batch.numerics = l->numerics;
    l->batch.waves = l->waves;
    l->batch.enumerations = l->enumerations;
    l->batch.alerts = l->alerts;
    l->batch.events = l->events;
    l->batch.drops = l->drops;
    l->batch.heartbeats = l->heartbeats;
}

/* The scanner of one line: the next item of each kind, ok cleared if there is none. */
struct scan {
    const char *p;
    int ok;
};

static uint64_t unsigned_item(struct scan *s) {
    char *end;
    uint64_t n = strtoull(s->p, &end, 10);
    s->ok &= end != s->p;
    s->p = end;
    return n;
}

static int64_t signed_item(struct scan *s) {
    char *end;
    int64_t n = strtoll(s->p, &end, 10);
    s->ok &= end != s->p;
    s->p = end;
    return n;
}

static struct vs_decimal decimal_item(struct scan *s) {
    struct vs_decimal d;
    d.mantissa = (int32_t)signed_item(s);
    s->ok &= *s->p == 'e';
    s->p += *s->p == 'e';
    d.exponent = (int8_t)signed_item(s);
    return d;
}

static struct vs_text text_item(struct scan *s, struct listed *l) {
    struct vs_text t = {NULL, 0};
    char *to = l->texts + l->n_texts;
    size_t room = LIST_TEXTS - l->n_texts;
    while (*s->p == ' ') {
        s->p++;
    }
    if (*s->p == 'x') {
        t.len = unhex(s->p + 1, (uint8_t *)to, room);
    } else {
        const char *end = strrchr(s->p, '"');
        s->ok &= *s->p == '"' && end != NULL && end > s->p && (size_t)(end - s->p) <= room;
        if (s->ok) {
            t.len = (size_t)(end - s->p) - 1;
            memcpy(to, s->p + 1, t.len);
        }
    }
    t.p = to;
    l->n_texts += t.len;
    return t;
}

static void add_numeric(struct scan *s, struct vs_numeric *n) {
    struct vs_decimal d;
    n->time = unsigned_item(s);
    n->code = (uint32_t)unsigned_item(s);
    n->unit = (uint32_t)unsigned_item(s);
    d = decimal_item(s);
    n->mantissa = d.mantissa;
    n->exponent = d.exponent;
    n->status = (uint32_t)unsigned_item(s);
    n->mark = 0xa5; /* any content */
    n->next = n->link = 0xa5a5;
}

static void add_wave(struct scan *s, struct vs_wave *w, struct listed *l) {
    w->time = unsigned_item(s);
    w->code = (uint32_t)unsigned_item(s);
    w->unit = (uint32_t)unsigned_item(s);
    w->rate = decimal_item(s);
    w->factor = decimal_item(s);
    w->divisor = (uint32_t)unsigned_item(s);
    w->zero = (int32_t)signed_item(s);
    w->status = (uint32_t)unsigned_item(s);
    w->coding = (uint8_t)unsigned_item(s);
    w->count = (size_t)unsigned_item(s);
    w->samples16 = NULL;
    w->samples32 = l->samples + l->n_samples;
    s->ok &= w->count <= LIST_SAMPLES - l->n_samples;
}

static void add_samples(struct scan *s, struct listed *l) {
    size_t i, n;
    s->ok &= l->batch.n_waves > 0;
    n = s->ok ? l->waves[l->batch.n_waves - 1].count : 0;
    for (i = 0; i < n && s->ok; i++) {
        l->samples[l->n_samples++] = (int32_t)signed_item(s);
    }
}

static void add_enumeration(struct scan *s, struct vs_enumeration *e, struct listed *l) {
    e->time = unsigned_item(s);
    e->code = (uint32_t)unsigned_item(s);
    e->value = (uint32_t)unsigned_item(s);
    e->status = (uint32_t)unsigned_item(s);
    e->text = text_item(s, l);
}

static void add_alert(struct scan *s, struct vs_alert *a, struct listed *l) {
    a->time = unsigned_item(s);
    a->source = (uint32_t)unsigned_item(s);
    a->kind = (uint8_t)unsigned_item(s);
    a->priority = (uint8_t)unsigned_item(s);
    a->state = (uint8_t)unsigned_item(s);
    a->value = decimal_item(s);
    a->limit = decimal_item(s);
    a->text = text_item(s, l);
}

static void add_event(struct scan *s, struct vs_event *e, struct listed *l) {
    e->time = unsigned_item(s);
    e->kind = (uint8_t)unsigned_item(s);
    e->count = (uint32_t)unsigned_item(s);
    e->text = text_item(s, l);
}

static void add_dropped(struct scan *s, struct vs_dropped *d) {
    d->time = unsigned_item(s);
    d->reason = (uint8_t)unsigned_item(s);
    d->count = unsigned_item(s);
    s->ok &= *s->p == ' ';
    s->ok = s->ok && unhex(s->p + 1, d->eid, sizeof d->eid) == sizeof d->eid;
    s->p += s->ok ? 1 + 2 * sizeof d->eid : 0;
    d->from = unsigned_item(s);
    d->to = unsigned_item(s);
}

static void add_heartbeat(struct scan *s, struct vs_heartbeat *h) {
    h->time = unsigned_item(s);
    h->interval = (uint32_t)unsigned_item(s);
    h->recorded = unsigned_item(s);
}

static int word(struct scan *s, const char *w) {
    size_t n = strlen(w);
    if (strncmp(s->p, w, n) != 0 || s->p[n] != ' ') {
        return 0;
    }
    s->p += n + 1;
    return 1;
}

int listed_add(struct listed *l, const char *line) {
    struct scan s;
    struct vs_batch *b = &l->batch;
    s.p = line;
    s.ok = b->n_numerics < LIST_NUMERICS && b->n_waves < LIST_RECORDS && b->n_enumerations < LIST_RECORDS &&
           b->n_alerts < LIST_RECORDS && b->n_events < LIST_RECORDS && b->n_drops < LIST_RECORDS &&
           b->n_heartbeats < LIST_RECORDS;
    if (!s.ok) {
        return 0;
    }
    if (word(&s, "numeric")) {
        add_numeric(&s, &l->numerics[b->n_numerics++]);
    } else if (word(&s, "wave")) {
        add_wave(&s, &l->waves[b->n_waves++], l);
    } else if (word(&s, "samples")) {
        add_samples(&s, l);
    } else if (word(&s, "enumeration")) {
        add_enumeration(&s, &l->enumerations[b->n_enumerations++], l);
    } else if (word(&s, "alert")) {
        add_alert(&s, &l->alerts[b->n_alerts++], l);
    } else if (word(&s, "event")) {
        add_event(&s, &l->events[b->n_events++], l);
    } else if (word(&s, "dropped")) {
        add_dropped(&s, &l->drops[b->n_drops++]);
    } else if (word(&s, "heartbeat")) {
        add_heartbeat(&s, &l->heartbeats[b->n_heartbeats++]);
    } else if (word(&s, "label")) {
        b->label = text_item(&s, l);
    } else {
        return 0;
    }
    return s.ok;
}
