/* The endpoint's answers: who may do what, routes, formats; and the fuzz target, run on random requests. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

#include "runtime/http/answer.h"
#include "runtime/os/os.h"
#include "tests/fuzz/fuzz.h"

static char room[512 * 1024];
static const char TOKEN[] = "0123456789abcdef-token";

static answer ask(answer_request request, text_t *body)
{
    request.query = request.query ? request.query : "";
    *body = text_on(room, sizeof room);
    return answer_to(&request, body);
}

static unsigned status(answer_request request)
{
    text_t body;
    return ask(request, &body).status;
}

#define GET(...) ((answer_request){.method = "GET", __VA_ARGS__})
#define POST(...) ((answer_request){.method = "POST", __VA_ARGS__})

Test(http_answer, reading_is_for_loopback)
{
    static const char *const good[] = {"localhost", "localhost:6060", "127.0.0.1:6060",
                                       "127.9.8.7", "[::1]:80",       "LOCALHOST:1"};
    static const char *const bad[] = {"evil.example",
                                      "127.0.0.1.evil.example",
                                      "localhost.evil.example",
                                      "[::2]",
                                      "[::1",
                                      "10.0.0.1:6060",
                                      "",
                                      "127.0.0.1:x",
                                      "localhost:60 60",
                                      "::1"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect_eq(status(GET(.peer = ANSWER_LOOPBACK, .path = "/metrics", .host = good[i])), 200, "%s",
                     good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(status(GET(.peer = ANSWER_LOOPBACK, .path = "/metrics", .host = bad[i])), 403, "%s",
                     bad[i]);
    cr_expect_eq(status(GET(.peer = ANSWER_LOOPBACK, .path = "/metrics")), 403, "no host");
    cr_expect_eq(status(GET(.peer = ANSWER_UNIX, .path = "/metrics")), 200);
    cr_expect_eq(status(GET(.peer = ANSWER_NETWORK, .path = "/metrics", .host = "localhost", .token = TOKEN)),
                 403);
}

/* Each reading takes cache lines from the threads that allocate. */
Test(http_answer, many_requests_read_the_account_few_times)
{
    enum { REQUESTS = 2000, READS = 16 /* in a tenth of a second */ };
    uint64_t began = os_now_ns(), last = 0, different = 0;
    for (int i = 0; i < REQUESTS; i++) {
        text_t body;
        weir_free(weir_malloc(100));
        cr_assert_eq(ask(GET(.peer = ANSWER_UNIX, .path = i % 2 ? "/metrics" : "/debug/vars"), &body).status,
                     200);
        const char *value = strstr(room, i % 2 ? "\nweir_gc_heap_allocs_objects_total " : "\"Mallocs\": ");
        cr_assert_not_null(value);
        uint64_t now = strtoull(value + strcspn(value, " ") + 1, NULL, 10);
        different += i % 2 && now != last;
        last = i % 2 ? now : last;
    }
    uint64_t tenths = (os_now_ns() - began) / (100 * 1000 * 1000) + 2;
    cr_expect_geq(different, 1);
    cr_expect_leq(different, READS * tenths, "%d in %d tenths of a second", (int)different, (int)tenths);
}

/* A port of the reader's machine may be forwarded to the socket. A browser that comes through it sends the
 * host of its page. */
Test(http_answer, a_browser_at_the_socket_came_through_a_name_of_loopback)
{
    answer_request request = POST(.peer = ANSWER_UNIX, .path = "/debug/gc", .host = "localhost:6060",
                                  .origin = "http://localhost:6060", .site = "same-origin");
    cr_expect_eq(status(request), 200);
    request.host = "evil.example:6060";
    request.origin = "http://evil.example:6060";
    cr_expect_eq(status(request), 403);
    request.path = "/debug/figures";
    request.method = "GET";
    request.origin = NULL;
    cr_expect_eq(status(request), 403);
}

