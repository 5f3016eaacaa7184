package dev.quire.mmu.x86;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.oracle.OracleWalker;
import dev.quire.mmu.x86.oracle.RandomX86Tables;
import dev.quire.mmu.x86.oracle.WordMemory;
import java.util.Arrays;
import java.util.List;

/**
 * Runs the walker and the oracle side by side, each on its own copy of memory, and tells the first
 * difference.
 */
final class WalkComparison implements RandomX86Tables.Target {
  /** A second stage that is not there: every address is its own. */
  static final SecondStage IDENTITY =
      (gpa, access, fault) -> Translation.of(gpa >>> Order.BASE_PAGE_SHIFT, Protection.ALL, 27, 27);

  /** As above, but only every other 2 MiB region is one page; the rest is broken into 4 KiB. */
  static final SecondStage BROKEN_UP =
      (gpa, access, fault) -> {
        int order = (gpa >>> 21 & 1) == 0 ? Order.SIZE_4K : Order.SIZE_2M;
        return Translation.of(gpa >>> Order.BASE_PAGE_SHIFT, Protection.ALL, order, order);
      };

  private static final List<String> TYPES = List.of("UC", "WC", "?", "?", "WT", "WP", "WB", "?");

  static final int[] MODES = {
    Access.USER,
    0,
    Access.USER_DATA_ALLOWED,
    Access.USER | Access.IMPLICIT,
    Access.IMPLICIT | Access.USER_DATA_ALLOWED
  };

  final WordMemory memory;
  final OracleWalker oracle;
  final FaultRecord fault = new FaultRecord();
  final MmuCounters counters = new MmuCounters();
  final ControlRegisters registers;
  Ia32eWalker walker;

  WalkComparison(int pages, int physicalBits) {
    memory = new WordMemory(pages);
    oracle = new OracleWalker(new long[memory.words().length], physicalBits);
    registers = new ControlRegisters(physicalBits);
    walker = new Ia32eWalker(memory, IDENTITY, fault, counters);
  }

  void secondStage(SecondStage secondStage, OracleWalker.Below below) {
    walker = new Ia32eWalker(memory, secondStage, fault, counters);
    oracle.below(below);
  }

  @Override
  public void registers(long cr0, long cr3, long cr4, long efer) {
    registers.set(cr0, cr3, cr4, efer);
    oracle.registers(cr0, cr3, cr4, efer);
  }

  @Override
  public void pdptes(long... values) {
    registers.setPdptes(values);
    oracle.pdptes(values);
  }

  @Override
  public void keys(int pkru, int pkrs) {
    registers.setKeys(pkru, pkrs);
    oracle.keys(pkru, pkrs);
  }

  @Override
  public void pat(long value) {
    registers.setPat(value);
    oracle.pat(value);
  }

  @Override
  public void write64(long pa, long value) {
    memory.writeLong(pa, value);
    oracle.memory()[(int) (pa / 8)] = value;
  }

  @Override
  public void write32(long pa, int value) {
    memory.writeInt(pa, value);
    oracle.memory()[(int) (pa / 8)] = memory.words()[(int) (pa / 8)];
  }

  /** The first difference between both walks, or null. */
  String difference(long va, int access) {
    String ours = ours(va, access);
    String theirs = theirs(va, access);
    return ours.equals(theirs)
        ? null
        : describe(va, access) + ": walker " + ours + ", oracle " + theirs;
  }

  /** Checks that both memories hold the same, accessed and dirty flags included. */
  String memoryDifference() {
    int at = Arrays.mismatch(memory.words(), oracle.memory());
    return at < 0
        ? null
        : "memory at 0x%x: walker 0x%x, oracle 0x%x"
            .formatted(at * 8L, memory.words()[at], oracle.memory()[at]);
  }

  String describe(long va, int access) {
    return "%s of 0x%x flags 0x%x with %s"
        .formatted(Access.describe(access), va, access, registers);
  }

  private String ours(long va, int access) {
    if (!registers.regime().isCanonical(va)) {
      return "#GP";
    }
    long translation = walker.walk(registers, va, access);
    if (Translation.failed(translation)) {
      return switch (fault.kind()) {
        case FaultRecord.GUEST -> "#PF " + fault.syndrome();
        case FaultRecord.STAGE2 -> "violation " + fault.syndrome() + " " + fault.gpa();
        case FaultRecord.STAGE2_MISCONFIGURED -> "misconfiguration " + fault.gpa();
        case FaultRecord.EXTERNAL -> "nowhere " + fault.gpa();
        default -> throw new AssertionError(fault);
      };
    }
    int rights = Translation.rights(translation);
    return page(
        Translation.pa(translation),
        Order.shift(Translation.stage1Order(translation)),
        Order.shift(Translation.order(translation)),
        (rights & Protection.READ) != 0,
        (rights & Protection.WRITE) != 0,
        (rights & Protection.EXEC) != 0,
        walker.global(),
        TYPES.get(PageRights.memoryType(walker.attributes())));
  }

  private String theirs(long va, int access) {
    char kind =
        switch (Access.type(access)) {
          case Access.READ -> 'r';
          case Access.WRITE -> 'w';
          default -> 'x';
        };
    try {
      OracleWalker.Page page =
          oracle.walk(
              va,
              kind,
              (access & Access.USER) != 0,
              (access & Access.IMPLICIT) != 0,
              (access & Access.USER_DATA_ALLOWED) != 0);
      return page(
          page.pa() & -4096,
          page.stage1SizeLog2(),
          page.sizeLog2(),
          page.grantRead(),
          page.grantWrite(),
          page.grantExecute(),
          page.global(),
          page.memoryType());
    } catch (OracleWalker.Fault expected) {
      return switch (expected.what()) {
        case "#GP" -> "#GP";
        case "#PF" -> "#PF " + expected.code();
        case "violation" -> "violation " + expected.code() + " " + expected.gpa();
        default -> expected.what() + " " + expected.gpa();
      };
    }
  }

  private static String page(
      long pa,
      int stage1Size,
      int size,
      boolean read,
      boolean write,
      boolean exec,
      boolean global,
      String memoryType) {
    return Long.toHexString(pa)
        + '/'
        + stage1Size
        + '/'
        + size
        + (read ? " r" : " -")
        + (write ? 'w' : '-')
        + (exec ? 'x' : '-')
        + (global ? 'g' : '-')
        + memoryType;
  }
}
