package dev.quire.lab.fuzz;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.Arm64Mmu;
import dev.quire.mmu.arm64.AtOp;
import dev.quire.mmu.arm64.FaultStatus;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.ParEl1;
import dev.quire.mmu.arm64.S2Walker;
import dev.quire.mmu.arm64.VtcrEl2;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * Judges arm64 by Unicorn's own MMU: address, permission and fault status of random translations,
 * by AT and PAR_EL1, and by its soft TLB for fetches, which AT cannot ask about.
 */
final class UnicornArm64Judge implements MmuJudge {
  private static final int ADDRESSES_PER_CONFIGURATION = 12;
  private static final long PAR_FAILURE = 0xfff;
  private static final int NON_CACHEABLE = 0x44;

  private static final AtOp[] STAGE1 = {
    AtOp.S1E1R, AtOp.S1E1W, AtOp.S1E0R, AtOp.S1E0W, AtOp.S1E1RP, AtOp.S1E1WP
  };
  private static final AtOp[] BOTH = {AtOp.S12E1R, AtOp.S12E1W, AtOp.S12E0R, AtOp.S12E0W};

  private static final int CONFIGURATIONS = 250;
  private static final int CONFIGURATIONS_PER_STAGE2 = 20;
  private static final Granule[] GRANULES = {Granule.SIZE_4K, Granule.SIZE_16K, Granule.SIZE_64K};

  private final MmuCounters counters = new MmuCounters();
  private final UnicornArm64Mmu unicorn = new UnicornArm64Mmu();
  private final S2Walker stage2 = new S2Walker(unicorn, RandomArm64Tables.PA_BITS, counters);
  private final Arm64Mmu oneStage = mmu(flat());
  private final Arm64Mmu twoStages = mmu(stage2);
  private FuzzTally tally;

  @Override
  public void round(long seed, FuzzTally newTally) {
    tally = newTally;
    unicorn.clear();
    SplittableRandom random = new SplittableRandom(seed);
    switch (random.nextInt(5)) {
      case 0 -> fetches(random);
      case 1, 2 -> oneStage(random);
      default -> twoStages(random);
    }
  }

  private void oneStage(SplittableRandom random) {
    unicorn.noSecondStage();
    RandomArm64Tables tables = new RandomArm64Tables(unicorn, random, false);
    for (int i = 0; i < CONFIGURATIONS; i++) {
      long mair = configure(tables, oneStage, random);
      boolean pan = random.nextBoolean();
      unicorn.state(false, pan);
      for (int address = 0; address < ADDRESSES_PER_CONFIGURATION; address++) {
        long va = tables.newAddress();
        for (AtOp op : STAGE1) {
          compare(oneStage, tables, op, va, pan, mair);
        }
      }
    }
  }

  private void twoStages(SplittableRandom random) {
    RandomArm64Tables tables = new RandomArm64Tables(unicorn, random, false);
    unicorn.state(false, false);
    for (int i = 0; i < CONFIGURATIONS; i++) {
      if (i % CONFIGURATIONS_PER_STAGE2 == 0) {
        newSecondStage(tables, random);
      }
      long mair = configure(tables, twoStages, random);
      for (int address = 0; address < ADDRESSES_PER_CONFIGURATION; address++) {
        long va = tables.newAddress();
        for (AtOp op : BOTH) {
          compare(twoStages, tables, op, va, false, mair);
        }
      }
    }
  }

  /** AT cannot ask about fetches; Unicorn's soft TLB can. */
  private void fetches(SplittableRandom random) {
    unicorn.noSecondStage();
    RandomArm64Tables tables = new RandomArm64Tables(unicorn, random, true);
    for (int i = 0; i < CONFIGURATIONS; i++) {
      configure(tables, oneStage, random);
      boolean el0 = random.nextBoolean();
      // With PAN Unicorn forgets that WXN looks at what EL1 could write without it.
      unicorn.state(el0, false);
      for (int address = 0; address < ADDRESSES_PER_CONFIGURATION; address++) {
        compareFetch(tables.newAddress(), el0);
      }
    }
  }

