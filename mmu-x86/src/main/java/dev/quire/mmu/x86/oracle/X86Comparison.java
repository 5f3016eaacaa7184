package dev.quire.mmu.x86.oracle;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.EptEntry;
import dev.quire.mmu.x86.EptWalker;
import dev.quire.mmu.x86.Eptp;
import dev.quire.mmu.x86.PagingMode;
import dev.quire.mmu.x86.RegisterWrite;
import dev.quire.mmu.x86.X86Mmu;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * An {@link X86Mmu}, with or without EPT, and {@link OracleWalker} side by side, each on its own
 * copy of memory. Compared are address, rights, page sizes, memory type, fault with error code or
 * exit qualification, and the accessed and dirty flags in memory. One thread.
 *
 * <pre>
 * host page   0     1     2     3     4     5..
 *            PML5  PML4  PDPT   PD    PT    guest memory: guest page n is host page hostOf(n)
 * </pre>
 */
public final class X86Comparison implements RandomX86Tables.Target {
  /** Pages of guest memory that tables lie in. */
  public static final int GUEST_PAGES = 30;

  public static final int PHYSICAL_BITS = 40;

  private static final int EPT_PAGES = 5;
  private static final int PAGES = GUEST_PAGES + EPT_PAGES;
  private static final long EPT_RIGHTS = EptEntry.RIGHTS | EptEntry.USER_EXECUTE;
  private static final int[] EPT_TYPES = {0, 1, 4, 5, 6, 14};
  private static final int TURNS_TO_MEND = 64;
  private static final TlbInvalidation ALL = new TlbInvalidation.All();
  private static final List<String> TYPES = List.of("UC", "WC", "?", "?", "WT", "WP", "WB", "?");

  private static final int[] MODES = {
    Access.USER,
    0,
    Access.USER_DATA_ALLOWED,
    Access.USER | Access.IMPLICIT,
    Access.IMPLICIT | Access.USER_DATA_ALLOWED
  };

  private final boolean nested;
  private final WordMemory memory = new WordMemory(PAGES);
  private final long[] theirs = new long[memory.words().length];
  private final OracleWalker oracle = new OracleWalker(theirs, PHYSICAL_BITS);
  private final X86Mmu mmu;
  private long cr0;
  private long cr3;
  private long cr4;
  private long efer;
  private final long[] pdptes = new long[4];
  private final List<String> outcomes = new ArrayList<>();
  private String outcome = "";
  private int turn;

  /** Without a second stage: guest physical addresses are those of memory. */
  public X86Comparison() {
    nested = false;
    SecondStage identity =
        (gpa, access, fault) ->
            Translation.of(gpa >>> Order.BASE_PAGE_SHIFT, Protection.ALL, 27, 27);
    mmu = new X86Mmu(memory, identity, new MmuCounters(), PHYSICAL_BITS);
    mmu.control().enumerate(Cr4.PKE | Cr4.PKS);
  }

  /** With EPT of 4 or 5 levels. */
  public X86Comparison(int eptLevels, boolean accessedDirty, boolean modeBasedExecute) {
    nested = true;
    long root = eptLevels == 5 ? 0 : 0x1000;
    MmuCounters counters = new MmuCounters();
    EptWalker ept =
        new EptWalker(memory, counters, PHYSICAL_BITS, Eptp.of(root, eptLevels, accessedDirty));
    ept.setModeBasedExecute(modeBasedExecute);
    OracleEpt oracleEpt = new OracleEpt(theirs, PHYSICAL_BITS);
    oracleEpt.configure(root, eptLevels, accessedDirty, modeBasedExecute);
    oracle.below(oracleEpt);
    mmu = new X86Mmu(memory, ept, counters, PHYSICAL_BITS);
    mmu.control().enumerate(Cr4.PKE | Cr4.PKS);
    linkEpt();
  }

  private static long host(long gpa) {
    // A stride prime to the number of pages: neighbours in the guest are none in the host.
    long page = gpa >>> 12;
    return page < GUEST_PAGES ? EPT_PAGES + page * 7 % GUEST_PAGES << 12 | gpa & 0xfff : gpa;
  }

