#ifndef KELP_TEST_FUZZ_H
#define KELP_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The entry of libFuzzer.  Without it, main() in fuzz.c takes each file of a corpus once. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A terminated copy of the input, to be freed. */
char *fuzz_text(const uint8_t *data, size_t size);

#endif
