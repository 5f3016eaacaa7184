package dev.quire.emulator.device.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.TestTime;
import org.junit.jupiter.api.Test;

class IoApicTest {
  private final TestTime time = new TestTime();
  private final ApicBus bus = new ApicBus();
  private final RecordingSignals signals = new RecordingSignals();
  private final LocalApic[] locals = new LocalApic[2];
  private final IoApic ioApic = new IoApic(bus);

  IoApicTest() {
    for (int cpu = 0; cpu < 2; cpu++) {
      locals[cpu] =
          new LocalApic(cpu, bus, signals, ExternalInterruptSource.NONE, time, time.events());
      locals[cpu].writeWord(0xf0, 0x1ff);
    }
  }

  private int read(int register) {
    ioApic.writeWord(0x00, register);
    return ioApic.readWord(0x10);
  }

  private void write(int register, int value) {
    ioApic.writeWord(0x00, register);
    ioApic.writeWord(0x10, value);
  }

  private void redirect(int pin, int low, int destination) {
    write(0x11 + 2 * pin, destination << 24);
    write(0x10 + 2 * pin, low);
  }

  @Test
  void registersReadAsTheDataSheetSays() {
    assertThat(read(1)).isEqualTo(0x0017_0011);
    write(0, -1);
    assertThat(read(0)).isEqualTo(0x0f00_0000);
    for (int pin = 0; pin < 24; pin++) {
      assertThat(read(0x10 + 2 * pin)).isEqualTo(0x10000);
    }
    write(0x10, -1);
    write(0x11, -1);
    assertThat(read(0x10)).isEqualTo(0x1afff); // delivery status and remote IRR are read-only
    assertThat(read(0x11)).isEqualTo(0xff00_0000);
    assertThat(read(0x40)).isZero();
  }

  @Test
  void anEdgeIsDeliveredToItsDestination() {
    redirect(4, 0x34, 1);
    ioApic.line(4).pulse();
    ioApic.line(4).set(true); // merges with the first, which still waits
    assertThat(locals[1].acknowledge()).isEqualTo(0x34);
    locals[1].writeWord(0xb0, 0);
    ioApic.line(4).set(true); // no edge
    assertThat(locals[0].pendingVector()).isEqualTo(-1);
    assertThat(locals[1].pendingVector()).isEqualTo(-1);
  }

  @Test
  void anEdgeOnAMaskedPinIsLost() {
    redirect(4, 0x10034, 0);
    ioApic.line(4).set(true);
    redirect(4, 0x34, 0);
    assertThat(locals[0].pendingVector()).isEqualTo(-1);
  }

  @Test
  void aLevelIsHeldByRemoteIrrUntilEoiAndThenRepeatsWhileAsserted() {
    InterruptLine line = ioApic.line(10);
    line.set(true);
    redirect(10, 0x8045, 0);
    assertThat(read(0x10 + 20)).isEqualTo(0xc045);
    assertThat(locals[0].acknowledge()).isEqualTo(0x45);
    assertThat(locals[0].readWord(0x180 + 0x20) & 1 << 5).isNotZero(); // TMR
    line.set(false);
    line.set(true);
    assertThat(locals[0].pendingVector()).isEqualTo(-1);
    locals[0].writeWord(0xb0, 0);
    assertThat(locals[0].acknowledge()).isEqualTo(0x45);
    line.set(false);
    line.set(true);
    line.set(false); // came and went while in service
    locals[0].writeWord(0xb0, 0);
    assertThat(locals[0].pendingVector()).isEqualTo(-1);
    assertThat(read(0x10 + 20)).isEqualTo(0x8045);
  }

  @Test
  void makingAnEntryEdgeTriggeredClearsRemoteIrr() {
    ioApic.line(3).set(true);
    redirect(3, 0x8041, 0);
    assertThat(read(0x16) & 0x4000).isNotZero();
    redirect(3, 0x0041, 0);
    assertThat(read(0x16) & 0x4000).isZero();
  }

  @Test
  void aLevelNobodyAcceptsSetsNoRemoteIrr() {
    redirect(5, 0x8055, 7); // no such APIC
    ioApic.line(5).set(true);
    assertThat(read(0x1a) & 0x4000).isZero();
    redirect(5, 0x8055, 1);
    assertThat(locals[1].pendingVector()).isEqualTo(0x55);
  }

  @Test
  void logicalDestinationsNmiAndLowestPriorityPassThrough() {
    locals[0].writeWord(0xd0, 0x0100_0000);
    locals[1].writeWord(0xd0, 0x0200_0000);
    locals[0].setTaskPriority(0x20);
    redirect(6, 0x0966, 3); // logical, lowest priority
    ioApic.line(6).pulse();
    assertThat(locals[1].pendingVector()).isEqualTo(0x66);
    assertThat(locals[0].pendingVector()).isEqualTo(-1);
    redirect(7, 0x0400, 0);
    ioApic.line(7).pulse();
    assertThat(signals.log()).containsExactly("nmi 0");
  }

  @Test
  void theTimerReachesPinTwoAndPicPinZero() {
    PicPair pic = new PicPair(InterruptLine.none());
    pic.writeByte(0x20, 0x11);
    pic.writeByte(0x21, 0x20);
    pic.writeByte(0x21, 0x04);
    pic.writeByte(0x21, 0x01);
    PcInterruptRouter router = new PcInterruptRouter(pic, ioApic);
    redirect(2, 0x30, 0);
    router.isa(0).pulse();
    assertThat(pic.peekVector()).isEqualTo(0x20);
    assertThat(locals[0].pendingVector()).isEqualTo(0x30);
    redirect(20, 0x60, 0);
    router.gsi(20).pulse();
    assertThat(locals[0].pendingVector()).isEqualTo(0x60);
  }
}
