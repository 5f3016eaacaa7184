package dev.quire.lab.replay;

import dev.quire.kernel.mm.FrameStorage;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The bytes of a session's machine. A frame's bytes are kept without the zeros at their end, and
 * are never changed in place, so that frames with the same content share them. One thread.
 */
final class PageBytes implements SessionBytes, FrameStorage {
  /** What one script may store: far more than a script can say without repeating itself. */
  private static final long MOST_BYTES = 1L << 28;

  private static final byte[] ZEROS = {};

  private final Map<Long, byte[]> frames = new HashMap<>();
  private SessionProcess user;
  private long stored;

  @Override
  public void setUser(SessionProcess process) {
    user = process;
  }

  @Override
  public void copyFromUser(long pfn, int offset, int bytes, long userAddress) {
    int done = 0;
    while (done < bytes) {
      long from = userAddress + done;
      int inPage = (int) (from & PageRange.PAGE_BYTES - 1);
      int length = Math.min(bytes - done, PageRange.PAGE_BYTES - inPage);
      store(pfn, offset + done, get(user.frame(from)), inPage, length);
      done += length;
    }
  }

  @Override
  public void copyBytes(long fromPfn, int fromOffset, long toPfn, int toOffset, int bytes) {
    store(toPfn, toOffset, get(fromPfn), fromOffset, bytes);
  }

  @Override
  public void zero(long pfn, int order) {
    for (long i = 0; i < 1L << order && !frames.isEmpty(); i++) {
      frames.remove(pfn + i);
    }
  }

  @Override
  public void copy(long fromPfn, long toPfn, int order) {
    for (long i = 0; i < 1L << order; i++) {
      set(toPfn + i, get(fromPfn + i));
    }
  }

  @Override
  public boolean isZero(long pfn, int order) {
    for (long i = 0; i < 1L << order; i++) {
      for (byte one : get(pfn + i)) {
        if (one != 0) {
          return false;
        }
      }
    }
    return true;
  }

  /** The bytes of a frame up to the last that may not be zero; not to be changed. */
  byte[] get(long pfn) {
    return frames.getOrDefault(pfn, ZEROS);
  }

  @Override
  public void set(long pfn, byte[] bytes) {
    if (bytes.length == 0) {
      frames.remove(pfn);
    } else {
      frames.put(pfn, bytes);
    }
  }

  @Override
  public int load(long pfn, int offset) {
    byte[] bytes = get(pfn);
    return offset < bytes.length ? bytes[offset] & 0xff : 0;
  }

  @Override
  public void store(long pfn, int offset, int value) {
    byte[] before = get(pfn);
    if (offset >= before.length && (value & 0xff) == 0) {
      return;
    }
    byte[] after = Arrays.copyOf(before, Math.max(before.length, offset + 1));
    after[offset] = (byte) value;
    replace(pfn, after);
  }

  @Override
  public void store(long pfn, int offset, byte[] page, int from, int length) {
    if (offset == 0 && from == 0 && length == PageRange.PAGE_BYTES) {
      set(pfn, page);
      return;
    }
    byte[] before = get(pfn);
    byte[] after = Arrays.copyOf(before, Math.max(before.length, offset + length));
    int there = Math.clamp(page.length - from, 0, length);
    if (there > 0) {
      System.arraycopy(page, from, after, offset, there);
    }
    Arrays.fill(after, offset + there, offset + length, (byte) 0);
    replace(pfn, after);
  }

  private void replace(long pfn, byte[] after) {
    stored += after.length;
    if (stored > MOST_BYTES) {
      throw new IllegalStateException("the script stores more than " + MOST_BYTES + " bytes");
    }
    set(pfn, after);
  }
}