  /**
   * Mends EPT: the first 2 MiB by 4 KiB pages, the rest of 1 GiB by 2 MiB, then by 1 GiB; every
   * type.
   */
  private void linkEpt() {
    for (int level = 5; level >= 2; level--) {
      write64((5 - level) * 0x1000L, (6 - level) * 0x1000L | EPT_RIGHTS);
    }
    for (int i = 0; i < 512; i++) {
      long page = EPT_RIGHTS | (long) EPT_TYPES[i % EPT_TYPES.length] << 3;
      write64(0x4000 + 8 * i, host((long) i << 12) | page);
      if (i > 0) {
        write64(0x3000 + 8 * i, (long) i << 21 | page | EptEntry.PS);
        write64(0x2000 + 8 * i, (long) i << 30 | page | EptEntry.PS);
      }
    }
  }

  /** Spoils or mends one EPT entry that walks are likely to use. */
  private void disturbEpt(RandomGenerator random) {
    int level = random.nextInt(10) == 0 ? random.nextInt(2, 6) : 1;
    long index = level == 1 ? random.nextInt(GUEST_PAGES) : 0;
    long at = (5 - level) * 0x1000L + index * 8;
    long entry = memory.readLong(at);
    // A guest table must not come to lie on an EPT table: then the order of updates would show.
    int notThePage = random.nextBoolean() ? random.nextInt(12) : random.nextInt(18, 52);
    long type = (long) EPT_TYPES[random.nextInt(EPT_TYPES.length)] << 3;
    long changed =
        switch (random.nextInt(9)) {
          case 0 -> entry & ~EptEntry.RIGHTS | random.nextInt(8);
          case 1 -> entry & ~(EptEntry.A | EptEntry.D);
          case 2 -> entry & ~EptEntry.WRITE;
          case 3 -> entry & ~EptEntry.EXECUTE;
          case 4 -> random.nextInt(20) == 0 ? entry ^ 1L << notThePage : entry;
          case 5 -> entry ^ EptEntry.USER_EXECUTE;
          case 6 -> level > 1 ? entry : entry & ~0x78L | type;
          default -> entry | EptEntry.RIGHTS;
        };
    write64(at, changed);
  }

  /**
   * New registers and tables, and a read, a write and a fetch of one address; the first difference
   * between both answers, or null.
   */
  public String difference(RandomGenerator random, PagingMode mode) {
    outcomes.clear();
    RandomX86Tables.registers(random, this, mode);
    long va = randomAddress(random, mode);
    if (mode != PagingMode.NONE) {
      int bits = nested ? 23 : PHYSICAL_BITS;
      RandomX86Tables.path(
          random, this, mode, bits, va, GUEST_PAGES, nested ? X86Comparison::host : gpa -> gpa);
    }
    if (nested) {
      if (turn++ % TURNS_TO_MEND == 0) {
        linkEpt();
      }
      disturbEpt(random);
    }
    RegisterWrite loaded = mmu.control().load(cr0, cr3, cr4, efer);
    if (loaded != RegisterWrite.DONE) {
      outcomes.add("PDPTEs: " + loaded);
      return mode == PagingMode.PAE ? null : "registers refused: " + mmu.registers();
    }
    for (int index = 0; index < 4 && mode == PagingMode.PAE; index++) {
      pdptes[index] = mmu.registers().pdpte(index);
    }
    oracle.pdptes(pdptes);
    if (nested && mode == PagingMode.PAE) {
      // The load itself may have set flags in EPT.
      System.arraycopy(memory.words(), 0, theirs, 0, theirs.length);
    }
    int privilege = MODES[random.nextInt(MODES.length)];
    for (int type = Access.READ; type <= Access.FETCH; type++) {
      mmu.invalidate(ALL);
      String ours = ours(va, privilege | type);
      outcomes.add(outcome);
      String expected = theirs(va, privilege, "rwx".charAt(type));
      if (!ours.equals(expected)) {
        return "%s of 0x%x with %s: walker %s, oracle %s"
            .formatted(Access.describe(privilege | type), va, mmu.registers(), ours, expected);
      }
    }
    return memoryDifference();
  }

  /** What the accesses compared last ended in, for a coverage table. */
  public List<String> outcomes() {
    return outcomes;
  }

  private String memoryDifference() {
    int at = Arrays.mismatch(memory.words(), theirs);
    return at < 0
        ? null
        : "memory at 0x%x: walker 0x%x, oracle 0x%x"
            .formatted(at * 8L, memory.words()[at], theirs[at]);
  }

