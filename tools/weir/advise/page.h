/* page: proposals as one HTML file that needs nothing else, with lines of source. */
#ifndef WEIR_TOOLS_ADVISE_PAGE_H
#define WEIR_TOOLS_ADVISE_PAGE_H

#include <stdio.h>

#include "tools/weir/advise/proposal.h"

/* title: the program. False: it could not be written. */
bool page_write(const profile_t *profile, const proposals_t *proposals, const char *title, FILE *to);

#endif
