package dev.quire.emulator.device.arm64;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import org.junit.jupiter.api.Test;

class Gicv2Test extends Gicv2Rig {
  @Test
  void identificationRegisters() {
    assertThat(dist(0x004)).isEqualTo(8 | 3 << 5);
    assertThat(dist(0xfe8)).isEqualTo(0x2b);
    assertThat(dist(0xffc)).isEqualTo(0xb1);
    assertThat(cpui(0xfc)).isEqualTo(0x0202_143b);
    assertThat(dist(ISENABLER)).isEqualTo(0xffff);
    assertThat(dist(ICFGR)).isEqualTo(0xaaaa_aaaa);
    assertThat(cpui(IAR)).isEqualTo(1023);
    assertThat(cpui(RPR)).isEqualTo(0xff);
  }

  @Test
  void sizesOutOfTheArchitectureAreRefused() {
    assertThatThrownBy(() -> build(9, 8)).hasMessageContaining("1 to 8");
    assertThatThrownBy(() -> build(1, 3)).hasMessageContaining("4 to 8");
    assertThatThrownBy(() -> new Gicv2(1, 100, 8, () -> 0, (c, i, f) -> {}))
        .hasMessageContaining("100 interrupts");
    assertThatThrownBy(() -> gic.shared(31)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> gic.privateInterrupt(4, 27))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aLevelSensitiveInterruptFollowsItsLine() {
    enableAll();
    enableShared(33, 1, 0xa0);
    InterruptLine line = gic.shared(33);
    line.set(true);
    assertThat(gic.irqAsserted(0)).isTrue();
    assertThat(gic.fiqAsserted(0)).isFalse();
    assertThat(dist(ISPENDR + 4)).isEqualTo(2);
    line.set(false);
    assertThat(gic.irqAsserted(0)).isFalse();
    line.set(true);
    assertThat(cpui(HPPIR)).isEqualTo(33);
    assertThat(cpui(IAR)).isEqualTo(33);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(dist(ISPENDR + 4)).isEqualTo(2); // active and pending
    assertThat(dist(ISACTIVER + 4)).isEqualTo(2);
    cpui(EOIR, 33);
    assertThat(gic.irqAsserted(0)).isTrue();
    cpui(IAR);
    line.set(false);
    cpui(EOIR, 33);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(cpui(IAR)).isEqualTo(1023);
  }

  @Test
  void anEdgeIsLatchedUntilAcknowledgedAndOnceMoreWhileActive() {
    enableAll();
    enableShared(40, 1, 0xa0);
    dist(ICFGR + 8, 2 << 16);
    InterruptLine line = gic.shared(40);
    line.pulse();
    assertThat(cpui(IAR)).isEqualTo(40);
    assertThat(dist(ISPENDR + 4)).isZero();
    line.pulse();
    line.pulse();
    assertThat(gic.irqAsserted(0)).isFalse();
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(40);
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(1023);
    line.set(true);
    line.pulse();
    dist(ICPENDR + 4, 1 << 8);
    assertThat(gic.irqAsserted(0)).isFalse();
  }

  @Test
  void aPendingBitSetBySoftwareStaysAfterTheLineFellAndEndsWithAcknowledge() {
    enableAll();
    enableShared(50, 1, 0xa0);
    dist(ISPENDR + 4, 1 << 18);
    assertThat(gic.irqAsserted(0)).isTrue();
    gic.shared(50).pulse();
    assertThat(gic.irqAsserted(0)).isTrue();
    cpui(IAR);
    cpui(EOIR, 50);
    assertThat(gic.irqAsserted(0)).isFalse();
    gic.shared(50).set(true);
    dist(ICPENDR + 4, 1 << 18);
    assertThat(gic.irqAsserted(0)).isTrue(); // the line still asks
  }

  @Test
  void privateInterruptsAreBanked() {
    enableAll();
    InterruptLine timer = gic.privateInterrupt(2, 27);
    timer.set(true);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(gic.irqAsserted(2)).isTrue();
    assertThat(dist(ISPENDR)).isZero();
    cpu = 2;
    assertThat(dist(ISPENDR)).isEqualTo(1 << 27);
    assertThat(cpui(IAR)).isEqualTo(27);
  }

  @Test
  void sharedInterruptsGoToTheirTargetsAndOneAcknowledges() {
    enableAll();
    enableShared(60, 0b0110, 0xa0);
    assertThat(dist(ITARGETSR + 60)).isEqualTo(0b0110);
    assertThat(dist(ITARGETSR)).isEqualTo(0x0101_0101);
    gic.shared(60).set(true);
    assertThat(gic.irqAsserted(1)).isTrue();
    assertThat(gic.irqAsserted(2)).isTrue();
    assertThat(gic.irqAsserted(3)).isFalse();
    cpu = 1;
    assertThat(dist(ITARGETSR)).isEqualTo(0x0202_0202);
    assertThat(cpui(IAR)).isEqualTo(60);
    assertThat(gic.irqAsserted(2)).isFalse();
    cpu = 2;
    assertThat(cpui(IAR)).isEqualTo(1023);
  }

  @Test
  void aUniprocessorHasNoTargets() {
    use(build(1, 8));
    dist(CTLR, 1);
    cpui(0, 1);
    cpui(PMR, 0xff);
    enableShared(60, 0, 0xa0);
    assertThat(dist(ITARGETSR)).isZero();
    assertThat(dist(ITARGETSR + 60)).isZero();
    gic.shared(60).set(true);
    assertThat(cpui(IAR)).isEqualTo(60);
  }

  @Test
  void sgisReachListOthersOrSelfAndKeepTheirSources() {
    enableAll();
    dist(SGIR, 0b1001 << 16 | 5);
    cpu = 1;
    dist(SGIR, 1 << 24 | 5);
    dist(SGIR, 2 << 24 | 6);
    dist(SGIR, 3 << 24 | 7);
    assertThat(gic.irqAsserted(1)).isTrue();
    assertThat(cpui(IAR)).isEqualTo(6 | 1 << 10);
    cpui(EOIR, 6 | 1 << 10);
    cpu = 0;
    assertThat(dist(SPENDSGIR + 4)).isEqualTo(0b11 << 8);
    assertThat(cpui(IAR)).isEqualTo(5);
    assertThat(cpui(IAR)).isEqualTo(1023); // same priority
    cpui(EOIR, 5);
    assertThat(cpui(HPPIR)).isEqualTo(5 | 1 << 10);
    assertThat(cpui(IAR)).isEqualTo(5 | 1 << 10);
    cpu = 2;
    assertThat(cpui(IAR)).isEqualTo(5 | 1 << 10);
    cpu = 3;
    distByte(CPENDSGIR + 5, 0b11);
    assertThat(gic.irqAsserted(3)).isFalse();
    distByte(SPENDSGIR + 9, 0b100);
    assertThat(cpui(IAR)).isEqualTo(9 | 2 << 10);
  }

  @Test
  void sgisStayEnabledAndTheirPendingBitsAreReadOnly() {
    enableAll();
    dist(ICENABLER, 0xffff_ffffL);
    assertThat(dist(ISENABLER)).isEqualTo(0xffff);
    dist(ISPENDR, 0xffff);
    assertThat(dist(ISPENDR)).isZero();
    dist(SGIR, 2 << 24 | 1);
    dist(ICPENDR, 0xffff);
    assertThat(dist(ISPENDR)).isEqualTo(2);
  }

  @Test
  void lowerValuesPreemptAndThePriorityDropsOnEnd() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 1, 0x40);
    enableShared(42, 1, 0x40);
    gic.shared(40).set(true);
    assertThat(cpui(IAR)).isEqualTo(40);
    assertThat(cpui(RPR)).isEqualTo(0x80);
    gic.shared(42).set(true);
    gic.shared(41).set(true);
    assertThat(gic.irqAsserted(0)).isTrue();
    assertThat(cpui(IAR)).isEqualTo(41); // lowest id first
    assertThat(cpui(RPR)).isEqualTo(0x40);
    assertThat(gic.irqAsserted(0)).isFalse();
    gic.shared(41).set(false);
    cpui(EOIR, 41);
    assertThat(cpui(RPR)).isEqualTo(0x80);
    assertThat(cpui(IAR)).isEqualTo(42);
    cpui(EOIR, 42);
    cpui(EOIR, 40);
    assertThat(cpui(RPR)).isEqualTo(0xff);
  }

  @Test
  void theMaskIsStrictAndTheBinaryPointStopsPreemption() {
    enableAll();
    enableShared(40, 1, 0x50);
    gic.shared(40).set(true);
    cpui(PMR, 0x50);
    assertThat(gic.irqAsserted(0)).isFalse();
    assertThat(cpui(IAR)).isEqualTo(1023);
    assertThat(cpui(HPPIR)).isEqualTo(40);
    cpui(PMR, 0x51);
    assertThat(cpui(IAR)).isEqualTo(40);
    enableShared(41, 1, 0x48);
    cpui(BPR, 4); // group priority: bits 7..5
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(40);
    assertThat(cpui(RPR)).isEqualTo(0x40);
    gic.shared(41).set(true);
    assertThat(gic.irqAsserted(0)).isFalse(); // 0x48 and 0x50 share their group priority
    cpui(BPR, 2);
    assertThat(gic.irqAsserted(0)).isFalse(); // running is 0x40 since the acknowledge
    distByte(IPRIORITYR + 41, 0x38);
    assertThat(gic.irqAsserted(0)).isTrue();
  }

  @Test
  void fivePriorityBitsReadBackAsFive() {
    use(build(2, 5));
    distByte(IPRIORITYR + 40, 0xff);
    assertThat(dist(IPRIORITYR + 40)).isEqualTo(0xf8);
    cpui(PMR, 0xff);
    assertThat(cpui(PMR)).isEqualTo(0xf8);
    cpui(BPR, 0);
    assertThat(cpui(BPR)).isEqualTo(2);
    cpui(ABPR, 0);
    assertThat(cpui(ABPR)).isEqualTo(3);
    cpui(APR, -1L);
    cpui(APR + 4, -1L);
    assertThat(cpui(APR)).isEqualTo(-1);
    assertThat(cpui(APR + 4)).isZero();
  }

  @Test
  void groupZeroGoesToFiqWithFiqEnAndGroupOneToIrq() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 1, 0x90);
    dist(IGROUPR + 4, 1 << 9);
    cpui(0, 3 | 8);
    gic.shared(41).set(true);
    assertThat(gic.irqAsserted(0)).isTrue();
    assertThat(gic.fiqAsserted(0)).isFalse();
    gic.shared(40).set(true);
    assertThat(gic.irqAsserted(0)).isFalse(); // only the highest is signalled
    assertThat(gic.fiqAsserted(0)).isTrue();
    assertThat(cpui(AIAR)).isEqualTo(1023);
    assertThat(cpui(AHPPIR)).isEqualTo(1023);
    assertThat(cpui(IAR)).isEqualTo(40);
    gic.shared(40).set(false);
    cpui(EOIR, 40);
    assertThat(cpui(IAR)).isEqualTo(1022);
    assertThat(cpui(HPPIR)).isEqualTo(1022);
    assertThat(cpui(AHPPIR)).isEqualTo(41);
    assertThat(cpui(AIAR)).isEqualTo(41);
    assertThat(cpui(0xe0 + 8)).isEqualTo(1 << 8); // NSAPR: level 0x90 / 2 = 72
    cpui(AEOIR, 41);
    assertThat(cpui(0xe0 + 8)).isZero();
    dist(CTLR, 1); // the distributor forwards only group 0
    assertThat(gic.irqAsserted(0)).isFalse();
  }

  @Test
  void aSplitEndDropsThePriorityFirstAndDeactivatesByDir() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 1, 0x80);
    cpui(0, 1 << 9 | 1);
    gic.shared(40).set(true);
    assertThat(cpui(IAR)).isEqualTo(40);
    cpui(EOIR, 40);
    assertThat(dist(ISACTIVER + 4)).isEqualTo(1 << 8);
    assertThat(gic.irqAsserted(0)).isFalse();
    gic.shared(41).set(true);
    assertThat(cpui(IAR)).isEqualTo(41);
    cpui(DIR, 40);
    assertThat(dist(ISACTIVER + 4)).isEqualTo(1 << 9);
    cpui(0, 1);
    cpui(DIR, 41); // ignored without EOImode
    assertThat(dist(ISACTIVER + 4)).isEqualTo(1 << 9);
    dist(ICACTIVER + 4, 1 << 9);
    assertThat(dist(ISACTIVER + 4)).isZero();
  }

  @Test
  void narrowAndWideAccessesActOnTheirBytes() {
    distributor.write(IPRIORITYR + 40, 8, 0x8877_6655_4433_2211L);
    assertThat(distributor.read(IPRIORITYR + 43, 2)).isEqualTo(0x5544);
    assertThat(distributor.read(IPRIORITYR + 40, 8)).isEqualTo(0x8877_6655_4433_2211L);
    distributor.write(ISENABLER + 5, 1, 0x80);
    assertThat(dist(ISENABLER + 4)).isEqualTo(0x8000);
    distributor.write(ICENABLER + 5, 1, 0x80);
    assertThat(dist(ISENABLER + 4)).isZero();
    distributor.write(IGROUPR + 6, 2, 0xffff);
    assertThat(dist(IGROUPR + 4)).isEqualTo(0xffff_0000);
    distributor.write(ICFGR + 9, 1, 0xff);
    assertThat(dist(ICFGR + 8)).isEqualTo(0xaa00);
  }

  @Test
  void theWholeStateSurvivesSavingAndLoading() {
    enableAll();
    enableShared(40, 1, 0x80);
    enableShared(41, 3, 0x70);
    gic.shared(40).set(true);
    cpui(IAR);
    gic.shared(41).set(true);
    dist(SGIR, 1 << 24 | 5);
    StateWriter writer = new StateWriter();
    gic.save(writer);
    Gicv2 before = gic;
    use(build(4, 8));
    gic.load(new StateReader(writer.toByteArray()));
    for (int each = 0; each < 4; each++) {
      assertThat(gic.irqAsserted(each)).isEqualTo(before.irqAsserted(each)).isTrue();
    }
    assertThat(cpui(IAR)).isEqualTo(41);
    assertThat(cpui(RPR)).isEqualTo(0x70);
    cpui(EOIR, 41);
    assertThat(cpui(RPR)).isEqualTo(0x80);
    StateWriter again = new StateWriter();
    Gicv2 copy = build(4, 8);
    copy.load(new StateReader(writer.toByteArray()));
    copy.save(again);
    assertThat(again.toByteArray()).isEqualTo(writer.toByteArray());
  }
}
