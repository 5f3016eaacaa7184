package dev.quire.kvm.wire;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Sizes and offsets of frames, and little-endian access to them. */
public final class Frames {
  /** The only version of the protocol so far. */
  public static final int VERSION = 1;

  /** "QUIREKVM", read as a little-endian number. */
  public static final long MAGIC = 0x4d564b4552495551L;

  public static final int REQUEST_BYTES = 48;
  public static final int REPLY_BYTES = 32;
  public static final int SEGMENT_BYTES = 16;
  public static final int MAX_SEGMENTS = 64;

  /** Of a frame; both directions. */
  public static final int DEFAULT_LIMIT_BYTES = 4 << 20;

  /** Memory is shared in pages of this size. */
  public static final int PAGE_BYTES = 4096;

  /** Reply flag: the call goes on (TOUCH). */
  public static final int MORE = 1;

  /** IOCTL flag: segments with {@link #PAGES_ADDRESS} set are the file's own pages. */
  public static final int PAGES = 1;

  public static final long PAGES_ADDRESS = Long.MIN_VALUE;

  /** WRITE and PWRITE flag: the bytes that are left out come with the next calls. */
  public static final int PART = 1;

  /** SHARE flag: the client has it mapped read-only. */
  public static final int READ_ONLY = 1;

  /** LEND's only kind. */
  public static final int EVENTFD = 1;

  static final int LENGTH = 0;
  static final int SEQUENCE = 4;
  static final int OP = 8;
  static final int REQUEST_SEGMENTS = 10;
  static final int FD = 12;
  static final int REQUEST = 16;
  static final int ARGUMENT = 24;
  static final int THIRD = 32;
  static final int REQUEST_TAG = 40;
  static final int REQUEST_FLAGS = 44;

  static final int RESULT = 8;
  static final int VALUE = 16;
  static final int REPLY_SEGMENTS = 24;
  static final int REPLY_FLAGS = 26;
  static final int REPLY_TAG = 28;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

  private Frames() {}

  public static long getLong(byte[] frame, int offset) {
    return (long) LONG.get(frame, offset);
  }

  public static void putLong(byte[] frame, int offset, long value) {
    LONG.set(frame, offset, value);
  }

  public static int getInt(byte[] frame, int offset) {
    return (int) INT.get(frame, offset);
  }

  public static void putInt(byte[] frame, int offset, int value) {
    INT.set(frame, offset, value);
  }

  public static int getShort(byte[] frame, int offset) {
    return (short) SHORT.get(frame, offset) & 0xffff;
  }

  public static void putShort(byte[] frame, int offset, int value) {
    SHORT.set(frame, offset, (short) value);
  }

  /** Rounded up to whole longs. */
  static int padded(int bytes) {
    return bytes + 7 & -8;
  }
}
