package dev.quire.emulator.exec;

import dev.quire.emulator.decode.X86FatalEncodings;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Keeps the core from translating code that would end the process ({@link X86FatalEncodings}): a
 * page is looked through before its first fetch and again after it was written. A page that holds
 * such bytes is stepped through, and each instruction looked at before: the core fetches it from a
 * hidden page with nothing else on it, because a step translates the next block too.
 */
final class CodeVetting {
  private static final long PAGE_MASK = -1L << Order.BASE_PAGE_SHIFT;

  /** Behind the bounce pages and those of {@link SvmIntercepts}. */
  static final int FIRST_HIDDEN_PAGE = 8;

  /** Steps between two flushes of all code, each on two hidden pages that hold no translation. */
  private static final int STEPS = 64;

  /** Hidden pages needed. */
  static final int STEP_PAGES = 2 * STEPS;

  private static final byte INT3 = (byte) 0xcc;

  private final X86CodeReader code;
  private final EngineMemory memory;
  private final byte[] ahead = new byte[X86CodeReader.LONGEST_INSTRUCTION];
  private int steps;
  private long aheadPc;
  private int aheadBytes;

  CodeVetting(X86CodeReader code, EngineMemory memory) {
    this.code = code;
    this.memory = memory;
  }

  /**
   * Whether the core may translate code of the page at {@code va}, which frame {@code pfn} backs.
   */
  boolean isTranslatable(long va, long pfn) {
    // What an instruction across the page's ends is made of depends on its neighbours today.
    if (code.holdsFatalEncodingAcrossEnds(va & PAGE_MASK)) {
      return false;
    }
    if (memory.coherence().isVetted(pfn)) {
      return true;
    }
    if (code.holdsFatalEncoding(va & PAGE_MASK)) {
      return false;
    }
    memory.coherence().setVetted(pfn);
    return true;
  }

  /**
   * Takes a copy of the instruction at {@code pc}, about to be stepped; false if it is fatal. So
   * counts an indirect branch with such bytes in its displacement: it could lead the core there.
   */
  boolean prepareStep(long pc) {
    X86Instruction next = code.current();
    aheadPc = pc;
    aheadBytes = code.copyCurrent(next, ahead);
    if (next == null) {
      return X86FatalEncodings.find(ahead, 0, aheadBytes) < 0;
    }
    boolean indirect = next.opcodeMap() == 0 && next.opcode() == 0xff;
    boolean suspect = indirect && X86FatalEncodings.find(ahead, 0, aheadBytes) >= 0;
    return !suspect && !X86FatalEncodings.isFatal(next);
  }

  /** A page for the core to fetch from in place of that at {@code va}, as a fill's answer. */
  long steppedPage(long va) {
    long page = va & PAGE_MASK;
    int index = FIRST_HIDDEN_PAGE + 2 * steps + (int) (page >>> Order.BASE_PAGE_SHIFT & 1);
    MemorySegment hidden = memory.hiddenBytes(index).fill(INT3);
    for (int i = 0; i < aheadBytes; i++) {
      long at = aheadPc + i;
      if ((at & PAGE_MASK) == page) {
        hidden.set(ValueLayout.JAVA_BYTE, at & ~PAGE_MASK, ahead[i]);
      }
    }
    return memory.hiddenPage(index) | Protection.EXEC;
  }

  /**
   * The step is over.
   *
   * @return whether all code is to be flushed: the hidden pages will be used again
   */
  boolean endStep() {
    steps = (steps + 1) % STEPS;
    return steps == 0;
  }
}
