package dev.quire.lab.replay;

import dev.quire.kvm.abi.LittleEndian;
import dev.quire.lab.replay.Assignments.Assignment;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * A field of a structure of KVM, as a client finds it.
 *
 * @param offset in bytes
 * @param size in bytes
 * @param raw whether scripts write it as bytes, and not as a number
 */
record KvmField(int offset, int size, boolean raw) {
  static KvmField number(int offset, int size) {
    return new KvmField(offset, size, false);
  }

  static KvmField raw(int offset, int size) {
    return new KvmField(offset, size, true);
  }

  /** What a script wants in it; a number is cut to the field's width, as C does. */
  byte[] bytes(Assignment wanted) {
    if (raw) {
      return Arrays.copyOf(Hex.parse(wanted.name(), wanted.value(), size), size);
    }
    return bytes(wanted.number());
  }

  byte[] bytes(long number) {
    byte[] bytes = new byte[Long.BYTES];
    LittleEndian.putLong(bytes, 0, number);
    return Arrays.copyOf(bytes, size);
  }

  long get(byte[] structure) {
    byte[] number = Arrays.copyOf(Arrays.copyOfRange(structure, offset, offset + size), Long.BYTES);
    return LittleEndian.getLong(number, 0);
  }

  /** As recordings write it: without zeros at the end if it is bytes. */
  String text(byte[] structure) {
    return raw ? Hex.trimmed(structure, offset, size) : "0x" + Long.toHexString(get(structure));
  }

  /** Bytes as scripts write them. */
  static final class Hex {
    private Hex() {}

    /** Bytes of two digits each, at most so many. */
    static byte[] parse(String what, String digits, int most) {
      if (!digits.matches("([0-9a-fA-F]{2})+")) {
        throw new BadOpException(
            what + " '" + digits + "' is not bytes of two hexadecimal digits each");
      }
      if (digits.length() / 2 > most) {
        throw new BadOpException(what + " has more than " + most + " bytes");
      }
      return HexFormat.of().parseHex(digits);
    }

    /** Bytes without the zeros at their end. */
    static String trimmed(byte[] bytes, int offset, int count) {
      int end = offset + count;
      while (end > offset && bytes[end - 1] == 0) {
        end--;
      }
      return HexFormat.of().formatHex(bytes, offset, end);
    }
  }
}
