package dev.quire.bindings;

/**
 * A block of guest code as the engine translated it.
 *
 * @param pc its virtual address
 * @param icount instructions in it
 * @param size bytes in it
 */
public record TranslatedBlock(long pc, int icount, int size) {}
