/* show: proposals as text, as a table, and as JSON. */
#ifndef WEIR_TOOLS_ADVISE_SHOW_H
#define WEIR_TOOLS_ADVISE_SHOW_H

#include <stdio.h>

#include "tools/weir/advise/proposal.h"

/* What is proposed; what speaks for it; what speaks against it, or "". Each is one line without its newline;
 * the caller frees it. */
char *show_advice(const profile_t *profile, const proposal_t *proposal);
char *show_evidence(const profile_t *profile, const proposal_t *proposal, bool is_exact);
char *show_against(const proposal_t *proposal);
/* The calls that all its blocks were allocated under, the innermost first: "new_node() list.c:3 < parse()
 * parse.c:10". */
char *show_calls(const profile_t *profile, const proposal_t *proposal);

/* The first `most` of the proposals that advise something. */
void show_table(const profile_t *profile, const proposals_t *proposals, size_t most);
void show_json(const profile_t *profile, const proposals_t *proposals, FILE *to);
/* The lines that the page and the table end with. */
void show_rest(const proposals_t *proposals, FILE *to);

/* The function that the place is named by: the innermost one that has a known source. And the function that
 * outlives its blocks; NULL: there is none. */
const frame_t *show_site(const profile_t *profile, const proposal_t *proposal);
const frame_t *show_holder(const profile_t *profile, const proposal_t *proposal);
/* "12.5 MiB". room: 32 bytes. */
const char *show_bytes(uint64_t bytes, char *room);

#endif
