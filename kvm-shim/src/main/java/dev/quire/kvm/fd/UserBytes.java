package dev.quire.kvm.fd;

/**
 * What a caller wants written to a file.
 *
 * @param address of its buffer
 * @param bytes of the buffer, as the caller says
 * @param array where those that could be read are
 * @param offset of the first of them in {@code array}
 * @param readable how many they are, from the buffer's start on
 * @param part whether the others come with further calls, and not: cannot be read
 */
public record UserBytes(
    long address, long bytes, byte[] array, int offset, int readable, boolean part) {}
