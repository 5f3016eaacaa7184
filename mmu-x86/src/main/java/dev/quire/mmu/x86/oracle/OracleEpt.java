package dev.quire.mmu.x86.oracle;

import java.util.ArrayList;
import java.util.List;

/**
 * A second, slow reading of SDM vol. 3C 28.3.2 to 28.3.5: extended page tables. Shares no code with
 * the walker it judges. One thread.
 */
public final class OracleEpt implements OracleWalker.Below {
  private static final long FRAME = 0x000ffffffffff000L;

  private record Used(long pa, long value) {}

  private final long[] memory;
  private final int physicalBits;
  private long root;
  private int levels;
  private boolean accessedDirty;
  private boolean modeBasedExecute;

  private final List<Used> used = new ArrayList<>();
  private long gpa;
  private char kind;
  private boolean table;
  private boolean userPage;

  /** Walks {@code memory}, from address 0, and sets flags in it. */
  public OracleEpt(long[] memory, int physicalBits) {
    this.memory = memory;
    this.physicalBits = physicalBits;
  }

  /** EPTP's fields, and the mode-based execute control. */
  public void configure(
      long newRoot, int newLevels, boolean newAccessedDirty, boolean newModeBasedExecute) {
    root = newRoot;
    levels = newLevels;
    accessedDirty = newAccessedDirty;
    modeBasedExecute = newModeBasedExecute;
  }

  @Override
  public OracleWalker.Frame translate(long gpa, char kind, boolean table, boolean userPage)
      throws OracleWalker.Fault {
    this.gpa = gpa;
    this.kind = kind;
    this.table = table;
    this.userPage = userPage;
    used.clear();
    if (gpa >>> (levels == 5 ? 57 : 48) != 0) {
      throw violation(false);
    }
    if (levels == 5) {
      long e = entry(root + 8 * (gpa >>> 48 & 511));
      tableOnly(e);
      return pml4(e & FRAME);
    }
    return pml4(root);
  }

  private OracleWalker.Frame pml4(long at) throws OracleWalker.Fault {
    long e = entry(at + 8 * (gpa >>> 39 & 511));
    tableOnly(e);
    return pointer(e & FRAME);
  }

  /** PML5E and PML4E: bits 7:3 are reserved. */
  private void tableOnly(long e) throws OracleWalker.Fault {
    for (int bit = 3; bit <= 7; bit++) {
      misconfiguredIf(bit(e, bit));
    }
  }

  private OracleWalker.Frame pointer(long at) throws OracleWalker.Fault {
    long e = entry(at + 8 * (gpa >>> 30 & 511));
    if (bit(e, 7)) {
      return page(e, 30);
    }
    reservedInTable(e);
    long d = entry((e & FRAME) + 8 * (gpa >>> 21 & 511));
    if (bit(d, 7)) {
      return page(d, 21);
    }
    reservedInTable(d);
    return page(entry((d & FRAME) + 8 * (gpa >>> 12 & 511)), 12);
  }

  private void reservedInTable(long e) throws OracleWalker.Fault {
    for (int bit = 3; bit <= 6; bit++) {
      misconfiguredIf(bit(e, bit));
    }
  }

  private long entry(long pa) throws OracleWalker.Fault {
    if (pa < 0 || pa >= memory.length * 8L) {
      throw new OracleWalker.Fault("nowhere", 0, gpa);
    }
    long e = memory[(int) (pa / 8)];
    used.add(new Used(pa, e));
    if (!bit(e, 0) && !bit(e, 1) && !bit(e, 2) && !(modeBasedExecute && bit(e, 10))) {
      throw violation(false);
    }
    misconfiguredIf(bit(e, 1) && !bit(e, 0));
    for (int bit = physicalBits; bit <= 51; bit++) {
      misconfiguredIf(bit(e, bit));
    }
    return e;
  }

  private OracleWalker.Frame page(long e, int sizeLog2) throws OracleWalker.Fault {
    for (int bit = 12; bit < sizeLog2; bit++) {
      misconfiguredIf(bit(e, bit));
    }
    long type = e >>> 3 & 7;
    misconfiguredIf(type == 2 || type == 3 || type == 7);
    boolean writes = kind == 'w' || table && accessedDirty;
    boolean reads = kind == 'r';
    boolean executable = modeBasedExecute && userPage ? all(10) : all(2);
    if (reads && !all(0) || writes && !all(1) || kind == 'x' && !executable) {
      throw violation(true);
    }
    if (accessedDirty) {
      for (Used entry : used) {
        memory[(int) (entry.pa / 8)] |= 1L << 8;
      }
      if (writes) {
        memory[(int) (used.getLast().pa / 8)] |= 1L << 9;
      }
    }
    boolean writableNow = all(1) && (!accessedDirty || writes || bit(e, 9));
    String name = List.of("UC", "WC", "", "", "WT", "WP", "WB", "").get((int) type);
    long offset = gpa & (1L << sizeLog2) - 1;
    return new OracleWalker.Frame(
        (e & FRAME) + offset, sizeLog2, all(0), writableNow, executable, name, bit(e, 6));
  }

  private boolean all(int bit) {
    return used.stream().allMatch(e -> bit(e.value, bit));
  }

  private void misconfiguredIf(boolean condition) throws OracleWalker.Fault {
    if (condition) {
      throw new OracleWalker.Fault("misconfiguration", 0, gpa);
    }
  }

  /** Table 28-7, bits 8 to 0. */
  private OracleWalker.Fault violation(boolean present) {
    long qualification = 1 << 7;
    boolean both = table && accessedDirty;
    qualification += kind == 'r' || both ? 1 : 0;
    qualification += kind == 'w' || both ? 2 : 0;
    qualification += kind == 'x' ? 4 : 0;
    qualification += present && all(0) ? 8 : 0;
    qualification += present && all(1) ? 16 : 0;
    qualification += present && all(2) ? 32 : 0;
    qualification += present && modeBasedExecute && all(10) ? 64 : 0;
    qualification += table ? 0 : 256;
    return new OracleWalker.Fault("violation", qualification, gpa);
  }

  private static boolean bit(long value, int number) {
    return (value >> number) % 2 != 0;
  }
}
