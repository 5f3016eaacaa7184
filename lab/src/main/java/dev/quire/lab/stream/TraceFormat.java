package dev.quire.lab.stream;

/**
 * The project's own trace format, version 1. Little-endian; docs/STREAMS.md has the same text.
 *
 * <pre>
 * header  8 bytes  "quiretrc"
 *         4 bytes  version, 1
 *         4 bytes  0
 * access  varint   zigzag(va / 4 - va / 4 of the last access of this type) * 8
 *                  + 4 if it starts an instruction + type (0 read, 1 write, 2 fetch)
 * end     varint   3
 *         8 bytes  number of accesses
 * </pre>
 *
 * A varint has seven bits a byte, the lowest first, the top bit set in all but the last byte. The
 * first access of a type counts from 0. The end tells a whole file from a truncated one.
 */
final class TraceFormat {
  static final byte[] MAGIC = {'q', 'u', 'i', 'r', 'e', 't', 'r', 'c'};
  static final int VERSION = 1;
  static final int HEADER_BYTES = 16;
  static final int TYPES = 3;
  static final int END = 3;
  static final int TYPE_MASK = 3;
  static final int STARTS = 4;
  static final int FLAG_BITS = 3;

  /** Of an address, which the packed form drops. */
  static final int DROPPED_BITS = 2;

  private TraceFormat() {}
}
