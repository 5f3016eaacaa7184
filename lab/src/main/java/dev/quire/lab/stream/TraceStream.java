package dev.quire.lab.stream;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;

/** Replays a file of {@link TraceFormat}. */
final class TraceStream implements AccessStream {
  private static final int MOST_SHIFT = 56;
  private static final long HIGHEST = PackedAccess.HIGHEST_VA >>> TraceFormat.DROPPED_BITS;

  private final Path file;
  private final InputStream input;
  private final byte[] buffer = new byte[1 << 16];
  private final long[] last = new long[TraceFormat.TYPES];
  private int position;
  private int limit;
  private long bufferOffset;
  private long delivered;
  private boolean ended;

  private TraceStream(Path file, InputStream input) {
    this.file = file;
    this.input = input;
  }

  static TraceStream open(Path file) {
    TraceStream stream = new TraceStream(file, CompressedFile.open(file));
    try {
      stream.header();
    } catch (BadStreamException e) {
      stream.close();
      throw e;
    }
    return stream;
  }

  private void header() {
    byte[] magic = new byte[TraceFormat.MAGIC.length];
    for (int i = 0; i < magic.length; i++) {
      magic[i] = (byte) next("the magic 'quiretrc'");
    }
    if (!Arrays.equals(magic, TraceFormat.MAGIC)) {
      throw new BadStreamException(
          file + ": not a trace of Quire's own format: expected it to begin with 'quiretrc'");
    }
    long version = number(Integer.BYTES, "a version");
    if (version != TraceFormat.VERSION) {
      throw new BadStreamException(
          "%s: version %d of the trace format; this Quire reads version %d"
              .formatted(file, version, TraceFormat.VERSION));
    }
    if (number(Integer.BYTES, "four zero bytes") != 0) {
      throw malformed("expected four zero bytes");
    }
  }

  @Override
  public int read(long[] target, int most) {
    int count = 0;
    while (count < most && !ended) {
      long record = varint();
      int type = (int) record & TraceFormat.TYPE_MASK;
      if (type == TraceFormat.END) {
        end(record);
        return count;
      }
      long zigzag = record >>> TraceFormat.FLAG_BITS;
      long word = last[type] + (zigzag >>> 1 ^ -(zigzag & 1));
      if (word < 0 || word > HIGHEST) {
        throw malformed("expected a user address up to %x".formatted(PackedAccess.HIGHEST_VA));
      }
      last[type] = word;
      delivered++;
      target[count++] =
          PackedAccess.of(
              word << TraceFormat.DROPPED_BITS, type, (record & TraceFormat.STARTS) != 0);
    }
    return count;
  }

  private void end(long record) {
    long total = number(Long.BYTES, "the number of accesses");
    if (record != TraceFormat.END || total != delivered) {
      throw malformed(
          "the end says %d accesses, %d were read: the file is damaged"
              .formatted(total, delivered));
    }
    if (position != limit || refill()) {
      throw malformed("expected the end of the file");
    }
    ended = true;
  }

  private long varint() {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      int next = next("an access or the end");
      value |= (next & 0x7fL) << shift;
      if (next < 0x80) {
        return value;
      }
      if (shift == MOST_SHIFT) {
        throw malformed("expected a number of at most nine bytes");
      }
    }
  }

  private long number(int bytes, String what) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) next(what) << Byte.SIZE * i;
    }
    return value;
  }

  private int next(String what) {
    if (position == limit && !refill()) {
      throw new BadStreamException(
          "%s: truncated after byte %d and %d accesses: expected %s"
              .formatted(file, bufferOffset, delivered, what));
    }
    return buffer[position++] & 0xff;
  }

  private boolean refill() {
    bufferOffset += limit;
    position = 0;
    limit = 0;
    try {
      limit = Math.max(0, input.read(buffer, 0, buffer.length));
    } catch (IOException e) {
      throw new BadStreamException(
          "%s, after byte %d"
              .formatted(CompressedFile.unreadable(file, e).getMessage(), bufferOffset),
          e);
    }
    return limit > 0;
  }

  private BadStreamException malformed(String expected) {
    return new BadStreamException(
        "%s, byte %d: %s".formatted(file, bufferOffset + position, expected));
  }

  @Override
  public void close() {
    try {
      input.close();
    } catch (IOException e) {
      throw CompressedFile.unreadable(file, e);
    }
  }
}
