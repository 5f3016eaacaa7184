package dev.quire.emulator.exec;

import dev.quire.bindings.BlockScanner;
import dev.quire.emulator.decode.CodeMode;
import dev.quire.emulator.decode.X86BlockScanner;
import dev.quire.emulator.decode.X86Decoder;
import dev.quire.emulator.decode.X86FatalEncodings;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.mmu.Access;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Translation;

/** Reads and decodes the guest's code through the MMU, without side effects. vCPU's thread only. */
public final class X86CodeReader {
  static final int LONGEST_INSTRUCTION = 15;
  private static final int LONGEST_BLOCK = 2 * 4096;
  private static final int PAGE_BYTES = 1 << Order.BASE_PAGE_SHIFT;
  private static final int HLT = 0xf4;
  private static final int INT_N = 0xcd;

  private final X86Core core;
  private final PhysicalMemory memory;
  private final X86Decoder decoder = new X86Decoder();
  private final X86Instruction instruction = new X86Instruction();
  private final X86BlockScanner scanner = new X86BlockScanner();
  private final byte[] bytes = new byte[LONGEST_BLOCK];
  private Mmu mmu;
  private int lastRead;

  X86CodeReader(X86Core core, PhysicalMemory memory) {
    this.core = core;
    this.memory = memory;
  }

  void attach(Mmu newMmu) {
    mmu = newMmu;
  }

  /**
   * The instruction at the program counter, valid until the next call of this class; null if its
   * bytes cannot be read.
   */
  public X86Instruction current() {
    lastRead = read(core.linearPc(), LONGEST_INSTRUCTION);
    int length = decoder.decode(bytes, 0, lastRead, core.codeMode(), instruction);
    return length > 0 ? instruction : null;
  }

  /** Instructions the host performs itself, since the core would not check or report them. */
  static boolean isHostPerformed(X86Instruction instruction) {
    return switch (instruction.instructionClass()) {
      case IN, OUT, INS, OUTS, XSETBV, RANDOM -> true;
      default -> false;
    };
  }

  /**
   * Whether the page at {@code pageVa}, with what an instruction across its ends would add, holds
   * bytes the core must not translate.
   */
  boolean holdsFatalEncoding(long pageVa) {
    int wanted = PAGE_BYTES + 2 * LONGEST_INSTRUCTION;
    int read = read(pageVa - LONGEST_INSTRUCTION, wanted);
    if (read < LONGEST_INSTRUCTION) {
      read = read(pageVa, PAGE_BYTES + LONGEST_INSTRUCTION);
    }
    return X86FatalEncodings.find(bytes, 0, read) >= 0;
  }

  /** As {@link #holdsFatalEncoding}, of the instructions across the page's ends only. */
  boolean holdsFatalEncodingAcrossEnds(long pageVa) {
    return holdsFatalEncodingAround(pageVa) || holdsFatalEncodingAround(pageVa + PAGE_BYTES);
  }

  private boolean holdsFatalEncodingAround(long boundaryVa) {
    int wanted = 2 * LONGEST_INSTRUCTION;
    int read = read(boundaryVa - LONGEST_INSTRUCTION, wanted);
    return read > LONGEST_INSTRUCTION && X86FatalEncodings.find(bytes, 0, read) >= 0;
  }

  /**
   * Copies the bytes of {@code instruction}, which {@link #current} just decoded; of one it could
   * not decode, those that can be read.
   */
  public int copyCurrent(X86Instruction instruction, byte[] into) {
    int length = instruction == null ? lastRead : instruction.length();
    System.arraycopy(bytes, 0, into, 0, length);
    return length;
  }

  /** Length of the INT instruction the core just stepped over: 2 for INT n, 1 for INT3 and INTO. */
  public int softwareInterruptBytes(int vector) {
    boolean twoBytes =
        read(core.linearPc() - 2, 2) == 2
            && (bytes[0] & 0xff) == INT_N
            && (bytes[1] & 0xff) == vector;
    return twoBytes ? 2 : 1;
  }

  boolean isHalt(long va) {
    return read(va, 1) == 1 && (bytes[0] & 0xff) == HLT;
  }

  int instructionsBefore(long blockPc, int sizeBytes, int offsetBytes) {
    int read = read(blockPc, sizeBytes);
    scanner.scan(bytes, read, core.codeMode());
    return scanner.indexOf(offsetBytes);
  }

  /** The answer of a {@link BlockScanner} for the block the core is about to run. */
  int scanBlock(long va, int sizeBytes) {
    int read = read(va, sizeBytes);
    if (read < sizeBytes) {
      return BlockScanner.FAILED;
    }
    CodeMode mode = core.codeMode();
    int answer = scanner.scan(bytes, sizeBytes, mode);
    if (scanner.isSensitive()) {
      answer |= BlockScanner.SENSITIVE;
    }
    if (scanner.endsWithRep()) {
      answer |=
          switch (scanner.repCounterBytes()) {
            case 2 -> BlockScanner.REP16;
            case 4 -> BlockScanner.REP32;
            default -> BlockScanner.REP64;
          };
      answer |= sizeBytes - scanner.lastOffset() << BlockScanner.REP_LENGTH_SHIFT;
    }
    return answer;
  }

  /** Reads up to {@code wanted} bytes of code at {@code va}; how many could be read. */
  private int read(long va, int wanted) {
    int access = core.cpl() == 3 ? Access.FETCH | Access.USER : Access.FETCH;
    int limit = Math.min(wanted, bytes.length);
    int done = 0;
    while (done < limit) {
      long at = va + done;
      long translation = mmu.probe(at, access);
      if (Translation.failed(translation)) {
        break;
      }
      int inPage = (int) at & PAGE_BYTES - 1;
      int piece = Math.min(limit - done, PAGE_BYTES - inPage);
      copy(Translation.pa(translation), inPage, done, piece);
      done += piece;
    }
    return done;
  }

  private void copy(long pagePa, int inPage, int to, int length) {
    int i = 0;
    while (i < length) {
      int at = inPage + i;
      int word = memory.readInt(pagePa + (at & -4)) >>> (8 * (at & 3));
      int end = Math.min(length, i + 4 - (at & 3));
      while (i < end) {
        bytes[to + i++] = (byte) word;
        word >>>= 8;
      }
    }
  }
}
