#ifndef KELP_TESTS_FUZZ_IMAGE_PLACE_H
#define KELP_TESTS_FUZZ_IMAGE_PLACE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Unpacks the bytes as a layer into a directory in memory, in which nothing else is, and removes
 * it by plain means.  Aborts when something appeared beside that directory, when an entry is in it
 * that no archive may make, or when an error is told without its reason.
 */
void place_unpack(const uint8_t *data, size_t size);

#endif
