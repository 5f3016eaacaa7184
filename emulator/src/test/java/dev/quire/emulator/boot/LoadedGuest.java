package dev.quire.emulator.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.TreeMap;

/** Guest memory after a plan was carried out, page by page. */
final class LoadedGuest {
  private final TreeMap<Long, byte[]> pages = new TreeMap<>();

  LoadedGuest(BootPlan plan) {
    plan.writeTo(
        (gpa, source, offset, bytes) -> {
          for (int i = 0; i < bytes; i++) {
            page(gpa + i)[(int) (gpa + i & 4095)] = source[offset + i];
          }
        });
  }

  private byte[] page(long gpa) {
    return pages.computeIfAbsent(gpa >>> 12, number -> new byte[4096]);
  }

  byte[] bytes(long gpa, int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      byte[] page = pages.get(gpa + i >>> 12);
      bytes[i] = page == null ? 0 : page[(int) (gpa + i & 4095)];
    }
    return bytes;
  }

  int u8(long gpa) {
    return bytes(gpa, 1)[0] & 0xff;
  }

  int u16(long gpa) {
    return ByteBuffer.wrap(bytes(gpa, 2)).order(ByteOrder.LITTLE_ENDIAN).getShort() & 0xffff;
  }

  long u32(long gpa) {
    return ByteBuffer.wrap(bytes(gpa, 4)).order(ByteOrder.LITTLE_ENDIAN).getInt() & 0xffffffffL;
  }

  long i64(long gpa) {
    return ByteBuffer.wrap(bytes(gpa, 8)).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  String text(long gpa) {
    StringBuilder text = new StringBuilder();
    for (long at = gpa; u8(at) != 0; at++) {
      text.append((char) u8(at));
    }
    return text.toString();
  }
}