  private void compareFetch(long va, boolean el0) {
    oneStage.invalidate(new TlbInvalidation.All());
    int access = Access.FETCH | Access.USER_DATA_ALLOWED | (el0 ? Access.USER : 0);
    long answer = oneStage.translate(va, access);
    long pa = Translation.pa(answer) | va & 0xfff;
    if (!Translation.failed(answer) && !unicorn.contains(pa, 1)) {
      return; // Unicorn gives no address where there is no memory.
    }
    long expected = unicorn.fetch(va);
    if ((Translation.failed(answer) ? -1 : pa) != (expected < 0 ? -1 : expected)) {
      throw new FuzzMismatchException(
          "fetch of 0x%x, EL0 %b: walker 0x%x (%s), Unicorn 0x%x"
              .formatted(va, el0, pa, oneStage.fault(), expected));
    }
    tally.count("unicorn", expected < 0 ? "fetch refused" : "fetch");
  }

  /** What a long run sees: AT tells statuses as PAR_EL1.FST has them. */
  static Stream<String> expected() {
    Stream<String> one =
        Stream.of("success", "fetch", "fetch refused", "0x0", "0x4", "0x5", "0x6", "0x7", "0x9")
            .map(kind -> "unicorn: " + kind);
    Stream<String> more =
        Stream.of("0xa", "0xb", "0xd", "0xe", "0xf").map(kind -> "unicorn: " + kind);
    Stream<String> two =
        Stream.of("0x4", "0x6", "0x7", "0xa", "0xb", "0xe", "0xf")
            .map(kind -> "unicorn: " + kind + " stage 2");
    Stream<String> tables =
        Stream.of("0x4", "0x7", "0xb", "0xf")
            .map(kind -> "unicorn: " + kind + " stage 2 of a table");
    return Stream.concat(Stream.concat(one, more), Stream.concat(two, tables));
  }

  private long configure(RandomArm64Tables tables, Arm64Mmu mmu, SplittableRandom random) {
    tables.newRegisters();
    long sctlr = tables.newSctlr();
    long mair = random.nextLong() & 0x00ff_44bb_00f4_4404L;
    unicorn.write(sctlr, tables.tcr(), tables.ttbr(0), tables.ttbr(1), mair);
    mmu.writeTtbr0(tables.ttbr(0));
    mmu.writeTtbr1(tables.ttbr(1));
    mmu.writeTcr(tables.tcr());
    mmu.writeMair(mair);
    mmu.writeSctlr(sctlr);
    return mair;
  }

  private void newSecondStage(RandomArm64Tables tables, SplittableRandom random) {
    Granule granule = GRANULES[random.nextInt(GRANULES.length)];
    int bits = granule.log2Bytes();
    boolean is4K = granule == Granule.SIZE_4K;
    int startLevel = is4K ? random.nextInt(3) : random.nextInt(1, bits == 16 ? 4 : 3);
    int resolved = bits + granule.indexBits() * (3 - startLevel);
    int least = Math.max(33, resolved + 1);
    int most = Math.min(RandomArm64Tables.PA_BITS, resolved + granule.indexBits() + 4);
    int ipaBits = random.nextInt(least, most + 1);
    tables.newSecondStage(bits, startLevel, ipaBits);
    long vtcr = VtcrEl2.of(granule, ipaBits, startLevel, 5);
    if (random.nextInt(16) == 0) {
      // Sizes and start levels that do not fit together.
      vtcr = VtcrEl2.of(startLevel == 2 ? 40 : 30 - 9 * startLevel, startLevel % 3, 5);
    }
    long vmid = (long) random.nextInt(256) << 48;
    stage2.configure(vtcr, RandomArm64Tables.stage2Root() | vmid);
    unicorn.secondStage(vtcr, RandomArm64Tables.stage2Root() | vmid);
    twoStages.invalidate(new TlbInvalidation.All());
  }

