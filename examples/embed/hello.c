/* hello: the least program, for the build files beside it. Prints: 1 block of 112 bytes, on weir 0.1.0 */
#include <stdio.h>

#include <weir.h>

int main(void)
{
    char *block = weir_malloc(100);
    printf("1 block of %zu bytes, on weir %s\n", weir_usable_size(block), weir_version());
    weir_free(block);
}
