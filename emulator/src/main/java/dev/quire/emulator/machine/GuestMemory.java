package dev.quire.emulator.machine;

import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.snapshot.MemoryImage;
import dev.quire.emulator.snapshot.PageSource;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The memory of a machine that does not run, page by page, without bringing any in. */
public final class GuestMemory implements PageSource {
  private static final int PAGE_SHIFT = 12;
  private static final int PAGE_BYTES = 1 << PAGE_SHIFT;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final GuestRam ram;
  private final GuestHost host;

  /** Null in a machine that was booted. */
  private final MemoryImage image;

  GuestMemory(GuestRam ram, GuestHost host, MemoryImage image) {
    this.ram = ram;
    this.host = host;
    this.image = image;
  }

  @Override
  public void forEach(Visitor visitor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(PAGE_BYTES, PAGE_BYTES);
      for (GuestRam.Range range : ram.ranges()) {
        for (long gpa = range.gpa(); gpa < range.endGpa(); gpa += PAGE_BYTES) {
          if (read(gpa >>> PAGE_SHIFT, page)) {
            visitor.page(gpa >>> PAGE_SHIFT, page);
          }
        }
      }
    }
  }

  /**
   * Copies a page to {@code target}.
   *
   * @return false, and nothing copied that matters, if it is all zeros
   */
  private boolean read(long gfn, MemorySegment target) {
    MemorySegment present = host.peek(gfn);
    if (present != null) {
      MemorySegment.copy(present, 0, target, 0, PAGE_BYTES);
    } else if (image != null && image.isStored(gfn)) {
      image.read(gfn, target);
    } else {
      return false;
    }
    return !isZero(target);
  }

  private static boolean isZero(MemorySegment page) {
    for (long at = 0; at < PAGE_BYTES; at += Long.BYTES) {
      if (page.get(LONG, at) != 0) {
        return false;
      }
    }
    return true;
  }

  /** See {@link VirtualMachine#memoryHash}. */
  String hash() {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    byte[] bytes = new byte[Long.BYTES + PAGE_BYTES];
    MemorySegment message = MemorySegment.ofArray(bytes);
    forEach(
        (gfn, page) -> {
          message.set(LONG, 0, gfn);
          MemorySegment.copy(page, 0, message, Long.BYTES, PAGE_BYTES);
          digest.update(bytes);
        });
    return HexFormat.of().formatHex(digest.digest());
  }
}
