/*
 * Numerics in sections. Those of one metric (code, unit, exponent, status) form
 * a group. Groups with exactly the same times share one section of columns, so
 * that the times are written once. Groups that are alone and have one or two
 * values are rows, unless only one such group is left. sdk/core/vital/plan.go
 * says why; this gives the same bytes without memory of its own:
 *
 *   next  the next numeric of the group, VS_NONE after the last
 *   link  of a leader, the group's first numeric: the next group's leader
 *
 * Leaders are linked in the order of their numerics, and those that share a
 * section stand right behind the one whose times they share. Once a numeric is
 * in rows its group has at most two, and the fields are used anew: see rows.
 */
#include "vital_internal.h"

enum {
    LEADER = 1,
    SHARED = 2, /* a leader whose group is in the section of the group before */
    ROWS = 4,
    MAX_METRICS = 256 /* in the dictionary of one section of rows */
};

static bool same_metric(const struct vs_numeric *a, const struct vs_numeric *b) {
    return a->code == b->code && a->unit == b->unit && a->exponent == b->exponent && a->status == b->status;
}

/* Links the groups, from the last numeric to the first, so that each new one is
 * the leader of its group and its group the first. Returns the first leader. */
static uint16_t link_groups(struct vs_numeric *x, size_t n) {
    uint16_t leaders = VS_NONE;
    size_t i;
    for (i = n; i-- > 0;) {
        uint16_t before = VS_NONE, j = leaders;
        while (j != VS_NONE && !same_metric(&x[i], &x[j])) {
            before = j;
            j = x[j].link;
        }
        if (j != VS_NONE) {
            x[j].mark = 0;
            if (before == VS_NONE) {
                leaders = x[j].link;
            } else {
                x[before].link = x[j].link;
            }
        }
        x[i].next = j;
        x[i].mark = LEADER;
        x[i].link = leaders;
        leaders = (uint16_t)i;
    }
    return leaders;
}

static bool same_times(const struct vs_numeric *x, uint16_t a, uint16_t b) {
    while (a != VS_NONE && b != VS_NONE && x[a].time == x[b].time) {
        a = x[a].next;
        b = x[b].next;
    }
    return a == VS_NONE && b == VS_NONE;
}

/* Moves the groups with the times of group i right behind it and returns the last of them. */
static uint16_t share(struct vs_numeric *x, uint16_t i) {
    uint16_t last = i, before = i, j = x[i].link;
    while (j != VS_NONE) {
        uint16_t after = x[j].link;
        if (!same_times(x, i, j)) {
            before = j;
        } else {
            x[j].mark |= SHARED;
            if (before == last) {
                before = j;
            } else {
                x[before].link = after;
                x[j].link = x[last].link;
                x[last].link = j;
            }
            last = j;
        }
        j = after;
    }
    return last;
}

static bool has_more_than_two(const struct vs_numeric *x, uint16_t i) {
    return x[i].next != VS_NONE && x[x[i].next].next != VS_NONE;
}

/* From here on the second numeric of the group has its leader in link, and the
 * leader's next is free for the number of the section that has its metric. */
static void leave_for_rows(struct vs_numeric *x, uint16_t i) {
    if (x[i].next != VS_NONE) {
        x[x[i].next].mark = ROWS;
        x[x[i].next].link = i;
    }
    x[i].next = 0;
}

static uint16_t leader_of(const struct vs_numeric *x, size_t i) {
    return (x[i].mark & LEADER) != 0 ? (uint16_t)i : x[i].link;
}

/* Returns the number of sections that the rows take. */
static size_t count_rows(struct vs_numeric *x, size_t n) {
    uint16_t sections = 0;
    unsigned metrics = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        struct vs_numeric *leader;
        if ((x[i].mark & ROWS) == 0) {
            continue;
        }
        leader = &x[leader_of(x, i)];
        if (sections == 0 || (leader->next != sections && metrics == MAX_METRICS)) {
            sections++;
            metrics = 0;
        }
        if (leader->next != sections) {
            leader->next = sections;
            metrics++;
        }
    }
    return sections;
}

void vs_plan_numerics(struct vs_plan *p, struct vs_numeric *x, size_t n) {
    uint16_t i, lone = VS_NONE;
    size_t lones = 0;
    p->leaders = link_groups(x, n);
    p->sections = 0;
    for (i = p->leaders; i != VS_NONE;) {
        uint16_t last = share(x, i);
        if (last == i && !has_more_than_two(x, i)) {
            x[i].mark |= ROWS;
            lone = i;
            lones++;
        } else {
            p->sections++;
        }
        i = x[last].link;
    }
    if (lones == 1) {
        p->sections++; /* of its own: see vs_encode_numerics */
        return;
    }
    for (i = p->leaders; lone != VS_NONE && i != VS_NONE; i = x[i].link) {
        if ((x[i].mark & ROWS) != 0) {
            leave_for_rows(x, i);
        }
    }
    p->sections += count_rows(x, n);
}

static void put_metric(struct vs_encoder *e, const struct vs_numeric *x) {
    vs_put_array(&e->w, x->status != 0 ? 4 : 3);
    vs_put_uint(&e->w, x->code ^ VS_CODE_FLIP);
    vs_put_uint(&e->w, x->unit ^ VS_UNIT_FLIP);
    vs_put_int(&e->w, x->exponent);
    if (x->status != 0) {
        vs_put_uint(&e->w, x->status);
    }
}

static int64_t after_base(const struct vs_encoder *e, const struct vs_numeric *x) { return (int64_t)(x->time - e->base); }

/* The group after this one in its section, VS_NONE if it is the last. */
static uint16_t next_shared(const struct vs_numeric *x, uint16_t i) {
    uint16_t j = x[i].link;
    return j != VS_NONE && (x[j].mark & SHARED) != 0 ? j : VS_NONE;
}

