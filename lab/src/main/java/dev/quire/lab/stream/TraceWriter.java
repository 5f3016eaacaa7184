package dev.quire.lab.stream;

import com.github.luben.zstd.ZstdOutputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.GZIPOutputStream;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

/**
 * Writes a stream in {@link TraceFormat}, compressed as the file's name asks (.gz, .zst, .xz). What
 * was not finished lacks its end and is refused by the reader. One thread.
 */
public final class TraceWriter implements Closeable {
  private static final int MOST_VARINT_BYTES = 10;

  private final OutputStream output;
  private final byte[] buffer = new byte[1 << 16];
  private final long[] last = new long[TraceFormat.TYPES];
  private int length;
  private long written;

  private TraceWriter(OutputStream output) throws IOException {
    this.output = output;
    ByteBuffer header =
        ByteBuffer.allocate(TraceFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    header.put(TraceFormat.MAGIC).putInt(TraceFormat.VERSION).putInt(0);
    output.write(header.array());
  }

  /**
   * Begins a trace.
   *
   * @param file where it goes; closed with the writer
   * @param name of the file
   */
  public static TraceWriter create(OutputStream file, String name) throws IOException {
    try {
      return new TraceWriter(compressed(new BufferedOutputStream(file, 1 << 16), name));
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  private static OutputStream compressed(OutputStream raw, String name) throws IOException {
    if (name.endsWith(".gz")) {
      return new GZIPOutputStream(raw, 1 << 16);
    }
    if (name.endsWith(".zst")) {
      return new ZstdOutputStream(raw);
    }
    return name.endsWith(".xz") ? new XZOutputStream(raw, new LZMA2Options()) : raw;
  }

  /** Appends the first {@code count} accesses. */
  public void write(long[] accesses, int count) throws IOException {
    for (int i = 0; i < count; i++) {
      if (length > buffer.length - MOST_VARINT_BYTES) {
        flush();
      }
      int type = PackedAccess.type(accesses[i]);
      long word = PackedAccess.va(accesses[i]) >>> TraceFormat.DROPPED_BITS;
      long delta = word - last[type];
      last[type] = word;
      long zigzag = delta << 1 ^ delta >> 63;
      long starts = PackedAccess.startsInstruction(accesses[i]) ? TraceFormat.STARTS : 0;
      varint(zigzag << TraceFormat.FLAG_BITS | starts | type);
    }
    written += count;
  }

  /** Accesses written so far. */
  public long written() {
    return written;
  }

  private void varint(long value) {
    long rest = value;
    while (rest > 0x7f) {
      buffer[length++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    buffer[length++] = (byte) rest;
  }

  private void flush() throws IOException {
    output.write(buffer, 0, length);
    length = 0;
  }

  /** Writes the end, behind the last access. */
  public void finish() throws IOException {
    flush();
    output.write(TraceFormat.END);
    output.write(
        ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(written).array());
  }

  @Override
  public void close() throws IOException {
    output.close();
  }
}
