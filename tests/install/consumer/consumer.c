/* A C program built against what was installed; what it does is in consumer.h, which a C++ program shares. */
#include "consumer.h"

int main(void)
{
    return consume();
}
