package dev.quire.lab.fuzz;

import dev.quire.bindings.NativeMemory;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcConst;
import dev.quire.bindings.UcX86State;
import dev.quire.bindings.X86Reg;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.Cr0;
import dev.quire.mmu.x86.Cr4;
import dev.quire.mmu.x86.Efer;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.PagingMode;
import dev.quire.mmu.x86.RegisterWrite;
import dev.quire.mmu.x86.X86Mmu;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * Judges x86 without a second stage by Unicorn's own MMU (QEMU's handle_mmu_fault): random tables,
 * registers and accesses; compared are the physical address, the permission, the fault with its
 * error code, and after a good walk the accessed and dirty flags.
 *
 * <p>Each side has its own copy of the tables. QEMU marks the upper entries of a walk that faults
 * as accessed, our walker and KVM's do not, so flags are compared after good walks only; and QEMU
 * takes physical addresses of 40 bits.
 */
final class UnicornX86Judge implements MmuJudge {
  private static final int PAGES = 32;
  private static final int PHYSICAL_BITS = 40;
  private static final int ADDRESSES = 1500;
  private static final PagingMode[] MODES = {
    PagingMode.FOUR_LEVEL, PagingMode.FIVE_LEVEL, PagingMode.PAE, PagingMode.BITS_32
  };
  private static final int[] PRIVILEGES = {Access.USER, 0, Access.USER_DATA_ALLOWED};
  private static final long NO_PAGE_FAULT = 0x5a5a_0000_1234_5678L;
  private static final String NOWHERE = "a table where no memory is";
  private static final long RFLAGS_AC = 1 << 18;
  private static final int PAE_TABLE = 0x1020;

  /** A second stage that is not there: leaves may point anywhere in 40 bits. */
  private static final SecondStage IDENTITY =
      (gpa, access, fault) -> Translation.of(gpa >>> Order.BASE_PAGE_SHIFT, Protection.ALL, 27, 27);

