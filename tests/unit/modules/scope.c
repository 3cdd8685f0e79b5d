/* scope: in every unit test the soft limit counts what weir holds, because the process is mostly the test
 * framework and the sanitizer. Tests of the other scope set it themselves. */
#include <stdlib.h>

__attribute__((constructor)) static void count_weir_alone(void)
{
    setenv("WEIR_MEMLIMIT_SCOPE", "weir", 0);
}
