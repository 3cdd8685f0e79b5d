/* http: requests to the endpoint: any bytes get an answer that is whole, and nobody reads from afar without a
 * token. */
#include <weir.h>

#include "runtime/http/answer.h"
#include "tests/fuzz/fuzz.h"

static const char TOKEN[] = "0123456789abcdef-token";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { PARTS = 8 };
    static char room[512 * 1024];
    char *parts[PARTS];
    input_t input = {data, data + size};
    uint8_t first = input_byte(&input);
    answer_peer peer = (answer_peer)(first % 3);
    bool has_token = first & 4;
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = input_string(&input);
    /* A header that is not there is NULL; the first three always are. */
    const char *header[PARTS];
    for (size_t i = 0; i < PARTS; i++)
        header[i] = i < 3 || parts[i][0] ? parts[i] : NULL;
    answer_request request = {.peer = peer,
                              .method = header[0],
                              .path = header[1],
                              .query = header[2],
                              .host = header[3],
                              .origin = header[4],
                              .site = header[5],
                              .authorization = header[6],
                              .accept = header[7],
                              .token = has_token ? TOKEN : NULL};
    text_t body = text_on(room, sizeof room);
    answer told = answer_to(&request, &body);
    CHECK(told.status == 200 || told.status == 400 || told.status == 403 || told.status == 404 ||
          told.status == 405);
    CHECK(told.type != NULL && body.length > 0 && strlen(body.start) == body.length);
    CHECK(told.status != 200 || peer != ANSWER_NETWORK || has_token);
    for (size_t i = 0; i < PARTS; i++)
        free(parts[i]);
    weir_set_memory_limit(WEIR_NO_LIMIT);
    return 0;
}