  private final NativeMemory theirRam = NativeMemory.reserve(PAGES * Order.bytes(0));
  private final NativeMemory ourRam = NativeMemory.reserve(PAGES * Order.bytes(0));
  private final HostMemory theirs = new HostMemory(theirRam.segment());
  private final HostMemory ours = new HostMemory(ourRam.segment());
  private final X86Mmu mmu = new X86Mmu(ours, IDENTITY, new MmuCounters(), PHYSICAL_BITS);
  private final Uc uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64);
  private final UcX86State state;
  private final long[] entryAt = new long[6];

  UnicornX86Judge() {
    uc.cpuModel(UcConst.CPU_X86_SKYLAKE_SERVER);
    uc.memMapPtr(0, PAGES * Order.bytes(0), UcConst.PERM_ALL, theirRam.segment());
    uc.tlbTypeCpu();
    state = UcX86State.of(uc);
  }

  @Override
  public void round(long seed, FuzzTally tally) {
    theirRam.segment().fill((byte) 0);
    ourRam.segment().fill((byte) 0);
    SplittableRandom random = new SplittableRandom(seed);
    PagingMode mode = MODES[random.nextInt(MODES.length)];
    for (int address = 0; address < ADDRESSES; address++) {
      long va = randomAddress(random, mode);
      Registers registers = Registers.random(random, mode);
      buildPath(random, registers, va);
      int privilege = PRIVILEGES[random.nextInt(PRIVILEGES.length)];
      registers.writeTo(uc, state, privilege);
      for (int type = Access.READ; type <= Access.FETCH; type++) {
        compare(registers, va, privilege | type, tally);
      }
    }
  }

  private void compare(Registers registers, long va, int access, FuzzTally tally) {
    registers.writeTo(mmu);
    uc.tlbFlush();
    state.setCr(2, NO_PAGE_FAULT);
    String expected = unicorn(uc, state, va, Access.type(access));
    String actual = ours(va, access);
    if (actual.equals(NOWHERE)) {
      // A leaf's entry lies where a table's was: QEMU reads 0 where no memory is.
      return;
    }
    boolean page = expected.startsWith("page");
    PagingMode mode = registers.mode;
    if (!actual.equals(expected) || page && !path(mode, ours).equals(path(mode, theirs))) {
      throw new FuzzMismatchException(
          "%s of 0x%x with %s: Unicorn %s, walker %s, tables %s and %s"
              .formatted(
                  Access.describe(access),
                  va,
                  mmu.registers(),
                  expected,
                  actual,
                  path(mode, theirs),
                  path(mode, ours)));
    }
    tally.count("unicorn", page ? "page of order " + lastOrder : actual);
  }

  private int lastOrder;

  private static String unicorn(Uc uc, UcX86State state, long va, int type) {
    long pa = uc.vmemTranslate(va, Protection.neededBy(type));
    if (pa >= 0) {
      return "page " + Long.toHexString(pa & -Order.bytes(0));
    }
    // A probe leaves CR2 and the error code as the exception would; #GP leaves CR2 alone.
    return state.cr(2) == NO_PAGE_FAULT ? "#GP" : "#PF " + state.errorCode();
  }

  private String ours(long va, int access) {
    long translation = mmu.translate(va, access);
    if (Translation.failed(translation)) {
      return switch (mmu.fault().kind()) {
        case FaultRecord.GUEST -> "#PF " + mmu.fault().syndrome();
        case FaultRecord.NON_CANONICAL -> "#GP";
        case FaultRecord.EXTERNAL -> NOWHERE;
        default -> mmu.fault().toString();
      };
    }
    lastOrder = Translation.stage1Order(translation);
    return "page " + Long.toHexString(Translation.pa(translation));
  }

  private static long randomAddress(RandomGenerator random, PagingMode mode) {
    long va = random.nextLong();
    int unused = Long.SIZE - mode.linearBits();
    if (!mode.isIa32e()) {
      return va >>> unused;
    }
    return random.nextInt(30) == 0 ? va : va << unused >> unused;
  }

  private static boolean chance(RandomGenerator random, int percent) {
    return random.nextInt(100) < percent;
  }

  /** One set of control registers, for both sides. */
  private record Registers(PagingMode mode, long cr0, long cr3, long cr4, long efer) {
    static Registers random(RandomGenerator random, PagingMode mode) {
      long cr0 = Cr0.PE | Cr0.PG | (random.nextBoolean() ? Cr0.WP : 0);
      long cr4 = random.nextLong() & (Cr4.PGE | Cr4.SMEP | Cr4.SMAP);
      cr4 |= chance(random, 80) ? Cr4.PSE : 0;
      long efer = chance(random, 75) ? Efer.NXE : 0;
      return switch (mode) {
        case FOUR_LEVEL ->
            new Registers(mode, cr0, 0x1000, cr4 | Cr4.PAE, efer | Efer.LME | Efer.LMA);
        case FIVE_LEVEL ->
            new Registers(mode, cr0, 0x1000, cr4 | Cr4.PAE | Cr4.LA57, efer | Efer.LME | Efer.LMA);
        case PAE -> new Registers(mode, cr0, PAE_TABLE, cr4 | Cr4.PAE, efer);
        case BITS_32 -> new Registers(mode, cr0, 0x1000, cr4, efer);
        case NONE -> throw new IllegalArgumentException("nothing to compare without paging");
      };
    }

    void writeTo(Uc uc, UcX86State state, int privilege) {
      uc.registers().write(X86Reg.CR4, cr4);
      uc.registers().write(X86Reg.CR0, cr0);
      uc.registers().write(X86Reg.CR3, cr3);
      state.setEfer(efer);
      int hflags = state.hflags() & ~(UcX86State.HF_CPL_MASK | UcX86State.HF_LMA);
      hflags |= mode.isIa32e() ? UcX86State.HF_LMA : 0;
      hflags |= (privilege & Access.USER) != 0 ? UcX86State.HF_CPL_MASK : 0;
      state.setHflags(hflags);
      boolean ac = (privilege & Access.USER_DATA_ALLOWED) != 0;
      state.setEflags(state.eflags() & ~RFLAGS_AC | (ac ? RFLAGS_AC : 0));
    }

    void writeTo(X86Mmu mmu) {
      RegisterWrite loaded = mmu.control().load(cr0, cr3, cr4, efer);
      if (loaded != RegisterWrite.DONE) {
        throw new FuzzMismatchException("registers refused: " + this);
      }
    }
  }

  /** Fresh entries for every level of the walk of {@code va}, in tables chosen at random. */
  private void buildPath(RandomGenerator random, Registers registers, long va) {
    PagingMode mode = registers.mode;
    long table = 0x1000;
    if (mode == PagingMode.PAE) {
      for (int i = 0; i < 4; i++) {
        long pdpte = randomPage(random) | (chance(random, 95) ? Ia32ePte.P : 0);
        ours.writeLong(PAE_TABLE + 8 * i, pdpte);
        theirs.writeLong(PAE_TABLE + 8 * i, pdpte);
        table = i == va >>> 30 ? pdpte & Ia32ePte.ADDRESS : table;
      }
    }
    for (int level = mode.rootLevel(); level >= 1; level--) {
      int shift = Order.shift(mode.indexBits() * (level - 1));
      long index = va >>> shift & (1L << mode.indexBits()) - 1;
      entryAt[level] = table + index * mode.entryBytes();
      table = randomPage(random);
      if (mode == PagingMode.BITS_32) {
        boolean large = level == 2 && (registers.cr4 & Cr4.PSE) != 0;
        int entry = (int) narrowEntry(random, table, large);
        ours.writeInt(entryAt[level], entry);
        theirs.writeInt(entryAt[level], entry);
      } else {
        boolean large = level == 2 || level == 3 && mode.isIa32e();
        long entry = wideEntry(random, mode, table, large, level);
        ours.writeLong(entryAt[level], entry);
        theirs.writeLong(entryAt[level], entry);
      }
    }
  }

  private static long randomPage(RandomGenerator random) {
    // Not page 1: the PDPTEs and the root stay what they are.
    return random.nextInt(2, PAGES) * Order.bytes(0);
  }

  private static long flags(RandomGenerator random) {
    long free = Ia32ePte.PWT | Ia32ePte.PCD | Ia32ePte.A | Ia32ePte.D | Ia32ePte.G | 0xe00;
    return random.nextLong() & free
        | (chance(random, 94) ? Ia32ePte.P : 0)
        | (chance(random, 85) ? Ia32ePte.RW : 0)
        | (chance(random, 80) ? Ia32ePte.US : 0);
  }

  private static long narrowEntry(RandomGenerator random, long next, boolean large) {
    if (large && chance(random, 45)) {
      long address = random.nextLong() & 0xffff_f000L & ~(1L << 21);
      long reserved = chance(random, 4) ? 1L << 21 : 0;
      return flags(random) | Ia32ePte.PS | address | reserved;
    }
    long ignored = large ? 0 : random.nextInt(2) * Ia32ePte.PS;
    return flags(random) | next | ignored;
  }

  private static long wideEntry(
      RandomGenerator random, PagingMode mode, long next, boolean large, int level) {
    long entry = flags(random);
    entry |= chance(random, 12) ? Ia32ePte.XD : 0;
    entry |= chance(random, mode.isIa32e() ? 20 : 2) ? random.nextLong() & 0x7ff0L << 48 : 0;
    entry |= chance(random, 2) ? 1L << random.nextInt(PHYSICAL_BITS, 52) : 0;
    long anywhere = random.nextLong() & (1L << PHYSICAL_BITS) - 1;
    if (large && chance(random, 30)) {
      long offset = Order.offsetMask(9 * (level - 1)) & Ia32ePte.ADDRESS;
      long low = chance(random, 10) ? offset : Ia32ePte.PAT_LARGE;
      return entry | Ia32ePte.PS | anywhere & Ia32ePte.ADDRESS & ~offset | anywhere & low;
    }
    if (level == 1) {
      return entry | anywhere & Ia32ePte.ADDRESS | random.nextInt(2) << 7;
    }
    return entry | next | (level >= 4 && chance(random, 2) ? Ia32ePte.PS : 0);
  }

  private String path(PagingMode mode, HostMemory memory) {
    StringBuilder text = new StringBuilder();
    for (int level = mode.rootLevel(); level >= 1; level--) {
      long entry =
          mode == PagingMode.BITS_32
              ? Integer.toUnsignedLong(memory.readInt(entryAt[level]))
              : memory.readLong(entryAt[level]);
      text.append(Long.toHexString(entry)).append(' ');
      if ((entry & Ia32ePte.PS) != 0) {
        break;
      }
    }
    return text.toString();
  }

  @Override
  public void close() {
    uc.close();
    theirRam.close();
    ourRam.close();
  }
}