  private static long randomAddress(RandomGenerator random, PagingMode mode) {
    long va = random.nextLong();
    int unused = Long.SIZE - mode.linearBits();
    if (mode == PagingMode.NONE) {
      return va >>> Long.SIZE - random.nextInt(12, 33);
    }
    if (!mode.isIa32e()) {
      return va >>> unused;
    }
    return random.nextInt(50) == 0 ? va : va << unused >> unused;
  }

  private String ours(long va, int access) {
    long translation = mmu.translate(va, access);
    FaultRecord fault = mmu.fault();
    if (Translation.failed(translation)) {
      outcome =
          switch (fault.kind()) {
            case FaultRecord.NON_CANONICAL -> "#GP";
            case FaultRecord.GUEST -> "#PF " + fault.syndrome();
            case FaultRecord.STAGE2 ->
                Access.isTableWalk(fault.access()) ? "EPT violation of a table" : "EPT violation";
            case FaultRecord.STAGE2_MISCONFIGURED -> "EPT misconfiguration";
            default -> "a table where no memory is";
          };
      return switch (fault.kind()) {
        case FaultRecord.STAGE2 -> "violation " + fault.syndrome() + " " + fault.gpa();
        case FaultRecord.STAGE2_MISCONFIGURED -> "misconfiguration " + fault.gpa();
        case FaultRecord.EXTERNAL -> "nowhere " + fault.gpa();
        default -> outcome;
      };
    }
    int rights = Translation.rights(translation);
    outcome = "page of order " + Translation.stage1Order(translation);
    return page(
        Translation.pa(translation),
        Order.shift(Translation.stage1Order(translation)),
        Order.shift(Translation.order(translation)),
        rights,
        TYPES.get(mmu.memoryType(va, access)));
  }

  private String theirs(long va, int privilege, char kind) {
    try {
      OracleWalker.Page page =
          oracle.walk(
              va,
              kind,
              (privilege & Access.USER) != 0,
              (privilege & Access.IMPLICIT) != 0,
              (privilege & Access.USER_DATA_ALLOWED) != 0);
      int rights =
          (page.grantRead() ? 1 : 0) + (page.grantWrite() ? 2 : 0) + (page.grantExecute() ? 4 : 0);
      return page(
          page.pa() & -4096, page.stage1SizeLog2(), page.sizeLog2(), rights, page.memoryType());
    } catch (OracleWalker.Fault expected) {
      return switch (expected.what()) {
        case "#GP" -> "#GP";
        case "#PF" -> "#PF " + expected.code();
        case "violation" -> "violation " + expected.code() + " " + expected.gpa();
        default -> expected.what() + " " + expected.gpa();
      };
    }
  }

  private static String page(long pa, int stage1Size, int size, int rights, String type) {
    return Long.toHexString(pa) + '/' + stage1Size + '/' + size + ' ' + rights + ' ' + type;
  }

  @Override
  public void registers(long newCr0, long newCr3, long newCr4, long newEfer) {
    cr0 = newCr0;
    cr3 = newCr3;
    cr4 = newCr4;
    efer = newEfer;
    oracle.registers(newCr0, newCr3, newCr4, newEfer);
  }

  @Override
  public void keys(int pkru, int pkrs) {
    mmu.control().writePkru(pkru);
    mmu.control().writePkrs(Integer.toUnsignedLong(pkrs));
    oracle.keys(pkru, pkrs);
  }

  @Override
  public void pat(long value) {
    mmu.control().writePat(value);
    oracle.pat(value);
  }

  /** To memory, from where loading CR3 takes them. */
  @Override
  public void pdptes(long... values) {
    long table = cr3 & 0xffff_ffe0L;
    for (int index = 0; index < 4; index++) {
      long gpa = table + 8 * index;
      write64(nested ? host(gpa) : gpa, values[index]);
    }
  }

  @Override
  public void write64(long pa, long value) {
    memory.writeLong(pa, value);
    theirs[(int) (pa / 8)] = value;
  }

  @Override
  public void write32(long pa, int value) {
    memory.writeInt(pa, value);
    theirs[(int) (pa / 8)] = memory.words()[(int) (pa / 8)];
  }
}
