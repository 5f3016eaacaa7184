package dev.quire.mmu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.MmuCounters;
import dev.quire.mmu.Protection;
import dev.quire.mmu.SecondStage;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.arm64.oracle.ArrayMemory;
import dev.quire.mmu.arm64.oracle.OracleVmsa;
import org.junit.jupiter.api.Test;

/**
 * Every combination of the permission bits of a leaf and of the table above it, of WXN, HPD, the
 * access flag, and hardware's management of flags (HA, HD, DBM), for every access, against the
 * oracle, flags set included.
 */
class DescriptorPermutationTest {
  private static final long RAM = 0x4000_0000L;
  private static final long VA = 0x12_3456_7000L;
  private static final long PAGE = 0x4020_0000L;
  private static final int T_SZ = 25;

  private static final int CONFIGURATIONS = 1 << 15;
  private static final Arm64Features HAFDBS = new Arm64Features(true, false, false, false);
  private static final OracleVmsa.Features ORACLES =
      new OracleVmsa.Features(true, false, false, false);

  private final ArrayMemory memory = new ArrayMemory(RAM, 1 << 16);
  private final ArrayMemory theirs = new ArrayMemory(RAM, 1 << 16);
  private long leafPa;
  private long leaf;

  @Test
  void rightsFollowTheManualForEveryBitCombination() {
    Arm64Mmu mmu = new Arm64Mmu(memory, flat(), FillCache.NONE, 44, new MmuCounters(), HAFDBS);
    Stage1PteFormat format = new Stage1PteFormat(Granule.SIZE_4K, 64 - T_SZ, true);
    TableBuilder tables = new TableBuilder(memory, format, new TableBuilder.FrameSource(RAM));
    leafPa = tables.map(VA, PAGE, 0, Protection.READ);
    long tablePa = tables.entryPa(VA, 1);
    long table = memory.readLong(tablePa);
    mmu.writeTtbr0(tables.rootPa());
    System.arraycopy(memory.words(), 0, theirs.words(), 0, memory.words().length);
    int checked = 0;
    for (int config = 0; config < CONFIGURATIONS; config++) {
      long ap = (long) (config & 3) << 6;
      long never = (long) (config >> 2 & 3) << 53;
      long hierarchical = (long) (config >> 4 & 15) << 59;
      long af = (long) (config >> 8 & 1) << 10;
      long wxn = (long) (config >> 9 & 1) << 19;
      long hpd = (long) (config >> 10 & 1) << 41;
      long flags = (config >> 13 & 1) * TcrEl1.HA | (config >> 14 & 1) * TcrEl1.HD;
      // Bits without effect here: Contiguous, the NS bit and nG; DBM unless HD is set.
      long noise = (config >> 11 & 1) != 0 ? 1L << 52 | 1L << 5 : 0;
      noise |= (config >> 12 & 1) != 0 ? 1L << 51 | 1L << 11 : 0;
      leaf = PAGE | 3 | ap | never | af | noise;
      memory.writeLong(tablePa, table | hierarchical);
      theirs.writeLong(tablePa, table | hierarchical);
      OracleVmsa.Registers registers =
          new OracleVmsa.Registers(
              1 | wxn, T_SZ | 2L << 32 | hpd | flags, tables.rootPa(), 0, 44, ORACLES);
      mmu.writeTcr(registers.tcr());
      mmu.writeSctlr(registers.sctlr());
      OracleVmsa oracle = new OracleVmsa(theirs, registers, OracleVmsa.Stage2Registers.NONE);
      checked += checkAccesses(mmu, oracle, config);
    }
    assertThat(checked).isEqualTo(CONFIGURATIONS * 12);
  }

  private int checkAccesses(Arm64Mmu mmu, OracleVmsa oracle, int config) {
    int checked = 0;
    for (OracleVmsa.Type type : OracleVmsa.Type.values()) {
      for (boolean el0 : new boolean[] {false, true}) {
        for (boolean pan : new boolean[] {false, true}) {
          memory.writeLong(leafPa, leaf);
          theirs.writeLong(leafPa, leaf);
          mmu.invalidate(new TlbInvalidation.All());
          OracleVmsa.Answer expected = oracle.translate(new OracleVmsa.Request(VA, type, el0, pan));
          int access =
              type.ordinal() | (el0 ? Access.USER : 0) | (pan ? 0 : Access.USER_DATA_ALLOWED);
          long answer = mmu.translate(VA, access);
          boolean permitted = expected.fault() == OracleVmsa.Fault.NONE;
          boolean sameFlags = memory.readLong(leafPa) == theirs.readLong(leafPa);
          if (permitted == Translation.failed(answer) || !sameFlags) {
            throw new AssertionError(
                "config 0x%x %s el0=%b pan=%b: the manual says %s"
                    .formatted(config, type, el0, pan, expected.fault()));
          }
          if (!permitted) {
            assertThat(mmu.fault().syndrome()).isEqualTo(expected.statusCode());
          }
          checked++;
        }
      }
    }
    return checked;
  }

  private static SecondStage flat() {
    return (gpa, access, fault) -> Translation.of(gpa >>> 12, Protection.ALL, 27, 27);
  }
}
