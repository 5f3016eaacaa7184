package dev.quire.emulator.decode;

/**
 * Which loads and stores leave a valid instruction syndrome (ESR_EL2.ISV) when the second stage
 * aborts them: those of one general-purpose register, acquiring and releasing ones among them, but
 * neither exclusives nor those that write their base back (Arm ARM DDI 0487, ESR_EL2, ISS encoding
 * for an exception from a Data Abort). Atomics have a register to load and one to store, and leave
 * none. Stateless.
 */
public final class Arm64ValidSyndrome {
  /** Load/store of one register but for those with an unsigned offset: immediate or register. */
  private static final int SINGLE_MASK = 0x3b00_0000;

  private static final int SINGLE = 0x3800_0000;
  private static final int TAGS_MASK = 0xff20_0000;
  private static final int TAGS = 0xd920_0000;
  private static final int POST_INDEXED = 1;
  private static final int PRE_INDEXED = 3;

  private Arm64ValidSyndrome() {}

  /** Whether the access of this instruction word would leave one. */
  public static boolean isLeftBy(int word) {
    long access = Arm64AccessDecoder.decode(word);
    return Arm64Access.registers(access) == 1
        && !Arm64Access.isVector(access)
        && !Arm64Access.isExclusive(access)
        && !Arm64Access.isAtomic(access)
        && (word & TAGS_MASK) != TAGS
        && !writesBack(word);
  }

  /** Bits 11 and 10 tell the form; LDRAA and LDRAB, which have bit 21, are never post-indexed. */
  private static boolean writesBack(int word) {
    if ((word & SINGLE_MASK) != SINGLE) {
      return false;
    }
    int form = word >>> 10 & 3;
    boolean authenticated = (word >>> 21 & 1) != 0;
    return form == PRE_INDEXED || form == POST_INDEXED && !authenticated;
  }
}
