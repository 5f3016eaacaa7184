package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.MmioDevice;

/** A GICv2 of four CPUs and 288 interrupts, and short names for its registers. */
abstract class Gicv2Rig {
  static final int CTLR = 0x000;
  static final int IGROUPR = 0x080;
  static final int ISENABLER = 0x100;
  static final int ICENABLER = 0x180;
  static final int ISPENDR = 0x200;
  static final int ICPENDR = 0x280;
  static final int ISACTIVER = 0x300;
  static final int ICACTIVER = 0x380;
  static final int IPRIORITYR = 0x400;
  static final int ITARGETSR = 0x800;
  static final int ICFGR = 0xc00;
  static final int SGIR = 0xf00;
  static final int CPENDSGIR = 0xf10;
  static final int SPENDSGIR = 0xf20;
  static final int PMR = 0x04;
  static final int BPR = 0x08;
  static final int IAR = 0x0c;
  static final int EOIR = 0x10;
  static final int RPR = 0x14;
  static final int HPPIR = 0x18;
  static final int ABPR = 0x1c;
  static final int AIAR = 0x20;
  static final int AEOIR = 0x24;
  static final int AHPPIR = 0x28;
  static final int APR = 0xd0;
  static final int DIR = 0x1000;

  /** The CPU that reads and writes. */
  int cpu;

  Gicv2 gic = build(4, 8);
  MmioDevice distributor = gic.distributor();
  MmioDevice cpuInterface = gic.cpuInterface();

  final Gicv2 build(int cpus, int priorityBits) {
    return new Gicv2(cpus, 288, priorityBits, () -> cpu, (c, irq, fiq) -> {});
  }

  final void use(Gicv2 other) {
    gic = other;
    distributor = gic.distributor();
    cpuInterface = gic.cpuInterface();
  }

  final void dist(int offset, long value) {
    distributor.write(offset, 4, value);
  }

  final int dist(int offset) {
    return (int) distributor.read(offset, 4);
  }

  final void distByte(int offset, int value) {
    distributor.write(offset, 1, value);
  }

  final void cpui(int offset, long value) {
    cpuInterface.write(offset, 4, value);
  }

  final int cpui(int offset) {
    return (int) cpuInterface.read(offset, 4);
  }

  /** As Linux sets it up: everything in group 0, priority 0xa0, mask 0xf0. */
  final void enableAll() {
    dist(CTLR, 3);
    for (cpu = 3; cpu >= 0; cpu--) {
      cpui(0, 3);
      cpui(PMR, 0xf0);
      dist(ISENABLER, 0xffff_0000L);
      if (cpu == 0) {
        break;
      }
    }
    for (int intid = 0; intid < 288; intid++) {
      distByte(IPRIORITYR + intid, 0xa0);
    }
  }

  final void enableShared(int intid, int target, int priority) {
    dist(ISENABLER + intid / 32 * 4, 1L << intid % 32);
    distByte(ITARGETSR + intid, target);
    distByte(IPRIORITYR + intid, priority);
  }
}
