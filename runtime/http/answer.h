/* answer: what the endpoint says to a request: a pure function of the request but for what it reads of the
 * runtime, and for the few requests that change something. It knows nothing of sockets, so that it can be
 * tested and fuzzed by itself.
 *
 * Which client may do what:
 *
 *     the page   any client: it tells nothing
 *     reading    from a Unix socket or the loopback interface: any client; from elsewhere: with the token
 *     changing   from a Unix socket: every process that can open it; over TCP: with the token
 *
 * A browser may be made to send requests to loopback by any page that it shows. So over TCP, and of a browser
 * that came to the Unix socket through a forwarded port, the Host has to be a name of loopback (a page's own
 * name that was made to lead here is not), unless the token is given; and an Origin, or Sec-Fetch-Site, that
 * says that another site is behind the request is refused everywhere.
 */
#ifndef WEIR_HTTP_ANSWER_H
#define WEIR_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/text.h"
#include "runtime/http/page.h"

typedef enum answer_peer {
    ANSWER_UNIX,     /* the Unix socket */
    ANSWER_LOOPBACK, /* TCP, listening at a loopback address */
    ANSWER_NETWORK,  /* TCP, listening elsewhere */
} answer_peer;

/* Headers are NULL if the request has none. */
typedef struct answer_request {
    answer_peer peer;
    const char *method, *path, *query; /* query: key=value&..., decoded; "" if there is none */
    const char *host, *origin, *site;  /* Host, Origin, Sec-Fetch-Site */
    const char *authorization, *accept;
    const char *token; /* what a caller has to know; NULL: none is accepted */
} answer_request;

typedef struct answer {
    unsigned status;
    const char *type;        /* Content-Type */
    const char *allow;       /* of status 405, else NULL */
    const page_file *file;   /* what is sent instead of the body; NULL: the body */
    unsigned record_seconds; /* a trace of so many seconds is sent instead; 0: none */
} answer;

/* Into `body`, which the caller has made empty. */
answer answer_to(const answer_request *request, text_t *body);

#endif
