/* The picture: lanes above each other over one axis of time, and the dated changes as lines through all of them. */
#include <inttypes.h>
#include <string.h>

#include "plan/plan_html.h"
#include "plan/plan_words.h"

#define WIDTH 960
#define LEFT 64
#define RIGHT 948
#define TOP 44
#define GAP 34
#define MARKS_MAX 12

struct lane {
    const char *title, *class, *unit;
    size_t value; /* offset in struct fc_plan_bin */
    bool months;
    int height;
};

static const struct lane lanes[] = {
    {"orders issued per week", "orders", "orders", offsetof(struct fc_plan_bin, orders), false, 150},
    {"orders denied by a limit per week", "denied", "denied", offsetof(struct fc_plan_bin, denied), false, 60},
    {"certificates expired per week", "expired", "expired", offsetof(struct fc_plan_bin, expired), false, 60},
    {"names validated per month", "names", "names", offsetof(struct fc_plan_bin, authorizations), true, 90},
};
#define N_LANES (sizeof lanes / sizeof *lanes)

static double x_of(const struct fc_plan_report *r, int64_t at)
{
    return LEFT + (double)(at - r->from) / (double)(r->to - r->from) * (RIGHT - LEFT);
}

static int64_t value_of(const struct lane *lane, const struct fc_plan_bin *bin)
{
    int64_t value;

    memcpy(&value, (const char *)bin + lane->value, sizeof value);
    return value;
}

/* The next of 1, 2, 5, 10, 20, ... */
static int64_t round_up(int64_t n)
{
    static const int64_t steps[] = {1, 2, 5};

    for (int64_t ten = 1;; ten *= 10)
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            if (ten * steps[i] >= n)
                return ten * steps[i];
}

static void put_scale(int64_t max, int top, int height, struct fc_buf *to)
{
    const int parts = max >= 4 && height > 100 ? 4 : max >= 2 && max % 2 == 0 ? 2 : 1;

    for (int i = 0; i <= parts; i++) {
        double y = top + height - (double)height * i / parts;
        fc_buf_printf(to, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, RIGHT, y, y);
        fc_buf_printf(to, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%" PRId64 "</text>\n", LEFT - 6, y + 4,
                      max * i / parts);
    }
}

static void put_bar(const struct fc_plan_report *r, const struct lane *lane, const struct fc_plan_bin *bin, int64_t end,
                    const double at[3], struct fc_buf *to)
{
    double left = x_of(r, bin->from), width = x_of(r, end) - left;
    double bottom = at[0], height = at[1] * (double)value_of(lane, bin) / at[2];
    char day[FC_TIME_TEXT_MAX];

    /* what happened once in ten years must still be seen */
    if (height < 1.5)
        height = 1.5;
    width = width > 4 ? width - 1 : width;
    fc_buf_printf(to, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">", lane->class, left,
                  bottom - height, width < 1 ? 1 : width, height);
    fc_buf_printf(to, "<title>%s from %s: %" PRId64 " %s</title></rect>\n", lane->months ? "month" : "week",
                  fc_plan_day(bin->from, day), value_of(lane, bin), lane->unit);
}

static void put_lane(const struct fc_plan_report *r, const struct lane *lane, int top, struct fc_buf *to)
{
    const struct fc_plan_bin *bins = lane->months ? r->months : r->weeks;
    size_t count = lane->months ? r->n_months : r->n_weeks;
    int64_t max = 1;

    for (size_t i = 0; i < count; i++)
        if (value_of(lane, &bins[i]) > max)
            max = value_of(lane, &bins[i]);
    max = round_up(max);
    put_scale(max, top, lane->height, to);
    for (size_t i = 0; i < count; i++) {
        const double at[3] = {top + lane->height, lane->height, (double)max};
        if (value_of(lane, &bins[i]) > 0)
            put_bar(r, lane, &bins[i], i + 1 < count ? bins[i + 1].from : r->to, at, to);
    }
}

/* Names of months, as many as have room. */
static void put_time(const struct fc_plan_report *r, int bottom, struct fc_buf *to)
{
    static const size_t steps[] = {1, 2, 3, 6, 12, 24};
    size_t step = 0;
    char month[FC_TIME_TEXT_MAX];

    while (r->n_months / steps[step] > MARKS_MAX && step + 1 < sizeof steps / sizeof *steps)
        step++;
    for (size_t i = 0; i < r->n_months; i++) {
        struct fc_date date;
        double x = x_of(r, r->months[i].from);
        fc_time_date(r->months[i].from, &date);
        if ((size_t)(date.month - 1) % steps[step] != 0 || date.day != 1 || x > RIGHT - 20)
            continue;
        fc_time_rfc3339(r->months[i].from, month);
        month[7] = '\0';
        fc_buf_printf(to, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, bottom,
                      bottom + 5);
        fc_buf_printf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, bottom + 18, month);
    }
}

static void put_changes(const struct fc_plan_report *r, int bottom, struct fc_buf *to)
{
    char day[FC_TIME_TEXT_MAX];

    for (size_t i = 0; i < r->n_changes; i++) {
        double x = x_of(r, r->changes[i].on);
        bool last = x > RIGHT - 70;
        /* two rows, so that neighbours do not cover each other */
        int y = i % 2 == 0 ? 12 : 25;
        fc_buf_printf(to, "<line class=\"change\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, y - 10, bottom);
        fc_buf_printf(to, "<text class=\"when\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s<title>", last ? x - 4 : x + 4,
                      y, last ? "end" : "start", fc_plan_day(r->changes[i].on, day));
        fc_plan_html_puts(to, r->changes[i].what);
        fc_buf_puts(to, "</title></text>\n");
    }
}

void fc_plan_svg(const struct fc_plan_report *report, struct fc_buf *to)
{
    int top = TOP, height = TOP;

    for (size_t i = 0; i < N_LANES; i++)
        height += lanes[i].height + GAP;
    fc_buf_printf(to,
                  "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"picture-title picture-text\">\n"
                  "<title id=\"picture-title\">Orders, denials, expiries and validated names over time</title>\n"
                  "<desc id=\"picture-text\">%" PRId64 " orders, %" PRId64 " denied, %" PRId64
                  " certificates expired, %" PRId64 " names validated; %zu dated changes as dashed lines. The same "
                  "figures stand in the tables below.</desc>\n",
                  WIDTH, height, report->orders, report->denied, report->expired, report->authorizations,
                  report->n_changes);
    for (size_t i = 0; i < N_LANES; i++) {
        put_lane(report, &lanes[i], top, to);
        top += lanes[i].height + GAP;
    }
    put_changes(report, top - GAP, to);
    /* behind the lines, so that none goes through a title */
    top = TOP;
    for (size_t i = 0; i < N_LANES; i++) {
        fc_buf_printf(to, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", LEFT, top - 8, lanes[i].title);
        top += lanes[i].height + GAP;
    }
    put_time(report, top - GAP, to);
    fc_buf_puts(to, "</svg>\n");
}
