/* answer: the endpoint's answer to a request. It depends only on the request and on what is read of the
 * runtime; a few requests change something. This file knows nothing of sockets, so it can be tested and
 * fuzzed by itself.
 *
 * Which client may do what:
 *
 *     the page   any client: it tells nothing
 *     reading    from a Unix socket or the loopback interface: any client; from elsewhere: with the token
 *     changing   from a Unix socket: every process that can open it; over TCP: with the token
 *
 * Any page that a browser shows may make the browser send requests to loopback. So over TCP, and from a
 * browser that came to the Unix socket through a forwarded port, the Host has to be a name of loopback,
 * unless the token is given. That refuses a page whose own name was made to resolve to loopback (DNS
 * rebinding). A request whose Origin or Sec-Fetch-Site names another site is refused everywhere.
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

/* Answer the request. The body of the answer is written into `body`, which the caller has made empty. */
answer answer_to(const answer_request *request, text_t *body);

#endif
