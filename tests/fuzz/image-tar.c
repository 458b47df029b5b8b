/*
 * Any bytes as an archive: recognised, and unpacked as a layer.
 */

#include "fuzz.h"
#include "image-place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        place_unpack(data, size);
        return 0;
}
