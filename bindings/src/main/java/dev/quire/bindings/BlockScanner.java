package dev.quire.bindings;

/** Decodes an x86 block the first time {@link BlockCounter} meets it. */
@FunctionalInterface
public interface BlockScanner {
  /** The block holds an instruction that must run alone (IN, OUT): stop before the block. */
  int SENSITIVE = 1 << 16;

  /** The last instruction is a REP string operation counting in CX, ECX or RCX. */
  int REP16 = 1 << 17;

  int REP32 = 2 << 17;
  int REP64 = 3 << 17;

  /** Where the length in bytes (1 to 15) of that last REP instruction goes. */
  int REP_LENGTH_SHIFT = 20;

  /**
   * What {@link #scan} answers when it cannot read the block: stop with {@link
   * BlockCounter#REASON_SCAN}.
   */
  int FAILED = -1;

  /**
   * Counts a block's instructions.
   *
   * @param address its virtual address
   * @param sizeBytes its length
   * @return the number of instructions (1 to 65535) | flags above | length of the REP instruction
   *     {@code << REP_LENGTH_SHIFT} if it ends in one; or {@link #FAILED}
   */
  int scan(long address, int sizeBytes);
}