static void put_moment(struct vs_encoder *e, const struct vs_numeric *x, uint16_t i, size_t metrics) {
    vs_section(e, VS_KIND_MOMENT, 2 + 2 * metrics);
    vs_put_int(&e->w, after_base(e, &x[i]));
    for (; i != VS_NONE; i = next_shared(x, i)) {
        put_metric(e, &x[i]);
        vs_put_int(&e->w, x[i].mantissa);
    }
}

/* Writes the head of a section of columns and its times, two or more. */
static void put_times(struct vs_encoder *e, const struct vs_numeric *x, uint16_t i, size_t metrics, size_t n) {
    uint16_t second = x[i].next, j;
    int64_t last = after_base(e, &x[second]), period = last - after_base(e, &x[i]);
    bool regular = true;
    for (j = x[second].next; j != VS_NONE && regular; j = x[j].next) {
        regular = after_base(e, &x[j]) - last == period;
        last = after_base(e, &x[j]);
    }
    if (regular) {
        vs_section(e, VS_KIND_REGULAR, 3 + metrics);
    } else {
        vs_section(e, VS_KIND_COLUMNS, 2 + metrics);
        vs_put_array(&e->w, n);
    }
    vs_put_int(&e->w, after_base(e, &x[i]));
    vs_put_int(&e->w, period);
    last = after_base(e, &x[second]);
    for (j = regular ? VS_NONE : x[second].next; j != VS_NONE; j = x[j].next) {
        int64_t t = after_base(e, &x[j]);
        vs_put_int(&e->w, t - last - period);
        last = t;
    }
}

static void put_series(struct vs_encoder *e, const struct vs_numeric *x, uint16_t i, size_t n) {
    int32_t last = 0; /* mantissas have 24 bits */
    vs_put_array(&e->w, 1 + n);
    put_metric(e, &x[i]);
    for (; i != VS_NONE; i = x[i].next) {
        vs_put_int(&e->w, (int64_t)x[i].mantissa - last);
        last = x[i].mantissa;
    }
}

/* Writes group i and those that share its times. */
static void put_columns(struct vs_encoder *e, const struct vs_numeric *x, uint16_t i) {
    size_t n = 0, metrics = 0;
    uint16_t j;
    for (j = i; j != VS_NONE; j = x[j].next) {
        n++;
    }
    for (j = i; j != VS_NONE; j = next_shared(x, j)) {
        metrics++;
    }
    if (n == 1) {
        put_moment(e, x, i, metrics);
        return;
    }
    put_times(e, x, i, metrics, n);
    for (j = i; j != VS_NONE; j = next_shared(x, j)) {
        put_series(e, x, j, n);
    }
}

/*
 * Rows, in the order in which they were recorded. A leader's link is now the
 * number of the section that has its metric, 0 before there is one, and its next
 * the index there.
 */
struct rows {
    size_t first, end; /* numerics of the section, others between them */
    size_t n, metrics;
};

/* Finds the end of the section that begins at first, and numbers its metrics. */
static void measure_rows(struct rows *r, struct vs_numeric *x, size_t n, uint16_t section) {
    size_t i;
    r->n = 0;
    r->metrics = 0;
    for (i = r->first; i < n; i++) {
        struct vs_numeric *leader;
        if ((x[i].mark & ROWS) == 0) {
            continue;
        }
        leader = &x[leader_of(x, i)];
        if (leader->link != section) {
            if (r->metrics == MAX_METRICS) {
                break;
            }
            leader->link = section;
            leader->next = (uint16_t)r->metrics++;
        }
        r->n++;
    }
    r->end = i;
}

static void put_dictionary(struct vs_encoder *e, const struct rows *r, const struct vs_numeric *x) {
    size_t i, written = 0;
    vs_put_array(&e->w, r->metrics);
    for (i = r->first; i < r->end; i++) {
        if ((x[i].mark & ROWS) != 0 && x[leader_of(x, i)].next == written) {
            put_metric(e, &x[i]);
            written++;
        }
    }
}

static void put_rows(struct vs_encoder *e, struct vs_numeric *x, size_t n) {
    struct rows r = {0, 0, 0, 0};
    uint16_t section;
    for (section = 1; r.first < n; section++) {
        int64_t last = 0;
        size_t i;
        measure_rows(&r, x, n, section);
        if (r.n == 0) {
            return;
        }
        vs_section(e, VS_KIND_ROWS, 2 + 3 * r.n);
        put_dictionary(e, &r, x);
        for (i = r.first; i < r.end; i++) {
            if ((x[i].mark & ROWS) != 0) {
                int64_t t = after_base(e, &x[i]);
                vs_put_int(&e->w, t - last);
                vs_put_uint(&e->w, x[leader_of(x, i)].next);
                vs_put_int(&e->w, x[i].mantissa);
                last = t;
            }
        }
        r.first = r.end;
    }
}

void vs_encode_numerics(struct vs_encoder *e, const struct vs_plan *p, struct vs_numeric *x, size_t n) {
    uint16_t i, after, lone = VS_NONE;
    size_t lones = 0;
    for (i = p->leaders; i != VS_NONE; i = x[i].link) {
        if ((x[i].mark & ROWS) != 0) {
            lone = i;
            lones++;
        } else if ((x[i].mark & SHARED) == 0) {
            put_columns(e, x, i);
        }
    }
    if (lones == 1) {
        put_columns(e, x, lone); /* alone, rows would cost three bytes more */
        return;
    }
    for (i = p->leaders; i != VS_NONE; i = after) {
        after = x[i].link;
        x[i].link = 0; /* in no section of rows yet */
    }
    put_rows(e, x, n);
}
