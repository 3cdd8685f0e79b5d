/* answer: see answer.h. */
#define _GNU_SOURCE
#include "runtime/http/answer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weir/control.h>
#include <weir/gc.h>
#include <weir/profile.h>

#include "runtime/config/options.h"
#include "runtime/http/exposition.h"
#include "runtime/http/figures.h"
#include "runtime/http/pins.h"
#include "runtime/http/vars.h"
#include "runtime/http/why.h"

enum { RECORD_SECONDS_MAX = 60 };

static const char PLAIN[] = "text/plain; charset=utf-8";
static const char JSON[] = "application/json; charset=utf-8";

static answer say(unsigned status, text_t *body, const char *line)
{
    body->length = 0;
    text_add_str(body, line);
    text_add_char(body, '\n');
    return (answer){.status = status, .type = PLAIN};
}

/* --- who asks --- */

/* A comparison in constant time: its time does not tell how much of the token is right. */
static bool has_token(const answer_request *request)
{
    static const char scheme[] = "Bearer ";
    if (!request->token || !request->authorization ||
        strncasecmp(request->authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *given = request->authorization + sizeof scheme - 1;
    size_t length = strlen(request->token), given_length = strlen(given);
    unsigned char difference = length != given_length || length == 0;
    for (size_t i = 0; i < given_length; i++)
        difference |= (unsigned char)(given[i] ^ request->token[length ? i % length : 0]);
    return difference == 0;
}

/* "localhost", "127.0.0.1" and its like, "[::1]", each with a port or without. */
static bool is_loopback_name(const char *host)
{
    if (!host)
        return false;
    size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (length > strlen(host))
        return false;
    const char *port = host + length;
    if (*port != '\0' && (*port != ':' || port[1 + strspn(port + 1, "0123456789")] != '\0'))
        return false;
    return (length == 9 && strncasecmp(host, "localhost", 9) == 0) ||
           (length == 5 && strncmp(host, "[::1]", 5) == 0) ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length);
}

/* Does the request come from a page of another site? */
static bool is_cross_site(const answer_request *request)
{
    static const char scheme[] = "http://";
    if (request->site && strcmp(request->site, "same-origin") != 0 && strcmp(request->site, "none") != 0)
        return true;
    if (!request->origin)
        return false;
    return !request->host || strncmp(request->origin, scheme, sizeof scheme - 1) != 0 ||
           strcasecmp(request->origin + sizeof scheme - 1, request->host) != 0;
}

typedef enum action { SHOWS_PAGE, READS, CHANGES } action;

/* Why the client may not ask; NULL: it may. */
static const char *objection(const answer_request *request, action wanted)
{
    bool known = has_token(request), browser = request->origin || request->site;
    if (is_cross_site(request))
        return "a page of another site may not ask";
    if (known || (request->peer == ANSWER_UNIX && !browser))
        return NULL;
    if (request->peer == ANSWER_NETWORK)
        return wanted == SHOWS_PAGE ? NULL : "the token is needed: Authorization: Bearer TOKEN";
    if (!is_loopback_name(request->host))
        return "the Host is not one of loopback";
    if (wanted != CHANGES || request->peer == ANSWER_UNIX)
        return NULL;
    return request->token ? "changing needs the right token, that of WEIR_HTTP_TOKEN"
                          : "changing needs the token (WEIR_HTTP_TOKEN) or the Unix socket";
}

/* --- the heap profile --- */

static void add_file(text_t *body, int fd)
{
    char piece[4096];
    off_t at = 0;
    for (ssize_t got; (got = pread(fd, piece, sizeof piece, at)) > 0; at += got)
        text_add_chars(body, piece, (size_t)got);
}

/* The profile is written to a file in memory (memfd), so that it needs no block of the heap. */
static answer show_profile(const answer_request *request, text_t *body)
{
    (void)request;
    int fd = memfd_create("weir-profile", MFD_CLOEXEC);
    bool written = fd >= 0 && weir_profile_write_fd(fd);
    int error = errno;
    if (written)
        add_file(body, fd);
    if (fd >= 0)
        close(fd);
    if (!written)
        return error == ENOTSUP
                   ? say(404, body, "there is no profile: the program was not started with WEIR_PROFILE")
                   : say(503, body, strerror(error));
    return (answer){.status = 200, .type = "application/octet-stream"};
}

/* pprof asks here for names, by GET or POST, before it looks into the files that the profile names. */
static answer show_no_symbols(const answer_request *request, text_t *body)
{
    (void)request;
    return say(200, body, "num_symbols: 0");
}

/* --- what is asked for --- */

typedef answer handler(const answer_request *request, text_t *body);

static answer show_index(const answer_request *request, text_t *body)
{
    (void)request;
    text_add_str(body, "weir\n\n"
                       "GET  /                            the page, if it was built in\n"
                       "GET  /metrics                     OpenMetrics, for Prometheus\n"
                       "GET  /debug/vars                  JSON, as Go's expvar\n"
                       "GET  /debug/figures               JSON, what the page shows\n"
                       "GET  /debug/pins                  which blocks hold memory that would go back\n"
                       "GET  /debug/pprof/heap            the heap profile, for go tool pprof\n"
                       "GET  /debug/trace?seconds=N       what the runtime does from now on, for Perfetto\n"
                       "POST /debug/gc                    collect\n"
                       "POST /debug/free                  give idle memory back\n"
                       "POST /debug/tune?gogc=&memlimit=  turn the knobs\n"
                       "POST /debug/why?at=ADDRESS        what keeps an object of collected memory\n");
    return (answer){.status = 200, .type = PLAIN};
}

static answer show_metrics(const answer_request *request, text_t *body)
{
    bool openmetrics = request->accept && strstr(request->accept, "application/openmetrics-text");
    exposition_write(body, openmetrics);
    return (answer){.status = 200,
                    .type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8"};
}

static answer show_vars(const answer_request *request, text_t *body)
{
    (void)request;
    vars_write(body);
    return (answer){.status = 200, .type = JSON};
}

static answer show_figures(const answer_request *request, text_t *body)
{
    figures_write(body, request->peer == ANSWER_UNIX ? "free" : request->token ? "token" : "never");
    return (answer){.status = 200, .type = JSON};
}

static answer show_pins(const answer_request *request, text_t *body)
{
    (void)request;
    pins_write(body);
    return (answer){.status = 200, .type = PLAIN};
}

/* The value of a key in the query. False: it is not there, or too long. */
static bool query_value(const char *query, const char *key, char *value, size_t size)
{
    size_t key_length = strlen(key);
    for (; *query; query += strcspn(query, "&"), query += *query == '&') {
        size_t length = strcspn(query, "&");
        if (length <= key_length || strncmp(query, key, key_length) != 0 || query[key_length] != '=' ||
            length - key_length - 1 >= size)
            continue;
        memcpy(value, query + key_length + 1, length - key_length - 1);
        value[length - key_length - 1] = '\0';
        return true;
    }
    return false;
}

/* The search stops the process for longer than a collection does. */
static answer show_why(const answer_request *request, text_t *body)
{
    char value[20] = "", *end = value;
    bool has_address = query_value(request->query, "at", value, sizeof value);
    unsigned long long address = strtoull(value, &end, 16);
    if (has_address && (end == value || *end))
        return say(400, body, "at: expected an address");
    return (answer){.status = why_write(body, (const void *)(uintptr_t)address) ? 200 : 404, .type = PLAIN};
}

/* No thread waits here for the trace: the answer tells the caller to record one (record_seconds). */
static answer record(const answer_request *request, text_t *body)
{
    char value[8] = "1", *end;
    query_value(request->query, "seconds", value, sizeof value);
    unsigned long seconds = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || seconds < 1 || seconds > RECORD_SECONDS_MAX)
        return say(400, body, "seconds: expected 1 to 60");
    answer told = say(200, body, "tracing");
    told.type = JSON;
    told.record_seconds = (unsigned)seconds;
    return told;
}

static answer collect(const answer_request *request, text_t *body)
{
    (void)request;
    weir_gc();
    return say(200, body, "collected");
}

static answer give_back(const answer_request *request, text_t *body)
{
    (void)request;
    weir_free_os_memory();
    return say(200, body, "given back");
}

/* Both values are checked before either knob is turned. */
static answer tune(const answer_request *request, text_t *body)
{
    char gogc[32], memlimit[32];
    struct options wanted = options;
    struct options_problem problem;
    bool has_gogc = query_value(request->query, "gogc", gogc, sizeof gogc);
    bool has_memlimit = query_value(request->query, "memlimit", memlimit, sizeof memlimit);
    if (!has_gogc && !has_memlimit)
        return say(400, body, "expected gogc=PERCENT or memlimit=SIZE");
    if (has_gogc && (!*gogc || !options_parse(&wanted, "WEIR_GOGC", gogc, &problem)))
        return say(400, body, "gogc: expected a percentage or off");
    if (has_memlimit && (!*memlimit || !options_parse(&wanted, "WEIR_MEMLIMIT", memlimit, &problem)))
        return say(400, body, "memlimit: expected a size such as 256MiB, 90%, auto or off");
    if (has_gogc)
        weir_set_gc_percent(wanted.gogc > INT32_MAX ? INT32_MAX : (int)wanted.gogc);
    if (has_memlimit)
        weir_set_memory_limit(wanted.memlimit);
    return say(200, body, "turned");
}

static const struct {
    const char *path;
    bool changes;
    handler *handle;
} routes[] = {
    {"/", false, show_index}, /* of a build without the page */
    {"/debug/", false, show_index},
    {"/metrics", false, show_metrics},
    {"/debug/vars", false, show_vars},
    {"/debug/figures", false, show_figures},
    {"/debug/pins", false, show_pins},
    {"/debug/trace", false, record},
    {"/debug/pprof/heap", false, show_profile},
    {"/debug/pprof/allocs", false, show_profile},
    {"/debug/pprof/symbol", false, show_no_symbols},
    {"/debug/gc", true, collect},
    {"/debug/free", true, give_back},
    {"/debug/tune", true, tune},
    {"/debug/why", true, show_why},
};

static bool reads(const answer_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

static answer not_so(text_t *body, const char *allowed)
{
    answer no = say(405, body, "not with this method");
    no.allow = allowed;
    return no;
}

static answer show_file(const answer_request *request, text_t *body, const page_file *file)
{
    const char *wrong = objection(request, SHOWS_PAGE);
    if (wrong)
        return say(403, body, wrong);
    if (!reads(request))
        return not_so(body, "GET, HEAD");
    return (answer){.status = 200, .type = file->type, .file = file};
}

answer answer_to(const answer_request *request, text_t *body)
{
    const page_file *file = page_find(request->path);
    if (file)
        return show_file(request, body, file);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(request->path, routes[i].path) != 0)
            continue;
        const char *wrong = objection(request, routes[i].changes ? CHANGES : READS);
        bool posts = strcmp(request->method, "POST") == 0;
        if (wrong)
            return say(403, body, wrong);
        if (routes[i].changes && !posts)
            return not_so(body, "POST");
        if (!routes[i].changes && !reads(request) && !(posts && routes[i].handle == show_no_symbols))
            return not_so(body, "GET, HEAD");
        answer done = routes[i].handle(request, body);
        return body->truncated ? say(500, body, "the answer is too long") : done;
    }
    const char *wrong = objection(request, READS);
    return wrong ? say(403, body, wrong) : say(404, body, "there is nothing here");
}
