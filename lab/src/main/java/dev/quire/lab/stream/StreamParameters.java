package dev.quire.lab.stream;

/**
 * What every synthetic stream has.
 *
 * @param base first address
 * @param bytes of the range
 * @param count of accesses
 * @param writeShare 0 to 1: the probability that an access is a write
 * @param seed of every random choice
 */
record StreamParameters(long base, long bytes, long count, double writeShare, long seed) {}
