/* Inside plan/: what page and picture share. */
#ifndef FC_PLAN_HTML_H
#define FC_PLAN_HTML_H

#include "plan/plan_int.h"

/* Text with & < > " ' as entities. */
void fc_plan_html_puts(struct fc_buf *to, const char *text);
void fc_plan_svg(const struct fc_plan_report *report, struct fc_buf *to);

#endif
