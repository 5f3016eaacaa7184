package dev.quire.emulator.decode;

/**
 * Counts the instructions of a straight block of code, such as one translation block of the engine.
 * The results stay until the next scan. Reused; owned by one thread; no allocation in {@link
 * #scan}.
 *
 * <p>A block may end inside an instruction: the engine stops translating as soon as it knows an
 * encoding to be undefined. Such a rest counts as one instruction, as the engine counts it.
 */
public final class X86BlockScanner {
  private static final int MAX_BLOCK_BYTES = 8192;

  private final X86Decoder decoder = new X86Decoder();
  private final X86Instruction instruction = new X86Instruction();
  private final short[] starts = new short[MAX_BLOCK_BYTES];
  private int count;
  private long classes;
  private boolean endsWithRep;
  private int counterBytes;

  /**
   * Scans {@code length} bytes of code from the start of {@code bytes}.
   *
   * @return the number of instructions
   */
  public int scan(byte[] bytes, int length, CodeMode mode) {
    if (length < 0 || length > bytes.length || length > MAX_BLOCK_BYTES) {
      throw new IllegalArgumentException("block of %d bytes".formatted(length));
    }
    count = 0;
    classes = 0;
    endsWithRep = false;
    counterBytes = 0;
    int offset = 0;
    while (offset < length) {
      starts[count++] = (short) offset;
      int size = decoder.decode(bytes, offset, length, mode, instruction);
      if (size < 0) {
        classes |= X86InstructionClass.UNDEFINED.bit();
        endsWithRep = false;
        break;
      }
      classes |= instruction.instructionClass().bit();
      endsWithRep = instruction.isRepeated();
      counterBytes = instruction.addressBytes();
      offset += size;
    }
    return count;
  }

  /** Instructions of the last scan. */
  public int count() {
    return count;
  }

  /** Which classes occur: an or of {@link X86InstructionClass#bit()}. */
  public long classes() {
    return classes;
  }

  /** Whether an instruction of this class occurs. */
  public boolean contains(X86InstructionClass instructionClass) {
    return (classes & instructionClass.bit()) != 0;
  }

  /**
   * Whether instructions occur that the engine must not run: IN, OUT, INS, OUTS and XSETBV, which
   * it does not check, RDRAND and RDSEED, which give the host's random numbers.
   */
  public boolean isSensitive() {
    long sensitive = X86InstructionClass.XSETBV.bit() | X86InstructionClass.RANDOM.bit() | ports();
    return (classes & sensitive) != 0;
  }

  /** Whether IN, OUT, INS or OUTS occur. */
  public boolean accessesPorts() {
    return (classes & ports()) != 0;
  }

  private static long ports() {
    return X86InstructionClass.IN.bit()
        | X86InstructionClass.OUT.bit()
        | X86InstructionClass.INS.bit()
        | X86InstructionClass.OUTS.bit();
  }

  /** Whether the last instruction is a string instruction with a REP prefix. */
  public boolean endsWithRep() {
    return endsWithRep;
  }

  /** Width of the REP counter in bytes (2 CX, 4 ECX, 8 RCX), if {@link #endsWithRep()}. */
  public int repCounterBytes() {
    return endsWithRep ? counterBytes : 0;
  }

  /** Byte offset of the last instruction. */
  public int lastOffset() {
    return count == 0 ? 0 : starts[count - 1];
  }

  /** Byte offset of the instruction with this index. */
  public int offsetOf(int index) {
    if (index < 0 || index >= count) {
      throw new IndexOutOfBoundsException("instruction %d of %d".formatted(index, count));
    }
    return starts[index];
  }

  /** How many instructions start before {@code byteOffset}. */
  public int indexOf(int byteOffset) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = low + high >>> 1;
      if (starts[middle] < byteOffset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
