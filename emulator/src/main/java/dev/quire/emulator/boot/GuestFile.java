package dev.quire.emulator.boot;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A file from the user, held in memory, read little-endian. Offsets and lengths are 64-bit and come
 * from the file itself; nothing is read before {@link #require} agrees.
 */
public final class GuestFile {
  /** Larger files are refused before they are read. */
  public static final long MAX_BYTES = 1L << 30;

  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final String name;
  private final byte[] bytes;

  /**
   * @param name as messages show it
   * @param bytes the content, not copied
   */
  public GuestFile(String name, byte[] bytes) {
    this.name = name;
    this.bytes = bytes;
  }

  /** Reads a whole file. */
  public static GuestFile read(Path path) {
    String name = path.toString();
    try {
      if (Files.isDirectory(path)) {
        throw new BadGuestException(name, "is a directory, not a guest's file");
      }
      if (!Files.isRegularFile(path) && Files.exists(path)) {
        throw new BadGuestException(name, "is not a regular file");
      }
      long size = Files.size(path);
      if (size > MAX_BYTES) {
        throw new BadGuestException(
            name, "is %d bytes long; at most %d are read".formatted(size, MAX_BYTES));
      }
      return new GuestFile(name, Files.readAllBytes(path));
    } catch (NoSuchFileException e) {
      throw new BadGuestException(name, "no such file");
    } catch (IOException e) {
      throw new BadGuestException(name, "cannot be read: " + e.getMessage());
    }
  }

  public String name() {
    return name;
  }

  /** The content, not a copy. */
  public byte[] bytes() {
    return bytes;
  }

  public int length() {
    return bytes.length;
  }

  /** A problem with this file, to be thrown. */
  public BadGuestException bad(String problem, Object... arguments) {
    return new BadGuestException(name, problem.formatted(arguments));
  }

  /** Throws unless the {@code count} bytes at {@code offset} (both unsigned) are in the file. */
  public void require(long offset, long count, String what) {
    if (!has(offset, count)) {
      throw bad(
          "%s needs %s bytes at file offset 0x%x, but the file has %d bytes; is it truncated?",
          what, Long.toUnsignedString(count), offset, bytes.length);
    }
  }

  /** Whether the {@code count} bytes at {@code offset} (both unsigned) are in the file. */
  public boolean has(long offset, long count) {
    return count >= 0 && offset >= 0 && count <= bytes.length && offset <= bytes.length - count;
  }

  int u8(int offset) {
    return bytes[offset] & 0xff;
  }

  int u16(int offset) {
    return (short) SHORT.get(bytes, offset) & 0xffff;
  }

  int i32(int offset) {
    return (int) INT.get(bytes, offset);
  }

  long u32(int offset) {
    return i32(offset) & 0xffffffffL;
  }

  long i64(int offset) {
    return (long) LONG.get(bytes, offset);
  }
}
