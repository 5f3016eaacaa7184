package dev.quire.emulator.vcpu.x86;

import dev.quire.mmu.Access;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Sparse bytes with a fate for each page; canonical means 48 bits. */
final class FakeLinearMemory implements LinearMemory {
  /** What happens on a page. */
  enum Fate {
    ABSENT,
    READ_ONLY,
    SUPERVISOR_ONLY,
    HOST
  }

  private final Map<Long, byte[]> pages = new HashMap<>();
  private final Map<Long, Fate> fates = new HashMap<>();
  final Set<Integer> accesses = new HashSet<>();
  private long value;
  private int errorCode;
  private long cr2;
  int writes;
  int hostRequests;

  void fate(long linear, Fate fate) {
    fates.put(linear >> 12, fate);
  }

  /** The host resolves everything it was asked for. */
  void resolve() {
    fates.values().removeIf(fate -> fate == Fate.HOST);
  }

  void poke(long linear, int count, long newValue) {
    for (int i = 0; i < count; i++) {
      long at = linear + i;
      pages.computeIfAbsent(at >> 12, page -> new byte[4096])[(int) at & 0xfff] =
          (byte) (newValue >>> 8 * i);
    }
  }

  long peek(long linear, int count) {
    long result = 0;
    for (int i = 0; i < count; i++) {
      long at = linear + i;
      byte[] page = pages.get(at >> 12);
      long value = page == null ? 0 : page[(int) at & 0xfff] & 0xff;
      result |= value << 8 * i;
    }
    return result;
  }

  /** A digest of everything written, to compare. */
  Map<Long, Integer> snapshot() {
    Map<Long, Integer> digest = new HashMap<>();
    pages.forEach((page, content) -> digest.put(page, Arrays.hashCode(content)));
    return digest;
  }

  @Override
  public int read(long linear, int count, int access) {
    int status = check(linear, count, access, false);
    if (status == OK) {
      value = peek(linear, count);
    }
    return status;
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public int probeWrite(long linear, int count, int access) {
    return check(linear, count, access, true);
  }

  @Override
  public int write(long linear, int count, long newValue, int access) {
    int status = check(linear, count, access, true);
    if (status == OK) {
      writes++;
      poke(linear, count, newValue);
    }
    return status;
  }

  @Override
  public int pageFaultErrorCode() {
    return errorCode;
  }

  @Override
  public long cr2() {
    return cr2;
  }

  private int check(long linear, int count, int access, boolean write) {
    accesses.add(access);
    for (long at = linear; at != linear + count; at++) {
      if (at << 16 >> 16 != at) {
        return NON_CANONICAL;
      }
      Fate fate = fates.get(at >> 12);
      if (fate == null) {
        continue;
      }
      if (fate == Fate.HOST) {
        hostRequests++;
        return NEEDS_HOST;
      }
      boolean user = Access.isUser(access);
      boolean refused =
          fate == Fate.ABSENT
              || fate == Fate.READ_ONLY && write
              || fate == Fate.SUPERVISOR_ONLY && user;
      if (refused) {
        errorCode = (fate == Fate.ABSENT ? 0 : 1) | (write ? 2 : 0) | (user ? 4 : 0);
        cr2 = at;
        return PAGE_FAULT;
      }
    }
    return OK;
  }
}