  private void compare(
      Arm64Mmu mmu, RandomArm64Tables tables, AtOp op, long va, boolean pan, long mair) {
    long got = mmu.addressTranslate(op, va, pan);
    long wanted = unicorn.addressTranslate(op, va);
    if (mmu.fault().kind() == FaultRecord.EXTERNAL && sameTableNowhere(mmu.fault(), got, wanted)) {
      tally.count("unicorn", "table where no memory is");
      return;
    }
    boolean agree =
        (wanted & ParEl1.F) != 0 && (wanted & ParEl1.PTW) != 0
            ? sameTableFault(mmu.fault(), got, wanted)
            : same(got, wanted, mmu == twoStages);
    if (!agree && tables.meetsBlockWhereNoneIs(va) && isTranslationFault(got)) {
      // Unicorn takes it for a block (get_phys_addr_lpae looks at level 3 only).
      tally.count("unicorn", "block where none is");
      return;
    }
    if (mmu.fault().kind() != FaultRecord.NONE || !agree) {
      throw new FuzzMismatchException(
          "%s of 0x%x, PAN %b, MAIR 0x%x: PAR_EL1 0x%x, Unicorn's 0x%x (%s)"
              .formatted(op, va, pan, mair, got, wanted, mmu.fault()));
    }
    tally.count("unicorn", describe(got));
  }

  private static boolean isTranslationFault(long par) {
    return ParEl1.failed(par)
        && FaultStatus.kind(ParEl1.faultStatus(par)) == FaultStatus.TRANSLATION;
  }

  /**
   * Where no memory is Unicorn reads a zero, which is an absent entry of the same level, while the
   * manual wants an external abort on the walk.
   */
  private static boolean sameTableNowhere(FaultRecord fault, long par, long reference) {
    int level = FaultStatus.code(fault.syndrome()) & 3;
    return FaultStatus.kind(fault.syndrome()) == FaultStatus.EXTERNAL_ON_WALK
        && ParEl1.faultStatus(par) == (FaultStatus.EXTERNAL_ON_WALK | level)
        && ParEl1.failed(par)
        && ParEl1.failed(reference)
        && ParEl1.faultStatus(reference) == (FaultStatus.TRANSLATION | level);
  }

  /**
   * When a second stage refuses a stage-1 table, Unicorn overwrites the fault with a translation
   * fault of the stage-1 level (get_phys_addr_lpae, do_fault), where the manual wants the second
   * stage's own. So compare that level, and the second stage's fault with stage 1 switched off.
   */
  private boolean sameTableFault(FaultRecord fault, long par, long reference) {
    int stage1Level = FaultStatus.walkingLevel(fault.syndrome());
    long alone = unicorn.secondStageOnly(fault.gpa());
    return ParEl1.faultStatus(reference) == (FaultStatus.TRANSLATION | stage1Level)
        && (par & (ParEl1.S | ParEl1.PTW)) == (reference & (ParEl1.S | ParEl1.PTW))
        && ParEl1.failed(par)
        && (alone & PAR_FAILURE) == (par & PAR_FAILURE & ~ParEl1.PTW);
  }

  /**
   * Unicorn reports the descriptor's SH even for memory whose type decides it. Of two stages of
   * which one is a device it takes bits of the other's cacheability for the device's kind.
   */
  private static boolean same(long par, long reference, boolean nested) {
    if (ParEl1.failed(par) || ParEl1.failed(reference)) {
      return (par & PAR_FAILURE) == (reference & PAR_FAILURE);
    }
    if (ParEl1.pa(par) != ParEl1.pa(reference)) {
      return false;
    }
    int attributes = (int) (par >>> 56);
    boolean device = (attributes & 0xf0) == 0;
    boolean typeDecides = device || attributes == NON_CACHEABLE;
    long ignored = typeDecides ? 3L << 7 : 0;
    ignored |= device && nested ? 0xfL << 56 : 0;
    return (par & ~ignored) == (reference & ~ignored);
  }

  private static String describe(long par) {
    if (!ParEl1.failed(par)) {
      return "success";
    }
    String stage2 = (par & ParEl1.S) != 0 ? " stage 2" : "";
    String walk = (par & ParEl1.PTW) != 0 ? " of a table" : "";
    return "0x%x%s%s".formatted(ParEl1.faultStatus(par), stage2, walk);
  }

  private Arm64Mmu mmu(SecondStage second) {
    return new Arm64Mmu(unicorn, second, FillCache.NONE, RandomArm64Tables.PA_BITS, counters);
  }

  private static SecondStage flat() {
    return (gpa, access, fault) -> Translation.of(gpa >>> 12, Protection.ALL, 36, 36);
  }

  @Override
  public void close() {
    unicorn.close();
  }
}
