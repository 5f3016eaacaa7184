package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.TestTime;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class LocalApicTest {
  private static final int TPR = 0x80;
  private static final int EOI = 0xb0;
  private static final int LDR = 0xd0;
  private static final int DFR = 0xe0;
  private static final int SVR = 0xf0;
  private static final int ESR = 0x280;
  private static final int ICR = 0x300;
  private static final int ICR_HIGH = 0x310;
  private static final int LVT_LINT0 = 0x350;
  private static final int LVT_ERROR = 0x370;

  private final TestTime time = new TestTime();
  private final RecordingSignals signals = new RecordingSignals();
  private final ApicBus bus = new ApicBus();
  private final StubPic pic = new StubPic();
  private final LocalApic[] apics = new LocalApic[4];

  LocalApicTest() {
    for (int cpu = 0; cpu < apics.length; cpu++) {
      apics[cpu] = new LocalApic(cpu, bus, signals, pic, time, time.events());
      apics[cpu].writeWord(SVR, 0x1ff);
    }
  }

  private static final class StubPic implements ExternalInterruptSource {
    private int vector = -1;

    @Override
    public boolean isPending() {
      return vector >= 0;
    }

    @Override
    public int peekVector() {
      return vector;
    }

    @Override
    public int acknowledge() {
      int taken = vector;
      vector = -1;
      return taken;
    }
  }

  private static ApicMessage fixed(int vector, int destination) {
    return new ApicMessage(vector, ApicMessage.FIXED, false, false, destination);
  }

  private void sendIpi(int from, int destination, int low) {
    apics[from].writeWord(ICR_HIGH, destination << 24);
    apics[from].writeWord(ICR, low);
  }

  private String pending() {
    StringBuilder text = new StringBuilder();
    for (LocalApic each : apics) {
      text.append(each.pendingVector()).append(' ');
    }
    return text.toString().trim();
  }

  @Test
  void resetValuesAreThoseOfTheManual() {
    LocalApic fresh = new LocalApic(1, new ApicBus(), signals, pic, time, time.events());
    assertThat(fresh.readWord(0x20)).isEqualTo(1 << 24);
    assertThat(fresh.readWord(0x30)).isEqualTo(0x50014);
    assertThat(fresh.readWord(DFR)).isEqualTo(-1);
    assertThat(fresh.readWord(SVR)).isEqualTo(0xff);
    for (int lvt = 0x320; lvt <= 0x370; lvt += 0x10) {
      assertThat(fresh.readWord(lvt)).isEqualTo(0x10000);
    }
    assertThat(fresh.apicBase()).isEqualTo(0xfee00800L);
    assertThat(apics[0].apicBase()).isEqualTo(0xfee00900L);
  }

  @Test
  void theHighestVectorComesFirstAndBlocksItsClassUntilEoi() {
    bus.deliver(fixed(0x41, 0));
    bus.deliver(fixed(0x45, 0));
    assertThat(apics[0].acknowledge()).isEqualTo(0x45);
    assertThat(apics[0].pendingVector()).isEqualTo(-1); // same class
    bus.deliver(fixed(0x50, 0));
    assertThat(apics[0].acknowledge()).isEqualTo(0x50);
    assertThat(apics[0].readWord(0xa0)).isEqualTo(0x50);
    apics[0].writeWord(EOI, 0);
    assertThat(apics[0].pendingVector()).isEqualTo(-1);
    apics[0].writeWord(EOI, 0);
    assertThat(apics[0].acknowledge()).isEqualTo(0x41);
  }

  @Test
  void taskPriorityHoldsItsClassBack() {
    apics[0].setTaskPriority(0x40);
    bus.deliver(fixed(0x4f, 0));
    assertThat(apics[0].pendingVector()).isEqualTo(-1);
    bus.deliver(fixed(0x50, 0));
    assertThat(apics[0].pendingVector()).isEqualTo(0x50);
    apics[0].writeWord(TPR, 0x50);
    assertThat(apics[0].pendingVector()).isEqualTo(-1);
    assertThat(apics[0].acknowledge()).isEqualTo(0xff); // spurious
    apics[0].writeWord(TPR, 0);
    assertThat(apics[0].acknowledge()).isEqualTo(0x50);
  }

  /** Pending and priority selection against sets searched by the manual's words. */
  @Test
  void randomDeliveriesAgreeWithTheObviousPriorityRules() {
    Random random = new Random(7);
    TreeSet<Integer> irr = new TreeSet<>();
    TreeSet<Integer> isr = new TreeSet<>();
    int tpr = 0;
    LocalApic apic = apics[0];
    for (int step = 0; step < TestTime.scaled(20_000); step++) {
      switch (random.nextInt(5)) {
        case 0, 1 -> {
          int vector = 16 + random.nextInt(240);
          bus.deliver(fixed(vector, 0));
          irr.add(vector);
        }
        case 2 -> {
          tpr = random.nextInt(256);
          apic.writeWord(TPR, tpr);
        }
        case 3 -> {
          apic.writeWord(EOI, 0);
          isr.pollLast();
        }
        default -> {
          int serving = isr.isEmpty() ? 0 : isr.last();
          int threshold = Math.max(tpr >>> 4, serving >>> 4);
          int best = irr.isEmpty() ? 0 : irr.last();
          int expected = best >>> 4 > threshold ? best : -1;
          assertThat(apic.pendingVector()).isEqualTo(expected);
          if (expected >= 0) {
            assertThat(apic.acknowledge()).isEqualTo(expected);
            irr.remove(expected);
            isr.add(expected);
          }
        }
      }
    }
    for (int vector = 0; vector < 256; vector++) {
      int bit = 1 << (vector & 31);
      int word = vector >>> 5 << 4;
      assertThat((apic.readWord(0x200 + word) & bit) != 0).isEqualTo(irr.contains(vector));
      assertThat((apic.readWord(0x100 + word) & bit) != 0).isEqualTo(isr.contains(vector));
    }
  }

  @Test
  void physicalDestinationsAndShorthands() {
    sendIpi(0, 2, 0x4041);
    assertThat(pending()).isEqualTo("-1 -1 65 -1");
    sendIpi(0, 0xff, 0x4050);
    assertThat(pending()).isEqualTo("80 80 80 80");
    sendIpi(1, 0, 0x4_4061);
    assertThat(pending()).isEqualTo("80 97 80 80");
    sendIpi(1, 0, 0xc_4071);
    assertThat(pending()).isEqualTo("113 97 113 113");
    sendIpi(1, 0, 0x8_4081);
    assertThat(pending()).isEqualTo("129 129 129 129");
    assertThat(apics[0].readWord(ICR) & 0x1000).isZero();
  }

  @Test
  void logicalFlatAndClusterDestinations() {
    for (int cpu = 0; cpu < 4; cpu++) {
      apics[cpu].writeWord(LDR, 1 << cpu + 24);
    }
    sendIpi(0, 0b1010, 0x4841);
    assertThat(pending()).isEqualTo("-1 65 -1 65");
    for (int cpu = 0; cpu < 4; cpu++) {
      apics[cpu].writeWord(DFR, 0);
      apics[cpu].writeWord(LDR, (cpu / 2 << 4 | 1 << cpu % 2) << 24);
    }
    sendIpi(0, 0x13, 0x4851);
    assertThat(pending()).isEqualTo("-1 65 81 81");
    sendIpi(0, 0xf1, 0x4861);
    assertThat(pending()).isEqualTo("97 65 97 81");
    sendIpi(0, 0xff, 0x4871);
    assertThat(pending()).isEqualTo("113 113 113 113");
  }

  @Test
  void lowestPriorityPicksTheLeastBusy() {
    apics[0].setTaskPriority(0x30);
    apics[1].setTaskPriority(0x20);
    apics[2].setTaskPriority(0x10);
    apics[3].setTaskPriority(0x10);
    bus.deliver(new ApicMessage(0x41, ApicMessage.LOWEST_PRIORITY, false, false, 0xff));
    assertThat(pending()).isEqualTo("-1 -1 65 -1");
    apics[2].writeWord(SVR, 0xff); // software-disabled ones do not take part
    bus.deliver(new ApicMessage(0x51, ApicMessage.LOWEST_PRIORITY, false, false, 0xff));
    assertThat(pending()).isEqualTo("-1 -1 65 81");
  }

  @Test
  void initStartupAndNmiReachTheVcpus() {
    sendIpi(0, 0, 0xc_4500);
    sendIpi(0, 0, 0xc_8500); // level de-assert does nothing
    sendIpi(0, 1, 0x4608);
    sendIpi(0, 3, 0x4400);
    sendIpi(0, 3, 0x4200); // SMI is ignored
    assertThat(signals.log()).containsExactly("init 1", "init 2", "init 3", "sipi 1 8", "nmi 3");
    assertThat(apics[1].readWord(SVR)).isEqualTo(0xff);
    assertThat(apics[0].readWord(SVR)).isEqualTo(0x1ff);
  }

  @Test
  void aSoftwareDisabledApicTakesNoFixedInterruptsAndMasksItsTable() {
    apics[1].writeWord(LVT_ERROR, 0x31);
    apics[1].writeWord(SVR, 0xff);
    assertThat(bus.deliver(fixed(0x40, 1))).isFalse();
    assertThat(apics[1].readWord(LVT_ERROR)).isEqualTo(0x10031);
    apics[1].writeWord(LVT_ERROR, 0x31);
    assertThat(apics[1].readWord(LVT_ERROR)).isEqualTo(0x10031);
    apics[1].writeWord(SVR, 0x1ff);
    assertThat(apics[1].readWord(LVT_ERROR)).isEqualTo(0x10031);
  }

  @Test
  void errorsAreLatchedByWritingEsrAndInterruptOnce() {
    apics[0].writeWord(LVT_ERROR, 0xfe);
    sendIpi(0, 1, 0x4005); // illegal vector
    assertThat(apics[0].readWord(ESR)).isZero();
    apics[0].writeWord(ESR, 0);
    assertThat(apics[0].readWord(ESR)).isEqualTo(0x20);
    assertThat(apics[0].acknowledge()).isEqualTo(0xfe);
    apics[0].writeWord(EOI, 0);
    apics[0].readWord(0x40);
    assertThat(apics[0].acknowledge()).isEqualTo(0xfe);
    apics[0].writeWord(EOI, 0);
    apics[0].readWord(0x40); // the same error, not read yet: no second interrupt
    assertThat(apics[0].pendingVector()).isEqualTo(-1);
    bus.deliver(fixed(3, 0));
    apics[0].writeWord(ESR, 0);
    assertThat(apics[0].readWord(ESR)).isEqualTo(0xc0);
    apics[0].writeWord(LVT_ERROR, 3); // itself illegal: no endless error
    apics[0].readWord(0x40);
  }

  @Test
  void extIntComesFromTheBootProcessorsLint0OutOfReset() {
    LocalApic boot = new LocalApic(0, new ApicBus(), signals, pic, time, time.events());
    pic.vector = 0x27;
    assertThat(boot.pendingVector()).isEqualTo(-1);
    boot.lint(0).set(true);
    boot.setTaskPriority(0xf0);
    assertThat(boot.pendingVector()).isEqualTo(0x27);
    assertThat(boot.acknowledge()).isEqualTo(0x27);
    assertThat(boot.readWord(0x110)).isZero(); // no ISR bit
    pic.vector = 0x21;
    boot.writeWord(LVT_LINT0, 0x10700);
    assertThat(boot.pendingVector()).isEqualTo(-1);
    LocalApic other = new LocalApic(1, new ApicBus(), signals, pic, time, time.events());
    other.lint(0).set(true);
    assertThat(other.pendingVector()).isEqualTo(-1);
  }

  @Test
  void aDisabledBootApicPassesThe8259Through() {
    apics[0].writeWord(LVT_LINT0, 0x10000);
    apics[0].lint(0).set(true);
    pic.vector = 0x20;
    assertThat(apics[0].pendingVector()).isEqualTo(-1);
    assertThat(apics[0].setApicBase(0xfee00100L)).isTrue();
    assertThat(apics[0].pendingVector()).isEqualTo(0x20);
    assertThat(apics[0].setApicBase(0xfee00c00L)).isFalse(); // x2APIC
  }

  @Test
  void lintPinsDeliverNmiEdgesAndLevels() {
    apics[2].writeWord(0x360, 0x400);
    apics[2].lint(1).pulse();
    assertThat(signals.log()).containsExactly("nmi 2");
    apics[2].writeWord(LVT_LINT0, 0x8061); // level, fixed
    apics[2].lint(0).set(true);
    assertThat(apics[2].readWord(LVT_LINT0)).isEqualTo(0xc061); // remote IRR
    assertThat(apics[2].acknowledge()).isEqualTo(0x61);
    assertThat(apics[2].pendingVector()).isEqualTo(-1);
    apics[2].writeWord(EOI, 0);
    assertThat(apics[2].pendingVector()).isEqualTo(0x61);
    apics[2].acknowledge();
    apics[2].lint(0).set(false);
    apics[2].writeWord(EOI, 0);
    assertThat(apics[2].pendingVector()).isEqualTo(-1);
    assertThat(apics[2].readWord(LVT_LINT0)).isEqualTo(0x8061);
  }

  @Test
  void anMsiIsAMessage() {
    assertThat(bus.deliver(ApicMessage.fromMsi(0xfee03000L, 0x4077))).isTrue();
    assertThat(pending()).isEqualTo("-1 -1 -1 119");
  }

  @Test
  void aPageGivesEachVcpuItsOwnApic() {
    int[] current = {0};
    LocalApicPage page = new LocalApicPage(java.util.List.of(apics), () -> current[0]);
    for (current[0] = 0; current[0] < 4; current[0]++) {
      assertThat(page.read(0x20, 4)).isEqualTo((long) current[0] << 24);
    }
  }
}
