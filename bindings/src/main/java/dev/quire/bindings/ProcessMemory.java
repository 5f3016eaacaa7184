package dev.quire.bindings;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Reads and writes this process's own memory through the kernel, so that a wrong pointer is an
 * answer and not a crash. For rare things only. Addresses are host virtual.
 */
final class ProcessMemory implements AutoCloseable {
  private static final Path SELF = Path.of("/proc/self/mem");

  private final FileChannel channel;

  private ProcessMemory(FileChannel channel) {
    this.channel = channel;
  }

  static ProcessMemory open() {
    return open(StandardOpenOption.READ);
  }

  static ProcessMemory openWritable() {
    return open(StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static ProcessMemory open(StandardOpenOption... options) {
    try {
      return new ProcessMemory(FileChannel.open(SELF, options));
    } catch (IOException e) {
      throw new NativeLibraryException(
          "cannot check libunicorn's CPU state: "
              + SELF
              + " cannot be opened here; run on Linux with /proc mounted",
          e);
    }
  }

  /** Writes what remains in the buffer; false where that cannot be written. */
  boolean write(long address, ByteBuffer bytes) {
    if (address <= 0 || address >= 1L << 56) {
      return false;
    }
    int length = bytes.remaining();
    try {
      return channel.write(bytes, address) == length;
    } catch (IOException ignored) {
      return false;
    }
  }

  /** Reads up to {@code bytes}; the buffer's limit tells how many were readable. */
  ByteBuffer read(long address, int bytes) {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (address <= 0 || address >= 1L << 56) {
      return buffer.limit(0);
    }
    try {
      while (buffer.hasRemaining()) {
        int got = channel.read(buffer, address + buffer.position());
        if (got <= 0) {
          break;
        }
      }
    } catch (IOException ignored) {
      // Not mapped from here on: what was read so far is the answer.
    }
    return buffer.flip();
  }

  /** The 8 bytes at an address, 0 when unreadable. */
  long readLong(long address) {
    ByteBuffer buffer = read(address, 8);
    return buffer.limit() == 8 ? buffer.getLong(0) : 0;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException ignored) {
      // Nothing was written.
    }
  }
}