Test(http_answer, figures_tell_who_may_turn_a_knob)
{
    static const struct {
        answer_peer peer;
        const char *token, *told;
    } rows[] = {{ANSWER_UNIX, NULL, "\"changes\": \"free\""},
                {ANSWER_LOOPBACK, NULL, "\"changes\": \"never\""},
                {ANSWER_LOOPBACK, TOKEN, "\"changes\": \"token\""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_t body;
        answer told = ask(
            GET(.peer = rows[i].peer, .path = "/debug/figures", .host = "localhost", .token = rows[i].token),
            &body);
        cr_expect_eq(told.status, 200);
        room[body.length] = '\0';
        cr_expect(strstr(room, rows[i].told), "%s", room);
    }
}

Test(http_answer, a_trace_is_of_one_to_sixty_seconds)
{
    static const struct {
        const char *query;
        unsigned status, seconds;
    } rows[] = {
        {"", 200, 1},           {"seconds=60", 200, 60},  {"seconds=61", 400, 0}, {"seconds=0", 400, 0},
        {"seconds=x", 400, 0},  {"seconds=-1", 400, 0},   {"seconds=", 400, 0},   {"seconds=5s", 400, 0},
        {"seconds=+5", 400, 0}, {"a=b&seconds=7", 200, 7}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_t body;
        answer told = ask(
            GET(.peer = ANSWER_LOOPBACK, .path = "/debug/trace", .host = "localhost", .query = rows[i].query),
            &body);
        cr_expect_eq(told.status, rows[i].status, "%s", rows[i].query);
        cr_expect_eq(told.record_seconds, rows[i].seconds, "%s", rows[i].query);
    }
}

/* The unit tests are built without the page, as the library is where npm is missing. */
Test(http_answer, without_the_page_there_is_the_list)
{
    text_t body;
    answer told = ask(GET(.peer = ANSWER_LOOPBACK, .path = "/", .host = "localhost"), &body);
    cr_expect_eq(told.status, 200);
    cr_expect_null(told.file);
    room[body.length] = '\0';
    cr_expect(strstr(room, "POST /debug/tune"));
    cr_expect_eq(status(GET(.peer = ANSWER_LOOPBACK, .path = "/main.js", .host = "localhost")), 404);
}

Test(http_answer, changing_needs_the_token_or_the_socket)
{
    answer_request request = POST(.peer = ANSWER_LOOPBACK, .path = "/debug/gc", .host = "localhost");
    cr_expect_eq(status(request), 403);
    request.token = TOKEN;
    cr_expect_eq(status(request), 403);
    static const char *const bad[] = {"",
                                      "Bearer",
                                      "Bearer ",
                                      "Bearer 0123456789abcdef-toke",
                                      "Basic 0123456789abcdef-token",
                                      "Bearer 0123456789abcdef-token2",
                                      "Bearer 1123456789abcdef-token"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        request.authorization = bad[i];
        cr_expect_eq(status(request), 403, "%s", bad[i]);
    }
    request.authorization = "Bearer 0123456789abcdef-token";
    cr_expect_eq(status(request), 200);
    request.peer = ANSWER_NETWORK;
    request.host = "server.example:6060";
    cr_expect_eq(status(request), 200, "with the token from anywhere");
    request.token = NULL;
    cr_expect_eq(status(request), 403, "nobody has a token that does not exist");
    request.token = "";
    request.authorization = "Bearer ";
    cr_expect_eq(status(request), 403, "an empty one is none");
    cr_expect_eq(status(POST(.peer = ANSWER_UNIX, .path = "/debug/gc")), 200);
}

Test(http_answer, pages_of_other_sites_are_refused)
{
    answer_request request = POST(.peer = ANSWER_UNIX, .path = "/debug/gc", .host = "localhost:6060");
    static const char *const bad[] = {"http://evil.example", "null", "https://localhost:6060",
                                      "http://localhost:6061", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        request.origin = bad[i];
        cr_expect_eq(status(request), 403, "%s", bad[i]);
    }
    request.origin = "http://localhost:6060";
    cr_expect_eq(status(request), 200);
    request.site = "cross-site";
    cr_expect_eq(status(request), 403);
    request.site = "same-site";
    cr_expect_eq(status(request), 403);
    request.site = "same-origin";
    cr_expect_eq(status(request), 200);
}

Test(http_answer, methods_and_paths)
{
    text_t body;
    answer_request request = GET(.peer = ANSWER_UNIX, .path = "/debug/gc");
    answer told = ask(request, &body);
    cr_expect(told.status == 405 && strcmp(told.allow, "POST") == 0, "GET changes nothing");
    request = POST(.peer = ANSWER_UNIX, .path = "/metrics");
    told = ask(request, &body);
    cr_expect(told.status == 405 && strcmp(told.allow, "GET, HEAD") == 0);
    static const char *const missing[] = {"", "//", "/metrics/", "/debug", "/../etc/passwd", "*"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        cr_expect_eq(status(GET(.peer = ANSWER_UNIX, .path = missing[i])), 404, "%s", missing[i]);
}

Test(http_answer, without_a_profile_there_is_none)
{
    cr_expect_eq(status(GET(.peer = ANSWER_UNIX, .path = "/debug/pprof/heap")), 404);
    cr_expect_eq(status(GET(.peer = ANSWER_NETWORK, .path = "/debug/pprof/heap")), 403);
}

Test(http_answer, both_knobs_turn_or_none)
{
    weir_set_gc_percent(100);
    weir_set_memory_limit(INT64_MAX);
    static const char *const bad[] = {"",
                                      "gogc=",
                                      "gogc=x",
                                      "gogc=50&memlimit=x",
                                      "memlimit=64MB&gogc=50",
                                      "gogcc=50",
                                      "&&=&gogc",
                                      "gogc=50000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect_eq(status(POST(.peer = ANSWER_UNIX, .path = "/debug/tune", .query = bad[i])), 400, "%s",
                     bad[i]);
        cr_expect_eq(weir_set_gc_percent(100), 100, "%s", bad[i]);
    }
    cr_expect_eq(status(POST(.peer = ANSWER_UNIX, .path = "/debug/tune", .query = "gogc=50&memlimit=64MiB")),
                 200);
    cr_expect_eq(weir_set_gc_percent(100), 50);
    cr_expect_eq(weir_set_memory_limit(INT64_MAX), 64 << 20);
    cr_expect_eq(status(POST(.peer = ANSWER_UNIX, .path = "/debug/tune", .query = "gogc=off")), 200);
    cr_expect_eq(weir_set_gc_percent(100), -1);
}

Test(http_answer, an_answer_that_does_not_fit_is_an_error)
{
    char small[64];
    text_t body = text_on(small, sizeof small);
    answer_request request = GET(.peer = ANSWER_UNIX, .path = "/metrics", .query = "");
    cr_expect_eq(answer_to(&request, &body).status, 500);
}

/* --- the fuzz target: tests/fuzz/http.c --- */

Test(http_answer, any_bytes_get_an_answer)
{
    static const char *const words[] = {"GET",
                                        "POST",
                                        "HEAD",
                                        "/",
                                        "/metrics",
                                        "/debug/vars",
                                        "/debug/tune",
                                        "gogc=50",
                                        "memlimit=1GiB&gogc=off",
                                        "localhost",
                                        "[::1]:1",
                                        "127.0.0.1:99999",
                                        "http://localhost",
                                        "same-origin",
                                        "Bearer ",
                                        "Bearer 0123456789abcdef-token",
                                        "application/openmetrics-text",
                                        "gogc=%00",
                                        "&&&===",
                                        "[",
                                        "]",
                                        ":",
                                        "gogc=-1",
                                        "memlimit=200%"};
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 100000; round++) {
        uint8_t input[512];
        size_t length = 0;
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        input[length++] = (uint8_t)seed;
        uint64_t dice = seed;
        for (int part = 0; part < 8; part++) {
            dice = dice * 6364136223846793005u + 1442695040888963407u;
            if (dice >> 60 < 11) {
                const char *word = words[(dice >> 32) % (sizeof words / sizeof words[0])];
                length = (size_t)((uint8_t *)stpcpy((char *)input + length, word) - input);
            }
            for (uint64_t n = dice >> 40 & 3; (dice >> 56 & 7) == 0 && n > 0; n--)
                input[length++] = (uint8_t)(dice >> (8 * n));
            input[length++] = 0;
        }
        LLVMFuzzerTestOneInput(input, length);
    }
    weir_set_memory_limit(INT64_MAX);
}
